import type { ModelConfig } from '../model-config.ts';
import { type Pico, picoOf } from './money.ts';
import type { Price, Rates } from './price.ts';

/** LiteLLM's names of prices, in dollars a token. */
const NAMES: Readonly<Record<string, keyof Rates>> = {
  input_cost_per_token: 'input',
  output_cost_per_token: 'output',
  cache_read_input_token_cost: 'cacheRead',
  cache_creation_input_token_cost: 'cacheWrite',
  cache_creation_input_token_cost_above_1hr: 'cacheWrite1h',
  input_cost_per_audio_token: 'audioInput',
  output_cost_per_audio_token: 'audioOutput',
  output_cost_per_reasoning_token: 'reasoning',
};
const NAME = /^(.+?)(?:_(batches|flex|priority)|_above_(\d+)k_tokens)?$/;
const OF_INPUT: readonly (keyof Rates)[] = ['cacheRead', 'cacheWrite', 'cacheWrite1h', 'audioInput'];
const OF_OUTPUT: readonly (keyof Rates)[] = ['audioOutput', 'reasoning'];

const NOTHING: Price = { standard: {}, batch: {}, priority: {}, long: undefined, second: undefined };

/**
 * The price of a deployment: what its entry says, and else what the list says. A price of input (of output) in the entry replaces every price of input (of
 * output) in the list, so that no discount of the list's is mixed into it.
 */
export function priceWith({ params, info }: ModelConfig, listed: Price | undefined): Price | undefined {
  const standard: Record<string, Pico> = {};
  const batch: Record<string, Pico> = {};
  const priority: Record<string, Pico> = {};
  const long: Record<string, Pico> = {};
  let above: number | undefined;
  let second: Pico | undefined;
  let isOwn = false;
  for (const [key, value] of [...Object.entries(info), ...Object.entries(params)]) {
    const rate = rateOf(value);
    if (rate === undefined) continue;
    if (key === 'input_cost_per_second' || key === 'output_cost_per_second') {
      second = (second ?? 0n) + rate;
      isOwn = true;
      continue;
    }
    const [, name = '', tier, thousands] = NAME.exec(key) ?? [];
    const field = NAMES[key] ?? NAMES[name];
    if (field === undefined) continue;
    isOwn = true;
    if (NAMES[key] !== undefined) standard[field] = rate;
    else if (tier === 'priority') priority[field] = rate;
    else if (tier !== undefined) batch[field] = rate;
    else {
      above = Number(thousands) * 1_000;
      long[field] = rate;
    }
  }
  if (!isOwn) return listed;
  const base = without(listed ?? NOTHING, standard);
  return {
    standard: { ...base.standard, ...standard },
    batch: { ...base.batch, ...batch },
    priority: { ...base.priority, ...priority },
    long: above === undefined ? base.long : { above, rates: { ...base.long?.rates, ...long } },
    second,
  };
}

function rateOf(value: unknown): Pico | undefined {
  return typeof value === 'number' || typeof value === 'string' ? picoOf(String(value)) : undefined;
}

/** A price without what an entry's own prices replace. */
function without(price: Price, own: Rates): Price {
  const gone = [
    ...(own.input === undefined ? [] : (['input', ...OF_INPUT] as const)),
    ...(own.output === undefined ? [] : (['output', ...OF_OUTPUT] as const)),
  ];
  const rest = (rates: Rates): Rates =>
    Object.fromEntries(Object.entries(rates).filter(([name]) => !gone.includes(name as keyof Rates)));
  return {
    standard: rest(price.standard),
    batch: rest(price.batch),
    priority: rest(price.priority),
    long: price.long === undefined ? undefined : { above: price.long.above, rates: rest(price.long.rates) },
    second: price.second,
  };
}
