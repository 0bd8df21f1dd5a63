import type { Deployment } from '../providers/deployment.ts';
import type { PriceBook } from '../usage/price-book.ts';
import type { Health } from './health.ts';

export interface PickFacts {
  readonly strategy: string;
  readonly nowMs: number;
  readonly random: () => number;
  readonly prices: Pick<PriceBook, 'priceOf'>;
  readonly healthOf: (deployment: Deployment) => Health;
}

/** One of these deployments; there is at least one. */
export function pick(candidates: readonly Deployment[], facts: PickFacts): Deployment {
  const { nowMs, healthOf } = facts;
  switch (facts.strategy) {
    case 'least-busy':
      return least(candidates, (one) => healthOf(one).inFlight, facts);
    case 'latency-based-routing':
      return least(candidates, (one) => healthOf(one).latencyAt(nowMs), facts);
    case 'usage-based-routing':
    case 'usage-based-routing-v2':
      return least(candidates, (one) => healthOf(one).tokensAt(nowMs), facts);
    case 'cost-based-routing':
      return least(candidates, (one) => priceOf(one, facts), facts);
    default:
      return shuffled(candidates, facts.random);
  }
}

/** Among equals by weight, so that the first of them does not get everything. */
function least(
  candidates: readonly Deployment[],
  measure: (deployment: Deployment) => number,
  { random }: PickFacts,
): Deployment {
  const measures = candidates.map(measure);
  const lowest = Math.min(...measures);
  return shuffled(
    candidates.filter((_, at) => measures[at] === lowest),
    random,
  );
}

/** By `weight`, where any has one, else by `rpm`, else by `tpm`: who has none of what counts then, gets nothing, as with LiteLLM. */
function shuffled(candidates: readonly Deployment[], random: () => number): Deployment {
  if (candidates.length === 1) return candidates[0]!;
  const by = (['weight', 'requestsPerMinute', 'tokensPerMinute'] as const).find((name) =>
    candidates.some(({ config }) => config[name] !== undefined),
  );
  let weights = candidates.map(({ config }) => (by === undefined ? 1 : (config[by] ?? 0)));
  if (weights.every((weight) => weight === 0)) weights = candidates.map(() => 1);
  let at = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, candidate] of candidates.entries()) {
    at -= weights[index]!;
    if (at < 0) return candidate;
  }
  return candidates[weights.findLastIndex((weight) => weight > 0)]!;
}

/** For a token of input and one of output; what nobody prices is used last. */
function priceOf(deployment: Deployment, { prices }: PickFacts): number {
  const rates = prices.priceOf(deployment)?.standard;
  return rates === undefined
    ? Number.POSITIVE_INFINITY
    : Number(rates.input ?? 0n) + Number(rates.output ?? 0n);
}
