import { describe, expect, it } from 'vitest';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import { readError, writeError } from './errors.ts';

function read(status: number, body: unknown, headers: Record<string, string> = {}): LlmFailure {
  return readError(status, headers, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
}

describe('error answers of Chat Completions', () => {
  it.each([
    [
      401,
      {
        error: {
          message: 'Incorrect API key provided',
          type: 'invalid_request_error',
          code: 'invalid_api_key',
        },
      },
      'auth',
    ],
    [
      429,
      {
        error: {
          message: 'You exceeded your current quota',
          type: 'insufficient_quota',
          code: 'insufficient_quota',
        },
      },
      'quota',
    ],
    [
      429,
      { error: { message: 'Rate limit reached', type: 'tokens', code: 'rate_limit_exceeded' } },
      'rate-limit',
    ],
    [
      400,
      {
        error: {
          message: "This model's maximum context length is 8192 tokens.",
          code: 'context_length_exceeded',
        },
      },
      'context-length',
    ],
    [
      400,
      {
        object: 'error',
        message: "This model's maximum context length is 4096 tokens.",
        type: 'BadRequestError',
        code: 400,
      },
      'context-length',
    ],
    [
      402,
      { error: { message: 'Insufficient Balance', type: 'unknown_error', code: 'invalid_request_error' } },
      'quota',
    ],
    [
      404,
      { error: { message: 'model "x" not found, try pulling it first', type: 'api_error' } },
      'not-found',
    ],
    [
      400,
      { error: { message: 'The response was filtered', code: 'content_filter', innererror: {} } },
      'content-policy',
    ],
    [
      422,
      { detail: [{ loc: ['body', 'messages', 0, 'content'], msg: 'Field required', type: 'missing' }] },
      'invalid',
    ],
    [400, [{ error: { code: 400, message: 'Invalid JSON payload', status: 'INVALID_ARGUMENT' } }], 'invalid'],
    [503, { error: 'busy' }, 'overloaded'],
    [500, { error: { message: 'The server had an error', type: 'server_error' } }, 'upstream'],
    [502, '<html><head><title>502 Bad Gateway</title></head></html>', 'upstream'],
    [500, '', 'upstream'],
    [
      400,
      {
        error: {
          message: 'Provider returned error',
          code: 400,
          metadata: { raw: 'prompt is too long', provider_name: 'X' },
        },
      },
      'context-length',
    ],
  ])('with status %s: %j', (status, body, kind) => {
    const failure = read(status, body);
    expect(failure).toMatchObject({ kind, status });
    expect(failure.raw?.body.length).toBe(
      typeof body === 'string' ? body.length : JSON.stringify(body).length,
    );
    expect(failure.message).not.toBe('');
  });

  it('name the member that is wrong', () => {
    expect(
      read(422, { detail: [{ loc: ['body', 'messages', 0, 'content'], msg: 'Field required' }] }).param,
    ).toBe('messages[0].content');
    expect(read(400, { error: { message: 'bad', param: 'messages[1].role' } }).param).toBe(
      'messages[1].role',
    );
  });

  it.each([
    [{ 'retry-after-ms': '1500' }, 'x', 1500],
    [{ 'retry-after': '2' }, 'x', 2000],
    [{}, 'Please try again in 1.2s.', 1200],
    [{}, 'x', undefined],
  ])('say when to try again: %j %s', (headers, message, ms) => {
    const failure = read(429, { error: { message } }, headers);
    expect(failure.retryAfterMs).toBe(ms);
  });

  it('go on as they came to clients of the same format', () => {
    const body = { error: { message: 'no', type: 'x', code: 'y', inner: 1 } };
    expect(writeError(read(400, body))).toEqual(body);
  });

  it('are written with the field named', () => {
    const failure = new LlmFailure('invalid', 'messages[0].role is missing', {
      status: 400,
      param: 'messages[0].role',
    });
    expect(writeError(failure)).toEqual({
      error: {
        message: 'messages[0].role is missing',
        type: 'invalid_request_error',
        param: 'messages[0].role',
        code: null,
      },
    });
  });

  it('of other formats get the words of this one', () => {
    const raw = { format: 'messages', status: 400, body: Buffer.from('{"type":"error"}') } as const;
    const failure = new LlmFailure('context-length', 'prompt is too long', { status: 400, raw });
    expect(writeError(failure)).toMatchObject({ error: { code: 'context_length_exceeded' } });
  });
});
