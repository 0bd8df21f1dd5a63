import { describe, expect, test } from 'vitest';
import { callOf, deploymentOf } from '../../../test/support/llm/calls.ts';
import { Dropped } from '../conversation/dropped.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { newOutcome } from '../outcome.ts';
import { answerHeaders, requestHeaders } from './headers.ts';

const FORMATS: readonly FormatName[] = ['chat', 'responses', 'messages', 'gemini'];
const BODY = { model: 'named', stream: false };
const CLIENTS = {
  authorization: 'Bearer sk-client',
  'x-api-key': 'sk-client',
  'x-goog-api-key': 'sk-client',
  'api-key': 'sk-client',
  'x-litellm-api-key': 'sk-client',
  cookie: 'session=1',
  'x-forwarded-for': '10.0.0.7',
  host: 'gateway.internal',
  'content-length': '9',
  'content-encoding': 'zstd',
  'transfer-encoding': 'chunked',
  connection: 'keep-alive',
  'user-agent': 'client/1',
};

describe('what a provider hears of a client', () => {
  test.each(FORMATS.flatMap((from) => FORMATS.map((to) => ({ from, to }))))(
    'is no key of the client, no address and nothing of the connection ($from to $to)',
    ({ from, to }) => {
      const sent = JSON.stringify(requestHeaders(callOf(from, BODY, CLIENTS), to, undefined));
      for (const value of Object.values(CLIENTS)) expect(sent).not.toContain(value);
    },
  );

  test.each<[FormatName, Record<string, string>]>([
    ['chat', { 'openai-beta': 'x=1', 'idempotency-key': 'k' }],
    ['responses', { 'openai-beta': 'x=1', session_id: 's', originator: 'codex' }],
    ['messages', { 'anthropic-beta': 'a,b', 'anthropic-version': '2024-01-01' }],
    ['gemini', { 'x-goog-api-client': 'genai/1' }],
  ])('are the headers of its own family, where the provider is of it (%s)', (format, headers) => {
    const call = callOf(format, BODY, headers);
    expect(Object.fromEntries(requestHeaders(call, format, undefined))).toEqual(headers);
    for (const other of FORMATS.filter((one) => one !== format)) {
      const version = other === 'messages' ? { 'anthropic-version': '2023-06-01' } : {};
      expect(Object.fromEntries(requestHeaders(call, other, undefined))).toEqual(version);
    }
  });
});

describe('what a client hears of a provider', () => {
  const FROM_PROVIDER = {
    'x-ratelimit-remaining-requests': '7',
    'anthropic-ratelimit-tokens-remaining': '9',
    'x-request-id': 'req_1',
    'retry-after': '3',
    server: 'envoy',
    'set-cookie': 'a=b',
    'content-length': '12',
    'content-encoding': 'gzip',
    'transfer-encoding': 'chunked',
    'access-control-allow-origin': '*',
    'x-internal-host': '10.0.0.7',
  };

  test('is what it says of its limits and the request, by its own names and by those of LiteLLM, and nothing else', async () => {
    const outcome = newOutcome(0);
    const headers = answerHeaders(
      { status: 200, headers: FROM_PROVIDER },
      { call: callOf('chat', BODY), deployment: await deploymentOf({}), outcome, id: 'id-1', nowMs: 5 },
    );
    const ours = /^(?:x-litellm-|llm_provider-|x-upstream-request-id$)/;
    expect(Object.fromEntries(Object.entries(headers).filter(([name]) => !ours.test(name)))).toEqual({
      'x-ratelimit-remaining-requests': '7',
      'anthropic-ratelimit-tokens-remaining': '9',
      'retry-after': '3',
    });
    // The name without a prefix is that of the gateway's own id.
    expect(headers['x-upstream-request-id']).toBe('req_1');
    expect(headers['llm_provider-x-request-id']).toBe('req_1');
    expect(headers['llm_provider-x-ratelimit-remaining-requests']).toBe('7');
    expect(JSON.stringify(headers)).not.toContain('10.0.0.7');
  });

  test.each([true, false])('is the way that its request took, and how long (stream: %s)', async (stream) => {
    const outcome = newOutcome(100);
    Object.assign(outcome, { attempts: 3, fallbacks: 1, cost: 1_500_000n });
    outcome.upstream.start(110);
    outcome.upstream.stop(150);
    const dropped = new Dropped();
    dropped.add('seed');
    const deployment = await deploymentOf({ api_base: 'http://10.0.0.7:8000' }, { id: 'd-1' });
    const call = callOf('chat', { ...BODY, stream });
    const headers = answerHeaders(undefined, {
      call,
      deployment,
      dropped,
      outcome,
      id: 'id-1',
      nowMs: 160.5,
    });
    expect(headers).toMatchObject({
      'x-litellm-call-id': 'id-1',
      'x-litellm-model-id': 'd-1',
      'x-litellm-model-group': 'named',
      'x-litellm-attempted-retries': '2',
      'x-litellm-attempted-fallbacks': '1',
      'x-litellm-response-duration-ms': '60.5',
      'x-litellm-overhead-duration-ms': '20.5',
      'x-lanport-dropped': 'seed',
    });
    // Nobody knows it when a stream begins.
    expect(headers['x-litellm-response-cost']).toBe(stream ? undefined : '0.0000015');
    expect(JSON.stringify(headers)).not.toContain('10.0.0.7');
  });

  test('says that a stream is one, and that nobody may keep or hold it back', async () => {
    const deployment = await deploymentOf({});
    const of = (call: ReturnType<typeof callOf>) =>
      answerHeaders(undefined, { call, deployment, outcome: newOutcome(0), id: 'i', nowMs: 1 });
    expect(of(callOf('chat', { ...BODY, stream: true }))).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(of(callOf('gemini', {}, {}, { isStream: true, framing: 'array' }))['content-type']).toBe(
      'application/json',
    );
  });
});
