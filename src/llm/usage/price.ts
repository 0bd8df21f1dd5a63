import type { Usage } from '../conversation/answer.ts';
import type { Pico } from './money.ts';

/** What one token costs. */
export interface Rates {
  readonly input?: Pico | undefined;
  readonly output?: Pico | undefined;
  readonly cacheRead?: Pico | undefined;
  readonly cacheWrite?: Pico | undefined;
  readonly cacheWrite1h?: Pico | undefined;
  readonly audioInput?: Pico | undefined;
  readonly audioOutput?: Pico | undefined;
  readonly reasoning?: Pico | undefined;
}

/** What a model costs. Where a kind of token has no price of its own, it costs as much as what it is a kind of. */
export interface Price {
  readonly standard: Rates;
  /** Of service tiers; what they do not say is as in `standard`. */
  readonly batch: Rates;
  readonly priority: Rates;
  /** For requests whose input has more tokens than `above`: what it says counts for all of their tokens. */
  readonly long: { readonly above: number; readonly rates: Rates } | undefined;
  /** For each second that the provider took. */
  readonly second: Pico | undefined;
}

/** Service tiers of a request that have prices of their own (OpenAI, `service_tier`). */
function tierRates(price: Price, tier: string | undefined): Rates | undefined {
  if (tier === 'flex' || tier === 'batch') return price.batch;
  return tier === 'priority' ? price.priority : undefined;
}

/** What an answer costs. `tier`: the service tier that answered or, where the answer does not say, was asked for. */
export function costOf(usage: Usage, price: Price, tier: string | undefined, ms: number): Pico {
  const { long } = price;
  const ofTier = tierRates(price, tier);
  const ofLength = long !== undefined && usage.input > long.above ? long.rates : undefined;
  const rates =
    ofTier === undefined && ofLength === undefined
      ? price.standard
      : merged(price.standard, ofTier, inTier(ofLength, price.standard, ofTier));
  const { input = 0n, output = 0n } = rates;
  const cacheWrite = rates.cacheWrite ?? input;
  const cached = usage.cacheRead + usage.cacheWrite + usage.cacheWrite1h;
  const plainInput = Math.max(0, usage.input - cached - usage.audioInput);
  const plainOutput = Math.max(0, usage.output - usage.audioOutput - usage.reasoning);
  return (
    times(plainInput, input) +
    times(usage.cacheRead, rates.cacheRead ?? input) +
    times(usage.cacheWrite, cacheWrite) +
    times(usage.cacheWrite1h, rates.cacheWrite1h ?? cacheWrite) +
    times(usage.audioInput, rates.audioInput ?? input) +
    times(plainOutput, output) +
    times(usage.reasoning, rates.reasoning ?? output) +
    times(usage.audioOutput, rates.audioOutput ?? output) +
    (times(ms, price.second ?? 0n) + 500n) / 1_000n
  );
}

function times(count: number, rate: Pico): Pico {
  return count === 0 || rate === 0n ? 0n : BigInt(Math.round(count)) * rate;
}

/** A long context costs so many times as much in every tier (OpenAI, "Pricing": for standard, batch and flex; Gemini's list of batch prices). */
function inTier(long: Rates | undefined, standard: Rates, tier: Rates | undefined): Rates | undefined {
  if (long === undefined || tier === undefined) return long;
  const result: Record<string, Pico> = {};
  for (const name of Object.keys(long) as (keyof Rates)[]) {
    const [rate, usual, ofTier] = [long[name], standard[name], tier[name]];
    if (rate === undefined) continue;
    result[name] =
      usual === undefined || usual === 0n || ofTier === undefined ? rate : (rate * ofTier) / usual;
  }
  return result;
}

/** Later ones win where they say something. */
function merged(...list: readonly (Rates | undefined)[]): Rates {
  const result: Record<string, Pico> = {};
  for (const rates of list)
    for (const [name, rate] of Object.entries(rates ?? {})) if (rate !== undefined) result[name] = rate;
  return result;
}
