import { describe, expect, it } from 'vitest';
import type { Loose } from '../../../../test/support/responses-wire.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import { RESPONSES } from './format.ts';

describe('a provider that refuses', () => {
  const errorOf = (status: number, body: string, headers: Record<string, string> = {}): LlmFailure =>
    RESPONSES.readError(status, headers, Buffer.from(body));
  const openAi = (members: Loose): string =>
    JSON.stringify({ error: { message: 'no', type: 'x', param: null, code: null, ...members } });

  it.each<[number, string, string]>([
    [400, openAi({ type: 'invalid_request_error', param: 'input[0]' }), 'invalid'],
    [400, openAi({ code: 'context_length_exceeded' }), 'context-length'],
    [400, openAi({ message: "This model's maximum context length is 8192 tokens." }), 'context-length'],
    [400, openAi({ code: 'invalid_prompt' }), 'content-policy'],
    [401, openAi({ code: 'invalid_api_key' }), 'auth'],
    [403, '', 'forbidden'],
    [404, openAi({ code: 'model_not_found' }), 'not-found'],
    [413, '<html>too large</html>', 'too-large'],
    [429, openAi({ type: 'requests', code: 'rate_limit_exceeded' }), 'rate-limit'],
    [429, openAi({ type: 'insufficient_quota', code: 'insufficient_quota' }), 'quota'],
    [429, openAi({ message: 'You exceeded your current quota, please check your plan.' }), 'quota'],
    [500, openAi({ type: 'server_error' }), 'upstream'],
    [502, '<html><h1>Bad Gateway</h1></html>', 'upstream'],
    [503, '{"detail":"overloaded"}', 'overloaded'],
    [504, '', 'timeout'],
    [422, '{"error":"unprocessable"}', 'invalid'],
    [400, '[{"error":{"message":"in a list"}}]', 'invalid'],
  ])('with %i %s is understood as %s', (status, body, kind) => {
    const failure = errorOf(status, body);
    expect([failure.kind, failure.status]).toEqual([kind, status]);
    expect(failure.raw?.body.toString()).toBe(body);
  });

  it('is believed when it says how long to wait', () => {
    expect(errorOf(429, '', { 'retry-after': '7' }).retryAfterMs).toBe(7000);
    expect(errorOf(429, '', { 'retry-after-ms': '250', 'retry-after': '7' }).retryAfterMs).toBe(250);
    const date = { date: 'Tue, 01 Dec 2026 10:00:00 GMT', 'retry-after': 'Tue, 01 Dec 2026 10:00:30 GMT' };
    expect(errorOf(429, '', date).retryAfterMs).toBe(30_000);
    expect(errorOf(429, openAi({ message: 'Please try again in 120ms.' })).retryAfterMs).toBe(120);
    expect(errorOf(429, openAi({ message: 'Try later.' })).retryAfterMs).toBeUndefined();
  });

  it('has its words passed on, and others have theirs put into its shape', () => {
    const body = openAi({ message: 'exactly so', extra: 1 });
    expect(RESPONSES.writeError(errorOf(400, body))).toEqual(JSON.parse(body));
    const own = new LlmFailure('invalid', 'model must be a string', { status: 400, param: 'model' });
    expect(RESPONSES.writeError(own)).toEqual({
      error: { message: 'model must be a string', type: 'invalid_request_error', param: 'model', code: null },
    });
  });
});
