import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deploymentOf } from '../../../test/support/llm/calls.ts';
import {
  EVENTS,
  type ProviderReply,
  startProvider,
  type TestProvider,
} from '../../../test/support/llm/provider.ts';
import { lastingPort } from '../../../test/support/ports.ts';
import { HttpClient } from '../../net/http-client.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import { FORMATS } from '../formats/formats.ts';
import { Prepared } from './prepared.ts';
import { type ProviderCall, type ProviderHandle, sendToProvider } from './provider-request.ts';

let provider: TestProvider;
let http: HttpClient;

beforeAll(async () => {
  provider = await startProvider();
  http = new HttpClient();
});

afterAll(async () => {
  await http[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

interface Heard {
  readonly heads: number;
  readonly text: string;
  /** Ends and failures, of which there is exactly one. */
  readonly ends: readonly ('end' | LlmFailure)[];
}

interface Asking {
  readonly handle: ProviderHandle;
  readonly heard: Promise<Heard>;
  readonly sofar: Heard;
  /** Resolves with the first data. */
  readonly began: Promise<void>;
}

async function ask(more: Partial<ProviderCall> = {}, params: object = {}): Promise<Asking> {
  const deployment = await deploymentOf({
    model: 'hosted_vllm/m',
    api_base: `${provider.url}/v1`,
    api_key: 'sk-up',
    ...params,
  });
  const sofar = { heads: 0, text: '', ends: [] as ('end' | LlmFailure)[] };
  let over: (heard: Heard) => void;
  let begin: () => void;
  const heard = new Promise<Heard>((resolve) => (over = resolve));
  const began = new Promise<void>((resolve) => (begin = resolve));
  const end = (how: 'end' | LlmFailure): void => {
    sofar.ends.push(how);
    over(sofar);
  };
  const handle = sendToProvider(
    {
      deployment,
      format: FORMATS.chat,
      operation: 'generate',
      isStream: false,
      body: Buffer.from('{}'),
      headers: [['x-client', 'yes']],
      timeouts: { connectMs: 2_000, firstByteMs: 2_000, idleMs: 2_000, totalMs: 5_000 },
      ...more,
    },
    {
      onHead: () => sofar.heads++,
      onData: (chunk) => {
        sofar.text += String(chunk);
        begin();
      },
      onEnd: () => end('end'),
      onFailure: end,
    },
    { http, prepared: new Prepared() },
  );
  return { handle, heard, sofar, began };
}

/** The failure of a request that has just one. */
async function failureOf(reply: ProviderReply, more: Partial<ProviderCall> = {}): Promise<LlmFailure> {
  provider.answer(reply);
  const { heard } = await ask(more);
  const { ends } = await heard;
  expect(ends).toHaveLength(1);
  expect(ends[0]).not.toBe('end');
  return ends[0] as LlmFailure;
}

test('a request has our key, what the client may say, and the body as it is', async () => {
  provider.answer({ body: ['{"a":', '1}'] });
  const { heard } = await ask({ body: Buffer.from('{"x":1.0}') });
  expect(await heard).toEqual({ heads: 1, text: '{"a":1}', ends: ['end'] });
  const { headers, bytes, url } = provider.requests.at(-1)!;
  expect(headers).toMatchObject({
    authorization: 'Bearer sk-up',
    'x-client': 'yes',
    'content-type': 'application/json',
    accept: 'application/json',
  });
  expect(String(bytes)).toBe('{"x":1.0}');
  expect(url).toBe('/v1/chat/completions');
});

test('an answer comes without its coding', async () => {
  provider.answer({ headers: { 'content-encoding': 'gzip' }, body: [gzipSync('{"a":1}')] });
  expect((await (await ask()).heard).text).toBe('{"a":1}');
});

describe('what is no answer is one failure', () => {
  test('an error status, in the words of the provider, even when its body breaks off', async () => {
    const body = [JSON.stringify({ error: { message: 'slow down', type: 'rate_limit_error' } })];
    const whole = await failureOf({ status: 429, headers: { 'retry-after': '3' }, body });
    expect(whole).toMatchObject({
      kind: 'rate-limit',
      status: 429,
      message: 'slow down',
      retryAfterMs: 3_000,
    });
    const broken = await failureOf({ status: 429, body, end: 'reset' });
    expect(broken).toMatchObject({ kind: 'rate-limit', status: 429 });
  });

  test('a refusal of our own key is never one of the client', async () => {
    const failure = await failureOf({ status: 401, body: ['{"error":{"message":"bad key sk-up"}}'] });
    expect(failure).toMatchObject({ kind: 'upstream', status: 502, code: 'upstream_auth' });
    expect(failure.message).toContain('litellm_params.api_key of "named"');
    expect(failure.message).not.toContain('sk-up');
  });

  test('a redirect, which is not followed', async () => {
    const before = provider.requests.length;
    const failure = await failureOf({ status: 307, headers: { location: `${provider.url}/elsewhere` } });
    expect(failure).toMatchObject({ status: 502, code: 'upstream_config' });
    expect(provider.requests).toHaveLength(before + 1);
  });

  test('a coding that is not known, and one that is damaged', async () => {
    expect((await failureOf({ headers: { 'content-encoding': 'snappy' }, body: ['x'] })).status).toBe(502);
    const damaged = { headers: { 'content-encoding': 'gzip' }, body: [gzipSync('{"a":1}').subarray(0, -6)] };
    expect(await failureOf(damaged)).toMatchObject({ kind: 'cut', code: 'upstream_cut' });
  });

  test('a cut before the head, and one behind it', async () => {
    expect((await failureOf({ cutHead: true })).kind).toBe('unreachable');
    expect((await failureOf({ body: ['{"a'], end: 'reset' })).kind).toBe('cut');
  });

  test('silence', async () => {
    const timeouts = { connectMs: 2_000, firstByteMs: 300, idleMs: 300, totalMs: 5_000 };
    expect(await failureOf({ isSilent: true }, { timeouts })).toMatchObject({ kind: 'timeout', status: 504 });
    const stalled: ProviderReply = { body: ['{"a'], end: 'stall' };
    expect(await failureOf(stalled, { timeouts })).toMatchObject({ kind: 'timeout', status: 504 });
  });

  test('a stream whose head comes and whose first event does not', async () => {
    const timeouts = { connectMs: 2_000, firstByteMs: 300, idleMs: 2_000, totalMs: 5_000 };
    const failure = await failureOf(
      { headers: EVENTS, body: [': one moment\n\n'], end: 'stall' },
      { timeouts, isStream: true },
    );
    expect(failure).toMatchObject({ kind: 'timeout', status: 504 });
    expect(failure.message).toContain('no event within 0.3 s');
  });

  test('where nobody listens; who reads it learns the model, and the operator the address', async () => {
    const port = await lastingPort();
    const { heard } = await ask({}, { api_base: `http://127.0.0.1:${port}/v1` });
    const [failure] = (await heard).ends as LlmFailure[];
    expect(failure).toMatchObject({ kind: 'unreachable', status: 502 });
    expect(failure!.message).toContain('"named"');
    expect(failure!.message).not.toContain('127.0.0.1');
    expect(failure!.detail).toContain(`127.0.0.1:${port}`);
  });

  test('a header or an address that cannot be sent', async () => {
    for (const asking of [
      await ask({ headers: [['x-bad', 'a\r\nx-injected: 1']] }),
      await ask({}, { api_base: 'http://a b/v1' }),
    ]) {
      const { ends } = await asking.heard;
      expect(ends).toHaveLength(1);
      expect(ends[0]).toMatchObject({ status: 502, code: 'upstream_config' });
    }
  });
});

test('a first event that came in time lets a stream be silent for as long as its idle time', async () => {
  const timeouts = { connectMs: 20_000, firstByteMs: 2_000, idleMs: 20_000, totalMs: 30_000 };
  provider.answer({ headers: EVENTS, body: ['data: {}\n\n', 2_500, 'data: [DONE]\n\n'] });
  const { handle, heard, began } = await ask({ timeouts, isStream: true });
  await began;
  handle.heard();
  expect(await heard).toEqual({ heads: 1, text: 'data: {}\n\ndata: [DONE]\n\n', ends: ['end'] });
});

test('after it is given up, nothing is heard, and the provider knows', async () => {
  provider.answer({ headers: EVENTS, body: ['data: {}\n\n'], end: 'stall' });
  const { handle, sofar, began } = await ask({ isStream: true });
  await began;
  handle.abort();
  await provider.requests.at(-1)!.gone;
  expect(sofar.ends).toEqual([]);
});
