import { describe, expect, test } from 'vitest';
import type { ModelConfig } from '../model-config.ts';
import { mockModel } from '../model-config.ts';
import { toDeployment } from '../providers/deployment.ts';
import { PriceBook } from './price-book.ts';

const book = new PriceBook();
const nothing = mockModel('x');

function deployment(model: string, more: Partial<ModelConfig> = {}): ReturnType<typeof toDeployment> {
  return toDeployment({ ...nothing, name: 'm', model, ...more });
}

describe('which model a deployment is', () => {
  const listed = (model: string, more: Partial<ModelConfig> = {}): string | undefined =>
    book.listed(deployment(model, more))?.name;

  test('by provider and name', () => {
    expect(listed('openai/gpt-4o')).toBe('openai/gpt-4o');
    expect(listed('gpt-4o')).toBe('openai/gpt-4o');
    expect(listed('openai/responses/gpt-5')).toBe('openai/gpt-5');
    expect(listed('openrouter/anthropic/claude-sonnet-4.5')).toBe('openrouter/anthropic/claude-sonnet-4.5');
  });

  test('a model on own hardware has no price, whatever its name', () => {
    expect(listed('hosted_vllm/gpt-4o', { apiBase: 'http://h' })).toBeUndefined();
    expect(listed('ollama/gpt-4o')).toBeUndefined();
  });

  test('base_model says it, for Azure above all', () => {
    const apiBase = 'https://x.openai.azure.com';
    expect(listed('azure/our-deployment', { apiBase })).toBeUndefined();
    expect(listed('azure/gpt-4o', { apiBase })).toBe('openai/gpt-4o');
    expect(listed('azure/our-deployment', { apiBase, info: { base_model: 'azure/gpt-4o' } })).toBe(
      'openai/gpt-4o',
    );
    expect(listed('azure/our-deployment', { apiBase, params: { base_model: 'gpt-4o-mini' } })).toBe(
      'openai/gpt-4o-mini',
    );
  });

  test('a mock costs what it stands for', () => {
    expect(listed('openai/gpt-4o', { mockResponse: 'hi' })).toBe('openai/gpt-4o');
    expect(listed('mock/gpt-4o')).toBeUndefined();
  });
});

describe('prices of an entry', () => {
  const price = (params: Record<string, unknown>, info: Record<string, unknown> = {}) =>
    book.priceOf(deployment('openai/gpt-5', { params, info }))!;

  test('without any, those of the list', () => {
    expect(price({}).standard).toMatchObject({ input: 1_250_000n, cacheRead: 125_000n, output: 10_000_000n });
    expect(book.priceOf(deployment('mock/x'))).toBeUndefined();
  });

  test('a price of input replaces every price of input of the list', () => {
    const own = price({ input_cost_per_token: 0 });
    expect(own.standard).toMatchObject({ input: 0n, output: 10_000_000n });
    expect(own.standard.cacheRead).toBeUndefined();
    expect(own.batch.input).toBeUndefined();
    expect(own.batch.output).toBe(5_000_000n);
  });

  test('litellm_params win over model_info', () => {
    expect(
      price({ output_cost_per_token: 2e-6 }, { output_cost_per_token: 1e-6, input_cost_per_token: 1e-7 })
        .standard,
    ).toMatchObject({ input: 100_000n, output: 2_000_000n });
  });

  test('every name of LiteLLM', () => {
    const own = price({
      input_cost_per_token: 1e-6,
      output_cost_per_token: '0.000002',
      cache_read_input_token_cost: 1e-7,
      cache_creation_input_token_cost: 1.25e-6,
      cache_creation_input_token_cost_above_1hr: 2e-6,
      input_cost_per_audio_token: 3e-6,
      output_cost_per_audio_token: 4e-6,
      output_cost_per_reasoning_token: 5e-6,
      input_cost_per_token_batches: 5e-7,
      output_cost_per_token_flex: 6e-7,
      input_cost_per_token_priority: 7e-6,
      input_cost_per_token_above_128k_tokens: 8e-6,
      cache_read_input_token_cost_above_128k_tokens: 9e-7,
      input_cost_per_second: 0.001,
    });
    expect(own).toEqual({
      standard: {
        input: 1_000_000n,
        output: 2_000_000n,
        cacheRead: 100_000n,
        cacheWrite: 1_250_000n,
        cacheWrite1h: 2_000_000n,
        audioInput: 3_000_000n,
        audioOutput: 4_000_000n,
        reasoning: 5_000_000n,
      },
      batch: { input: 500_000n, output: 600_000n },
      priority: { input: 7_000_000n },
      long: { above: 128_000, rates: { input: 8_000_000n, cacheRead: 900_000n } },
      second: 1_000_000_000n,
    });
  });

  test('a star stands for models of different prices', () => {
    const star = deployment('openai/*', { name: 'openai/*' });
    const input = (model: string): bigint | undefined => book.priceOf({ ...star, model })?.standard.input;
    expect([input('gpt-4o'), input('gpt-5'), input('gpt-4o'), input('none')]).toEqual([
      2_500_000n,
      1_250_000n,
      2_500_000n,
      undefined,
    ]);
  });

  test('a model that nobody lists costs what its entry says', () => {
    const own = book.priceOf(deployment('ollama/llama3', { info: { input_cost_per_token: 1e-9 } }));
    expect(own?.standard).toEqual({ input: 1_000n });
  });
});
