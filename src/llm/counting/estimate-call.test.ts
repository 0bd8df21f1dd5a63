import { expect, it } from 'vitest';
import { type LlmCall, type LlmRoute, readCall } from '../llm-call.ts';
import { PriceBook } from '../usage/price-book.ts';
import { closerEstimate, estimateCall } from './estimate-call.ts';

const route = (format: LlmRoute['format'], operation: LlmRoute['operation'] = 'generate'): LlmRoute => ({
  format,
  operation,
  model: format === 'gemini' ? 'm' : undefined,
  isStream: false,
  framing: 'sse',
});
const call = (body: object, one: LlmRoute = route('chat')): LlmCall =>
  readCall(one, Buffer.from(JSON.stringify({ model: 'm', ...body })), {});
const prices = new PriceBook();
const tokens = (one: LlmCall): number => estimateCall(one, [], prices).tokens;
const input = (one: LlmCall): number => Math.ceil((one.text.end - one.text.start) / 3.7);

it('is what the body comes to by its length, and what the request allows for the answer, within bounds', () => {
  const messages = [{ role: 'user', content: 'Hello, how are you?' }];
  const of = (more: object, one = route('chat')): number => {
    const made = call({ messages, ...more }, one);
    return tokens(made) - input(made);
  };
  expect(of({})).toBe(1_024);
  expect(of({ max_tokens: 7 })).toBe(7);
  expect(of({ max_tokens: 7, max_completion_tokens: 9 })).toBe(9);
  expect(of({ max_tokens: 7, n: 3 })).toBe(21);
  expect(of({ max_tokens: 128_000 }, route('messages'))).toBe(8_192);
  expect(of({ max_output_tokens: 5 }, route('responses'))).toBe(5);
  expect(of({ generationConfig: { maxOutputTokens: 6 } }, route('gemini'))).toBe(6);
  expect(of({ max_tokens: 'many' })).toBe(1_024);
  expect(of({ input: 'x' }, route('chat', 'embed'))).toBe(0);
  expect(tokens(call({ messages }, route('messages', 'count-tokens')))).toBe(0);
});

it('does not take the length of a picture for text', () => {
  const url = `data:image/png;base64,${'A'.repeat(200_000)}`;
  const picture = call({
    max_tokens: 1,
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
  });
  expect(tokens(picture)).toBeLessThan(3_000);
  expect(tokens(picture)).toBe(closerEstimate(picture, [], prices).tokens);
});

it('is by the length too where nothing can be understood', () => {
  const odd = call({ messages: 'none', max_tokens: 2 });
  expect(closerEstimate(odd, [], prices).tokens).toBe(input(odd) + 2);
});
