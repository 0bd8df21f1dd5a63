import type { Usage } from '../conversation/answer.ts';
import type { LlmCall } from '../llm-call.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { costOf } from './price.ts';
import type { PriceBook } from './price-book.ts';

/** Adds what one turn of a deployment used to what the request costs: turns are priced one by one, as providers do it. `ms`: how long it took. */
export function charge(
  outcome: LlmOutcome,
  call: LlmCall,
  deployment: Deployment,
  usage: Usage | undefined,
  ms: number,
  prices: PriceBook,
): void {
  const price = prices.priceOf(deployment);
  if (price === undefined || (usage === undefined && price.second === undefined)) return;
  const tier = call.text.string('service_tier');
  outcome.cost = (outcome.cost ?? 0n) + costOf(usage ?? NOTHING, price, tier, ms);
}

const NOTHING: Usage = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  reasoning: 0,
  audioInput: 0,
  audioOutput: 0,
};
