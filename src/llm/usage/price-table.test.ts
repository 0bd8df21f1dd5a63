import { expect, test } from 'vitest';
import { PROVIDERS } from '../providers/provider-table.ts';
import { PriceTable } from './price-table.ts';

const table = new PriceTable();

test('every entry has prices that make sense', () => {
  for (const name of table.names) {
    const { price, mode, context } = table.find(name)!;
    expect(PROVIDERS, name).toHaveProperty(name.slice(0, name.indexOf('/')));
    expect(['chat', 'embedding'], name).toContain(mode);
    expect(context, name).toBeGreaterThan(0);
    const { input, output, cacheRead = 0n, cacheWrite, cacheWrite1h } = price.standard;
    expect(input, name).toBeGreaterThan(0n);
    expect(output, name).toBeGreaterThanOrEqual(0n);
    // Reading from a cache is never dearer than reading anew; a cache that lasts longer is never cheaper.
    expect(cacheRead, name).toBeLessThanOrEqual(input!);
    if (cacheWrite !== undefined && cacheWrite1h !== undefined)
      expect(cacheWrite1h, name).toBeGreaterThan(cacheWrite);
    const { long } = price;
    if (long !== undefined) {
      expect(long.above, name).toBeGreaterThanOrEqual(100_000);
      expect(long.rates.input, name).toBeGreaterThan(input!);
    }
  }
});

test('every provider that publishes prices is in it', () => {
  const providers = new Set(table.names.map((name) => name.slice(0, name.indexOf('/'))));
  expect([...providers].sort()).toEqual(
    [
      'anthropic',
      'deepseek',
      'gemini',
      'groq',
      'mistral',
      'openai',
      'openrouter',
      'together_ai',
      'xai',
    ].sort(),
  );
});

test('a name with a date is the model without it, unless it has an entry', () => {
  expect(table.find('anthropic/claude-sonnet-4-5-20250929')?.name).toBe('anthropic/claude-sonnet-4-5');
  expect(table.find('openai/gpt-5-2025-08-07')?.name).toBe('openai/gpt-5');
  expect(table.find('openai/gpt-4o-2024-05-13')?.name).toBe('openai/gpt-4o-2024-05-13');
  expect(table.find('openai/gpt-4o-2024-05')).toBeUndefined();
});
