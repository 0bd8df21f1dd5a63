import { describe, expect, test } from 'vitest';
import type { Usage } from '../conversation/answer.ts';
import { dollarsText } from './money.ts';
import { costOf, type Price } from './price.ts';
import { PriceTable } from './price-table.ts';
import { NO_USAGE } from './spent.ts';

const table = new PriceTable();

function cost(model: string, usage: Partial<Usage>, tier?: string): string {
  return dollarsText(costOf({ ...NO_USAGE, ...usage }, table.find(model)!.price, tier, 0));
}

describe('what an answer costs', () => {
  test('input and output', () => {
    expect(cost('openai/gpt-4o', { input: 1_000, output: 100 })).toBe('0.0035');
  });

  test('cached tokens are part of the input and cost their own price', () => {
    // 200 × 2.5 + 800 × 1.25
    expect(cost('openai/gpt-4o', { input: 1_000, cacheRead: 800 })).toBe('0.0015');
    // 100 × 3 + 300 × 0.3 + 400 × 3.75 + 200 × 6
    expect(
      cost('anthropic/claude-sonnet-4-5', {
        input: 1_000,
        cacheRead: 300,
        cacheWrite: 400,
        cacheWrite1h: 200,
      }),
    ).toBe('0.00309');
  });

  test('reasoning is part of the output', () => {
    expect(cost('openai/gpt-5', { output: 1_000, reasoning: 900 })).toBe('0.01');
  });

  test('audio costs its own price', () => {
    // 100 × 2.5 + 100 × 40 + 10 × 10 + 10 × 80
    expect(
      cost('openai/gpt-4o-audio-preview', { input: 200, audioInput: 100, output: 20, audioOutput: 10 }),
    ).toBe('0.00515');
  });

  test('beyond a long context, every token costs more', () => {
    expect(cost('gemini/gemini-2.5-pro', { input: 200_000, output: 1_000 })).toBe('0.26');
    // 200001 × 2.5 + 1000 × 15
    expect(cost('gemini/gemini-2.5-pro', { input: 200_001, output: 1_000 })).toBe('0.5150025');
    expect(cost('gemini/gemini-2.5-pro', { input: 300_000, cacheRead: 300_000 })).toBe('0.075');
  });

  test('of a service tier too, in proportion', () => {
    // 200001 × 1.25 + 1000 × 7.5
    expect(cost('gemini/gemini-2.5-pro', { input: 200_001, output: 1_000 }, 'flex')).toBe('0.25750125');
    // 300000 × 2.5 + 1000 × 11.25
    expect(cost('openai/gpt-5.4', { input: 300_000, output: 1_000 }, 'flex')).toBe('0.76125');
    expect(cost('openai/gpt-5.4', { input: 300_000, output: 1_000 })).toBe('1.5225');
  });

  test('service tiers have prices of their own', () => {
    const usage = { input: 1_000, output: 1_000, cacheRead: 500 };
    // 500 × 1.25 + 500 × 0.125 + 1000 × 10, half of it, and twice
    expect(cost('openai/gpt-5', usage)).toBe('0.0106875');
    expect(cost('openai/gpt-5', usage, 'flex')).toBe('0.00534375');
    expect(cost('openai/gpt-5', usage, 'batch')).toBe('0.00534375');
    expect(cost('openai/gpt-5', usage, 'priority')).toBe('0.021375');
    expect(cost('openai/gpt-5', usage, 'auto')).toBe('0.0106875');
  });

  test('a price of a kind of tokens that nobody said is that of what they are a kind of', () => {
    const price: Price = {
      standard: { input: 10n, output: 100n },
      batch: {},
      priority: {},
      long: undefined,
      second: undefined,
    };
    const usage = {
      ...NO_USAGE,
      input: 7,
      cacheRead: 1,
      cacheWrite: 1,
      cacheWrite1h: 1,
      audioInput: 1,
      output: 3,
    };
    expect(costOf({ ...usage, reasoning: 1, audioOutput: 1 }, price, undefined, 0)).toBe(370n);
  });

  test('a provider may ask for time', () => {
    const price: Price = {
      standard: {},
      batch: {},
      priority: {},
      long: undefined,
      second: 1_000_000n,
    };
    expect(costOf(NO_USAGE, price, undefined, 1_500)).toBe(1_500_000n);
  });

  test('a million requests are summed up without an error', () => {
    const one = costOf({ ...NO_USAGE, input: 1 }, table.find('openai/gpt-4.1-nano')!.price, undefined, 0);
    expect(dollarsText(one * 1_000_000n)).toBe('0.1');
  });
});
