import type { LlmCall } from '../llm-call.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { costOf } from './price.ts';
import type { PriceBook } from './price-book.ts';
import { NO_USAGE, type Spent, sumOf } from './spent.ts';

/**
 * Adds what one turn of a deployment used to what the request used and costs: turns are priced one by one, as providers do it. `ms`: how long it took.
 */
export function charge(
  outcome: LlmOutcome,
  call: LlmCall,
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
  outcome.cost = (outcome.cost ?? 0n) + costOf(usage, price, spent?.usage.tier ?? askedTier(call), ms);
}

/** The tier that the request asks for; Gemini has a longer word for it, too (Gemini API, "Priority inference"). */
function askedTier({ text }: LlmCall): string | undefined {
  const tier = text.string('service_tier') ?? text.string('serviceTier');
  return tier?.toLowerCase().replace(/^service_tier_/, '');
}
