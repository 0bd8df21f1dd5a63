import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gate } from '../support/edge-server.ts';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { type LedgerEntry, ledgerRows } from '../support/ledger-rows.ts';
import { type Dialect, DIALECTS } from '../support/llm/dialects.ts';
import {
  EVENTS,
  events,
  type ProviderReply,
  startProvider,
  type TestProvider,
} from '../support/llm/provider.ts';
import { RefusedError, SocketClient, textOf } from '../support/llm/socket-client.ts';
import { verifies } from '../support/verifies.ts';

const KEY = 'sk-team-0123456789abcdef';
const BODY_BYTES_MAX = 4 * 1024 * 1024;
const CELLS = DIALECTS.map((speaks) => [speaks.name, speaks] as const);

let provider: TestProvider;
let gateway: TestGateway;

/** `mock` answers by itself, the others ask the provider, each in its format. */
function config(more: object = {}): Record<string, unknown> {
  return configWith(
    {},
    {
      virtual_keys: [{ api_key: KEY, models: ['mock'] }],
      model_list: [
        ...DIALECTS.map(({ name, model }) => ({
          model_name: name,
          litellm_params: { model, api_key: 'k', api_base: provider.url },
        })),
        {
          model_name: 'limited',
          litellm_params: { model: 'openai/responses/m', api_key: 'k', api_base: provider.url },
        },
        { model_name: 'mock', litellm_params: { model: 'mock/any' } },
      ],
      limits: { keep_alive_ms: 60_000, body_bytes_max: BODY_BYTES_MAX },
      ...more,
    },
  );
}

