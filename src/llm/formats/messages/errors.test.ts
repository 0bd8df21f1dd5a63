import { describe, expect, test } from 'vitest';
import { invalid, LlmFailure, type FailureKind } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { MESSAGES } from './format.ts';

const error = (type: string, message: string): string =>
  JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_1' });

describe('an error answer of the provider', () => {
  test.each<[number, string, FailureKind, Partial<LlmFailure>]>([
    [
      400,
      error('invalid_request_error', 'messages.0.content: Input should be a valid list'),
      'invalid',
      { param: 'messages.0.content' },
    ],
    [
      400,
      error('invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
      'context-length',
      {},
    ],
    [400, error('invalid_request_error', 'Your credit balance is too low to access the API.'), 'quota', {}],
    [401, error('authentication_error', 'invalid x-api-key'), 'auth', { code: 'authentication_error' }],
    [402, error('billing_error', 'Pay first'), 'quota', {}],
    [403, error('permission_error', 'No'), 'forbidden', {}],
    [404, error('not_found_error', 'model: nope'), 'not-found', {}],
    [413, error('request_too_large', 'Too large'), 'too-large', {}],
    [429, error('rate_limit_error', 'Slow down, try again in 1.2s'), 'rate-limit', { retryAfterMs: 1200 }],
    [500, error('api_error', 'Internal server error'), 'upstream', {}],
    [529, error('overloaded_error', 'Overloaded'), 'overloaded', {}],
    [
      502,
      '<html><head><title>502 Bad Gateway</title></head></html>',
      'upstream',
      { message: 'The provider answered with status 502: 502 Bad Gateway' },
    ],
    [503, '', 'overloaded', { message: 'The provider answered with status 503 and an empty body.' }],
    [429, '{"error":"slow"}', 'rate-limit', { message: 'slow' }],
    [400, '{"error":{"message":"bad","code":"x"}}', 'invalid', { code: 'x' }],
  ])('%i %s', (status, body, kind, details) => {
    const failure = MESSAGES.readError(status, {}, Buffer.from(body));
    expect(failure).toMatchObject({ kind, status, ...details });
    expect(failure.raw).toEqual({ format: 'messages', status, body: Buffer.from(body) });
  });

  test('headers say how long to wait', () => {
    const read = (headers: Record<string, string>): number | undefined =>
      MESSAGES.readError(429, headers, Buffer.from(error('rate_limit_error', 'x'))).retryAfterMs;
    expect(read({ 'retry-after': '7' })).toBe(7000);
    expect(read({ 'retry-after-ms': '250', 'retry-after': '7' })).toBe(250);
    expect(read({ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' })).toBe(0);
    expect(read({})).toBeUndefined();
  });
});

describe('an error answer to a client', () => {
  const written = (failure: LlmFailure): JsonObject => MESSAGES.writeError(failure)['error'] as JsonObject;

  test('every kind of failure has a type that the official clients know', () => {
    const kinds: readonly FailureKind[] = [
      'invalid',
      'auth',
      'forbidden',
      'not-found',
      'too-large',
      'rate-limit',
      'quota',
      'context-length',
      'content-policy',
      'overloaded',
      'timeout',
      'cut',
      'unreachable',
      'upstream',
      'internal',
    ];
    const types = kinds.map((kind) => written(new LlmFailure(kind, 'x', { status: 500 }))['type']);
    expect(new Set(types)).toEqual(
      new Set([
        'invalid_request_error',
        'authentication_error',
        'permission_error',
        'not_found_error',
        'request_too_large',
        'rate_limit_error',
        'billing_error',
        'overloaded_error',
        'timeout_error',
        'api_error',
      ]),
    );
  });

  test('the member that is wrong is named as the provider names it', () => {
    expect(written(invalid('Must be text.', 'messages[2].content[0].text'))['message']).toBe(
      'messages.2.content.0.text: Must be text.',
    );
    expect(written(invalid('model must be a name.', 'model'))['message']).toBe('model must be a name.');
  });

  test('a prompt that is too long is told in the words that clients look for', () => {
    const failure = new LlmFailure('context-length', 'This model takes 8192 tokens.', { status: 400 });
    expect(written(failure)['message']).toBe('prompt is too long: This model takes 8192 tokens.');
  });
});
