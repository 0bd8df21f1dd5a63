import { describe, expect, test } from 'vitest';
import { invalid, LlmFailure, type FailureKind } from '../../conversation/llm-failure.ts';
import { GEMINI } from './format.ts';

const error = (code: number, status: string, message: string, ...details: object[]): string =>
  JSON.stringify({ error: { code, message, status, ...(details.length === 0 ? {} : { details }) } });

describe('an error answer of the provider', () => {
  test.each<[number, string, FailureKind, Partial<LlmFailure>]>([
    [
      400,
      error(400, 'INVALID_ARGUMENT', 'Bad', {
        fieldViolations: [{ field: 'contents[0]', description: 'x' }],
      }),
      'invalid',
      { param: 'contents[0]' },
    ],
    [
      400,
      error(
        400,
        'INVALID_ARGUMENT',
        'The input token count (2000) exceeds the maximum number of tokens allowed (1000).',
      ),
      'context-length',
      {},
    ],
    [
      400,
      error(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', {
        reason: 'API_KEY_INVALID',
      }),
      'auth',
      { code: 'API_KEY_INVALID' },
    ],
    [401, error(401, 'UNAUTHENTICATED', 'No'), 'auth', {}],
    [403, error(403, 'PERMISSION_DENIED', 'No'), 'forbidden', {}],
    [404, error(404, 'NOT_FOUND', 'models/x is not found'), 'not-found', {}],
    [
      429,
      error(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.', { retryDelay: '34.4s' }),
      'rate-limit',
      { retryAfterMs: 34_400 },
    ],
    [429, error(429, 'RESOURCE_EXHAUSTED', 'Your prepayment credits are depleted.'), 'quota', {}],
    [500, error(500, 'INTERNAL', 'x'), 'upstream', {}],
    [503, error(503, 'UNAVAILABLE', 'The model is overloaded.'), 'overloaded', {}],
    [504, error(504, 'DEADLINE_EXCEEDED', 'x'), 'timeout', {}],
    [429, `[${error(429, 'RESOURCE_EXHAUSTED', 'in a list')}]`, 'rate-limit', { message: 'in a list' }],
    [
      502,
      '<!DOCTYPE html><title>Error 502</title>',
      'upstream',
      { message: 'The provider answered with status 502: Error 502' },
    ],
    [500, '', 'upstream', { message: 'The provider answered with status 500 and an empty body.' }],
  ])('%i %s', (status, body, kind, details) => {
    const failure = GEMINI.readError(status, {}, Buffer.from(body));
    expect(failure).toMatchObject({ kind, status, ...details });
    expect(failure.raw).toEqual({ format: 'gemini', status, body: Buffer.from(body) });
  });
});

test('an error answer to a client names the member and the time to wait', () => {
  expect(GEMINI.writeError(invalid('Must be text.', 'contents[0].parts[0].text'))).toEqual({
    error: {
      code: 400,
      message: 'Must be text.',
      status: 'INVALID_ARGUMENT',
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.BadRequest',
          fieldViolations: [{ field: 'contents[0].parts[0].text', description: 'Must be text.' }],
        },
      ],
    },
  });
  const failure = new LlmFailure('rate-limit', 'Slow down.', { status: 429, retryAfterMs: 1250 });
  expect(GEMINI.writeError(failure)).toEqual({
    error: {
      code: 429,
      message: 'Slow down.',
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.3s' }],
    },
  });
});

test('what is written is read as the same kind', () => {
  const kinds: readonly FailureKind[] = [
    'invalid',
    'auth',
    'forbidden',
    'not-found',
    'rate-limit',
    'overloaded',
    'timeout',
  ];
  for (const kind of kinds) {
    const body = GEMINI.writeError(new LlmFailure(kind, 'x', { status: 0 }));
    const { code } = body['error'] as { code: number };
    expect(GEMINI.readError(code, {}, Buffer.from(JSON.stringify(body))).kind).toBe(kind);
  }
});
