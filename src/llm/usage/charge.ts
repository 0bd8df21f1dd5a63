import type { Json, JsonObject } from '../conversation/parts.ts';
import type { LlmCall } from '../llm-call.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { costOf } from './price.ts';
import type { PriceBook } from './price-book.ts';
import { NO_USAGE, type Spent, sumOf } from './spent.ts';

/**
 * Adds what one turn of a deployment used to what the request used and costs: turns are priced one by one, as providers do it. `ms`: how long it took.
 * `tier`: the service tier that the deployment was asked for, which is none where its format cannot say the client's.
 */
export function charge(
  outcome: LlmOutcome,
  tier: string | undefined,
  deployment: Deployment,
  spent: Spent | undefined,
  ms: number,
  prices: PriceBook,
): void {
  if (spent !== undefined) {
    outcome.usage = sumOf(outcome.usage, spent.usage);
    outcome.isEstimated ||= spent.isEstimated;
  }
  const price = prices.priceOf(deployment);
  if (price === undefined || (spent === undefined && price.second === undefined)) return;
  const usage = spent?.usage ?? NO_USAGE;
  outcome.cost = (outcome.cost ?? 0n) + costOf(usage, price, spent?.usage.tier ?? tier, ms);
}

/** The tier that a client asks for. */
export function askedTier({ text }: LlmCall): string | undefined {
  return plainTier(text.string('service_tier') ?? text.string('serviceTier'));
}

/** The tier that a provider was asked for. */
export function writtenTier(body: JsonObject): string | undefined {
  return plainTier(body['service_tier'] ?? body['serviceTier']);
}

/** Gemini has a longer word for it, too (Gemini API, "Priority inference"). */
function plainTier(tier: Json | undefined): string | undefined {
  return typeof tier === 'string' ? tier.toLowerCase().replace(/^service_tier_/, '') : undefined;
}