beforeAll(async () => {
  provider = await startProvider();
  gateway = await startGateway({ config: config() });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

const TYPES = 'response.create';
const HELLO = { model: 'mock', input: 'Hello', store: false };
const whole = ({ stream }: Dialect): ProviderReply => ({
  headers: EVENTS,
  body: [stream.start + stream.content + stream.rest],
});

/** The rows of what `act` does. */
async function rowsOf(act: () => Promise<void>): Promise<LedgerEntry[]> {
  const known = new Set((await ledgerRows(gateway)).map(({ id }) => id));
  await act();
  return (await ledgerRows(gateway)).filter(({ id }) => !known.has(id));
}

async function refusal(headers: Record<string, string>, path?: string): Promise<RefusedError> {
  const error = await SocketClient.open(gateway.url, headers, path).catch((reason: unknown) => reason);
  if (!(error instanceof RefusedError)) throw new Error('it was not refused');
  return error;
}

describe('a request for a WebSocket', () => {
  it.each([
    ['without a key', {}],
    ['with an unknown key', { authorization: 'Bearer sk-nobody' }],
  ])('%s is refused as a POST is', async (_, headers) => {
    verifies('llm:websocket-errors');
    const { status, body } = await refusal(headers);
    const posted = await http(`${gateway.url}/v1/responses`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{}',
    });
    expect({ status, body }).toEqual({ status: 401, body: posted.text });
    expect(status).toBe(posted.status);
  });

  it('of a page of another site is refused', async () => {
    verifies('llm:websocket-errors');
    const error = await refusal({ authorization: `Bearer ${MASTER_KEY}`, origin: 'https://evil.example' });
    expect(error).toMatchObject({ status: 403, body: expect.stringContaining('evil.example') });
  });

  it.each(['/mcp', '/v1/chat/completions', '/nowhere'])('at %s is told where there is one', async (path) => {
    verifies('llm:websocket-errors');
    const error = await refusal({ authorization: `Bearer ${MASTER_KEY}` }, path);
    expect(error).toMatchObject({ status: 426, body: expect.stringContaining('/v1/responses') });
  });

  it('that is no handshake is refused, and of another protocol answered over HTTP', async () => {
    verifies('llm:websocket-errors');
    const ask = (upgrade: string) =>
      http(`${gateway.url}/v1/responses`, {
        headers: { authorization: `Bearer ${MASTER_KEY}`, connection: 'Upgrade', upgrade },
      });
    expect((await ask('websocket')).status).toBe(400);
    expect((await ask('h2c')).status).toBe(405);
  });
});

it('a WebSocket may be opened behind another request on its connection, and asked at once', async () => {
  verifies('llm:websocket', 'edge:both-ways');
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  let text = '';
  const ended = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('"type":"response.completed"')) resolve();
    });
  });
  const common = `Host: ${hostname}\r\nAuthorization: Bearer ${MASTER_KEY}\r\n`;
  const body = JSON.stringify({ model: 'mock', input: 'Hi', mock_response: 'posted' });
  const frame = JSON.stringify({ type: TYPES, ...HELLO });
  const masked = Buffer.concat([Buffer.from([0x81, 0x80 | frame.length, 0, 0, 0, 0]), Buffer.from(frame)]);
  socket.write(
    Buffer.concat([
      Buffer.from(
        `POST /v1/responses HTTP/1.1\r\n${common}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ),
      Buffer.from(
        `GET /v1/responses HTTP/1.1\r\n${common}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`,
      ),
      masked,
    ]),
  );
  await ended;
  expect(text).toMatch(/^HTTP\/1\.1 200 OK[^]*posted[^]*HTTP\/1\.1 101 [^]*x-request-id: [0-9a-f-]{36}\r\n/);
  socket.destroy();
});

describe('a WebSocket', () => {
  it.each<[string, string | Buffer, RegExp, string | null]>([
    ['that is binary', Buffer.from('{}'), /binary frame/i, null],
    ['that is no JSON', '{"type":', /not a JSON object.*byte 8/, 'invalid_json'],
    ['that is a list', '[1]', /not a JSON object/, 'invalid_json'],
    ['without a type', '{"model":"mock"}', /no "type"/, 'unknown_event_type'],
    ['of another type', '{"type":"response.cancel"}', /"response\.cancel"/, 'unknown_event_type'],
    ['with a bad lane', `{"type":"${TYPES}","stream_id":""}`, /stream_id/, 'invalid_stream_id'],
    ['without a model', `{"type":"${TYPES}","input":"Hi"}`, /names no model/, null],
    ['with an unknown model', `{"type":"${TYPES}","model":"x","input":"Hi"}`, /model "x"/, 'model_not_found'],
    ['with a wrong member', `{"type":"${TYPES}","model":"mock","input":1}`, /input/, null],
  ])('answers a frame %s with one error frame, and goes on', async (_, frame, message, code) => {
    verifies('llm:websocket-errors');
    await using client = await SocketClient.open(gateway.url);
    client.socket.send(frame);
    const answer = await client.answer();
    expect(answer).toHaveLength(1);
    const { type, status, error } = answer[0]!;
    expect(type).toBe('error');
    expect(status).toBe(code === 'model_not_found' ? 404 : 400);
    expect(error).toMatchObject({ type: 'invalid_request_error', message: expect.stringMatching(message) });
    if (code !== null) expect(error!.code).toBe(code);
    expect((await client.turn(HELLO)).type).toBe('response.completed');
  });

  it('takes what Codex says of answers that it has taken in', async () => {
    verifies('llm:websocket');
    await using client = await SocketClient.open(gateway.url);
    const { response } = await client.turn(HELLO);
    client.socket.send(JSON.stringify({ type: 'response.processed', response_id: response!.id }));
    expect((await client.turn(HELLO)).type).toBe('response.completed');
  });

  it('judges each request by its key, and records it', async () => {
    verifies('llm:websocket');
    const rows = await rowsOf(async () => {
      await using client = await SocketClient.open(gateway.url, { 'x-api-key': KEY });
      expect(await client.turn({ ...HELLO, model: 'chat' })).toMatchObject({ status: 404 });
      expect((await client.turn(HELLO)).type).toBe('response.completed');
    });
    expect(rows).toHaveLength(2);
    expect(rows).toContainEqual(
      expect.objectContaining({ model: 'chat', status: 'denied', decision: 'denied' }),
    );
    expect(rows).toContainEqual(expect.objectContaining({ model: 'mock', status: 'ok' }));
  });

  it('tells what a provider says before its answer, with when to try again', async () => {
    verifies('llm:websocket-errors');
    await using client = await SocketClient.open(gateway.url);
    const error = { message: 'Slow down.', type: 'requests', param: null, code: 'rate_limit_exceeded' };
    provider.answer({ status: 429, headers: { 'retry-after': '7' }, body: [JSON.stringify({ error })] });
    const frame = await client.turn({ model: 'limited', input: 'Hi', num_retries: 0, stream_id: 'a' });
    expect(frame).toMatchObject({ type: 'error', status: 429, stream_id: 'a', error });
    expect(frame.headers).toMatchObject({ 'retry-after': '7' });
    expect((await client.turn(HELLO)).type).toBe('response.completed');
  });

  it('runs lanes beside each other, and the requests of each one after the other', async () => {
    verifies('llm:websocket-lanes');
    const { stream } = DIALECTS.find(({ name }) => name === 'chat')!;
    const gates = { first: gate(), second: gate(), other: gate() };
    const asked = { first: gate(), second: gate(), other: gate() };
    provider.answer(({ body }) => {
      const text = JSON.stringify(body['messages']);
      const name = (['first', 'second', 'other'] as const).find((one) => text.includes(one))!;
      asked[name].open();
      return { headers: EVENTS, body: [stream.start + stream.content, gates[name].opened, stream.rest] };
    });
    await using client = await SocketClient.open(gateway.url);
    const ask = (input: string, lane: string | undefined): void =>
      client.create({
        model: 'chat',
        input,
        store: false,
        ...(lane === undefined ? {} : { stream_id: lane }),
      });
    ask('first', 'main');
    ask('second', 'main');
    ask('other', undefined);
    await Promise.all([asked.first.opened, asked.other.opened]);
    expect(provider.requests.filter(({ bytes }) => bytes.includes('second'))).toEqual([]);
    gates.other.open();
    const other = await client.frames.first(({ type }) => type === 'response.completed');
    expect(other.stream_id).toBeUndefined();
    gates.first.open();
    await asked.second.opened;
    gates.second.open();
    let ends: string[] = [];
    while (ends.length < 3) {
      const { length } = client.frames.all;
      ends = client.frames.all
        .filter(({ type }) => type === 'response.completed')
        .map((frame) => frame.stream_id ?? '');
      if (ends.length < 3) await client.frames.at(length);
    }
    expect(ends).toEqual(['', 'main', 'main']);
    const named = client.frames.all.filter(({ stream_id: lane }) => lane === 'main');
    // Both answers are in one piece each.
    expect(named.map(({ type }) => type).lastIndexOf('response.created')).toBe(named.length / 2);
  });

  it('bounds the names of lanes, and what waits', async () => {
    verifies('llm:websocket-lanes');
    await using client = await SocketClient.open(gateway.url);
    for (let at = 0; at < 32; at++)
      expect((await client.turn({ ...HELLO, stream_id: `lane-${at}` })).type).toBe('response.completed');
    expect(await client.turn({ ...HELLO, stream_id: 'one-more' })).toMatchObject({
      status: 400,
      stream_id: 'one-more',
      error: { code: 'websocket_stream_limit_reached', param: 'stream_id' },
    });
    const stalled = { ...HELLO, mock_response: { text: 'one two', stall_after: 1 } };
    for (let at = 0; at < 65; at++) client.create(stalled);
    client.create({ ...HELLO, stream_id: 'lane-1' });
    const full = await client.frames.first(({ type, status }) => type === 'error' && status === 429);
    expect(full.error).toMatchObject({
      code: 'websocket_queue_full',
      message: expect.stringMatching(/64 requests/),
    });
    expect(client.frames.all.filter(({ status }) => status === 429)).toHaveLength(1);
  });

  it('takes a frame of as many bytes as a body may have, and closes for a larger one', async () => {
    verifies('llm:websocket-ends');
    await using client = await SocketClient.open(gateway.url);
    const empty = JSON.stringify({ type: TYPES, ...HELLO, input: '' });
    const input = 'x'.repeat(BODY_BYTES_MAX - empty.length);
    expect((await client.turn({ ...HELLO, input })).type).toBe('response.completed');
    client.create({ ...HELLO, input: `${input}x` });
    expect(await client.closed).toMatchObject({ code: 1009 });
  });

  it('closes for a client that gives no sign of life', async () => {
    verifies('llm:websocket-ends');
    await using impatient = await startGateway({ config: config({ limits: { keep_alive_ms: 200 } }) });
    const client = await SocketClient.open(impatient.url);
    // It goes on listening, and would answer any frame but a ping.
    client.socket.removeAllListeners('ping');
    (client.socket as unknown as { _autoPong: boolean })._autoPong = false;
    expect(await client.closed).toMatchObject({ code: 1006 });
  });
});

describe.each(CELLS)('a WebSocket over a provider of %s', (name, speaks) => {
  const { start, content } = speaks.stream;

  it('ends the requests to it when it closes, and begins none of those that wait', async () => {
    verifies('llm:websocket-ends', 'llm:gone');
    provider.answer({ headers: EVENTS, body: [start + content], end: 'stall' });
    const before = provider.requests.length;
    const rows = await rowsOf(async () => {
      const client = await SocketClient.open(gateway.url);
      client.create({ model: name, input: 'Hi', store: false });
      client.create({ model: name, input: 'waits', store: false });
      await client.frames.first(({ type }) => type === 'response.output_text.delta');
      client.socket.terminate();
      await provider.requests[before]!.gone;
    });
    expect(provider.requests).toHaveLength(before + 1);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ status: 'cancelled', errorCode: 'client_gone' });
  });

  it('tells of an answer that breaks off in exactly one frame, and goes on', async () => {
    verifies('llm:websocket-errors');
    await using client = await SocketClient.open(gateway.url);
    provider.answer({ headers: EVENTS, body: [start + content], end: 'reset' });
    client.create({ model: name, input: 'Hi', store: false, num_retries: 0 });
    const frames = await client.answer();
    expect(frames.map(({ type }) => type)).toContain('response.output_text.delta');
    expect(frames.at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'failed' } });
    provider.answer(whole(speaks));
    client.create({ model: name, input: 'Hi', store: false });
    const next = await client.answer();
    expect(next[0]!.type).toBe('response.created');
    expect(textOf(next.at(-1)!)).toBe('Hello world');
  });
});

it('tells of an error event that nothing follows in a frame with a status', async () => {
  verifies('llm:websocket-errors');
  const { stream } = DIALECTS.find(({ name }) => name === 'responses')!;
  const error = {
    type: 'error',
    code: 'server_error',
    message: 'It broke.',
    param: null,
    sequence_number: 3,
  };
  provider.answer({ headers: EVENTS, body: [stream.start + stream.content + events(['error', error])] });
  await using client = await SocketClient.open(gateway.url);
  const frame = await client.turn({ model: 'responses', input: 'Hi' });
  expect(frame).toMatchObject({ type: 'error', status: 502, error: { message: 'It broke.' } });
});

/** What the sockets and buffers between the provider and a client that reads nothing may hold. */
const HELD_BYTES_MAX = 24 * 1024 * 1024;
const STREAM_BYTES = 64 * 1024 * 1024;
/** Small ones, whose answers are larger by far than what sockets hold. */
const FRAMES = 100_000;
const LONG: Partial<Record<string, (content: string) => string>> = {
  chat: (content) => content.replace('Hello', 'x'.repeat(64 * 1024)),
  responses: (content) =>
    `event: ${content
      .split('event: ')
      .at(-1)!
      .replace('Hello', 'x'.repeat(64 * 1024))}`,
};

it.each(['chat', 'responses'])(
  'a client that reads slowly holds a provider of %s back, and gets everything in the end',
  async (name) => {
    verifies('llm:held-back', 'llm:websocket-ends');
    const { start, content, rest } = DIALECTS.find((one) => one.name === name)!.stream;
    const more = LONG[name]!(content);
    let written = 0;
    function* body(): Generator<string> {
      yield start + content;
      for (; written < STREAM_BYTES; written += more.length) yield more;
      yield rest;
    }
    // Who reads nothing answers no ping either.
    await using patient = await startGateway({ config: config({ limits: { keep_alive_ms: 60_000 } }) });
    provider.answer({ headers: EVENTS, body: body() });
    const client = await SocketClient.open(patient.url);
    client.create({ model: name, input: 'Hi', store: false });
    await client.next();
    client.socket.pause();
    let before = -1;
    for (let calm = 0; calm < 5; calm = written === before ? calm + 1 : 0) {
      before = written;
      for (let at = 0; at < 20; at++) await http(`${patient.url}/health/liveliness`);
    }
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(HELD_BYTES_MAX);
    client.socket.resume();
    await client.frames.first(({ type }) => type === 'response.completed');
    const deltas = client.frames.all.filter(({ type }) => type === 'response.output_text.delta');
    const bytes = deltas.reduce((sum, { delta }) => sum + delta!.length, 0);
    expect(bytes).toBeGreaterThan(STREAM_BYTES * 0.95);
    await client[Symbol.asyncDispose]();
  },
  60_000,
);

it('a client that asks and does not read is not heard before it reads', async () => {
  verifies('llm:websocket-ends');
  await using patient = await startGateway({ config: config({ limits: { keep_alive_ms: 60_000 } }) });
  await using client = await SocketClient.open(patient.url);
  client.socket.pause();
  for (let at = 0; at < FRAMES; at++) client.socket.send('{"type":"x"}');
  const heard = (): number => patient.log.filter(({ message }) => message === 'refused').length;
  let before = -1;
  for (let calm = 0; calm < 5; calm = heard() === before ? calm + 1 : 0) {
    before = heard();
    for (let at = 0; at < 20; at++) await http(`${patient.url}/health/liveliness`);
  }
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(FRAMES / 2);
  client.socket.resume();
  await client.frames.at(FRAMES - 1);
  expect(client.frames.all.every(({ error }) => error?.code === 'unknown_event_type')).toBe(true);
}, 60_000);

describe('a gateway', () => {
  it('that stops lets answers end, refuses what waits, and closes', async () => {
    verifies('llm:websocket-ends');
    await using stopping = await startGateway({ config: config() });
    const speaks = DIALECTS.find(({ name }) => name === 'responses')!;
    const go = gate();
    const { start, content, rest } = speaks.stream;
    provider.answer({ headers: EVENTS, body: [start + content, go.opened, rest] });
    const idle = await SocketClient.open(stopping.url);
    const busy = await SocketClient.open(stopping.url);
    busy.create({ model: 'responses', input: 'Hi' });
    busy.create({ model: 'responses', input: 'waits' });
    await busy.frames.first(({ type }) => type === 'response.output_text.delta');
    const stopped = stopping.stop();
    expect(await idle.closed).toMatchObject({ code: 1001 });
    const refused = await busy.frames.first(({ type }) => type === 'error');
    expect(refused).toMatchObject({ status: 503, error: { code: 'shutting-down' } });
    busy.create({ model: 'responses', input: 'late' });
    await busy.frames.first((frame) => frame.type === 'error' && frame !== refused);
    go.open();
    expect(textOf(await busy.frames.first(({ type }) => type === 'response.completed'))).toBe('Hello world');
    expect(await busy.closed).toEqual({ code: 1001, reason: 'the gateway is shutting down' });
    expect(await stopped).toBe(0);
  });

  it('whose configuration loses a key closes its WebSockets', async () => {
    verifies('llm:websocket-ends');
    await using one = await startGateway({ config: config() });
    await using staying = await SocketClient.open(one.url);
    const leaving = await SocketClient.open(one.url, { 'x-api-key': KEY });
    expect((await leaving.turn(HELLO)).type).toBe('response.completed');
    const file = join(one.folder, 'config.yaml');
    const next = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...next, virtual_keys: [] }));
    process.kill(one.pid, 'SIGHUP');
    expect(await leaving.closed).toMatchObject({ code: 1008 });
    expect((await staying.turn(HELLO)).type).toBe('response.completed');
  });
});
