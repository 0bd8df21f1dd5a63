import { connect } from 'node:net';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BOUNDS } from '../../src/core/bounds.ts';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer, rpc } from '../support/http.ts';
import { ROOT, startProgram } from '../support/process.ts';
import { startPuppet } from '../support/puppet-server.ts';
import { messagesOf, openRaw, type RawStream } from '../support/raw-stream.ts';
import { initialize } from '../support/resume-client.ts';
import { type ScriptedServer, startScriptedServer } from '../support/resume-server.ts';
import { verifies } from '../support/verifies.ts';

const MIB = 1024 * 1024;
const SIZED = 'test/support/upstreams/sized.ts';

const opened: AsyncDisposable[] = [];
const streams: RawStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

const opening = async <T extends AsyncDisposable>(starting: Promise<T>): Promise<T> => {
  const one = await starting;
  opened.push(one);
  return one;
};
const gatewayOf = (server: object, limits: object = {}): Promise<TestGateway> =>
  opening(
    startGateway({
      config: configWith({ one: server }, { limits: { first_list_wait_ms: 25_000, ...limits } }),
    }),
  );

interface Scripted {
  readonly server: ScriptedServer;
  readonly gateway: TestGateway;
  readonly mcp: string;
}
async function scripted(limits: object = {}): Promise<Scripted> {
  const server = await opening(startScriptedServer());
  const gateway = await gatewayOf({ url: server.url }, limits);
  return { server, gateway, mcp: `${gateway.url}/mcp` };
}

const call = (gateway: TestGateway, name: string, args: object = {}, id: string | number = 1) =>
  rpc(`${gateway.url}/mcp`, MASTER_KEY, {
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: args },
  });
interface Called {
  readonly result: {
    readonly isError?: boolean;
    readonly content: readonly { readonly text: string }[];
    readonly structuredContent: { readonly pid: number };
  };
}
const resultOf = (answer: HttpAnswer): Called['result'] => answer.json<Called>().result;
const textOf = (answer: HttpAnswer): string => resultOf(answer).content[0]?.text ?? '';

it('the documented defaults are those of the code', async () => {
  verifies('bounds:defaults');
  const documented: Readonly<Record<string, string>> = {
    body_bytes_max: '32 MiB',
    message_bytes_max: '16 MiB',
    stdio_line_bytes_max: '32 MiB',
    upstream_response_bytes_max: '64 MiB',
    sessions_max: '10,000',
    in_flight_per_session_max: '64',
    in_flight_per_server_max: '1,024',
    keep_alive_ms: '15 s',
    server_start_ms: '60 s',
    call_total_ms: '300 s',
    first_list_wait_ms: '2 s',
    ledger_memory_rows_max: '5,000',
    ledger_disk_bytes_max: '1 GiB',
    shutdown_drain_ms: '10 s',
    body_read_ms: '60 s',
    response_state_bytes_max: '256 MiB',
    max_tool_rounds: '10',
    tool_call_ms: '120 s',
    tool_result_characters_max: '200,000',
  };
  const page = await readFile(join(ROOT, 'docs/reference/bounds.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `limits\.(\w+)` \| ([^|]+) \|/gm)].map(([, key, value]) => [
    key,
    value!.trim(),
  ]);
  expect(Object.fromEntries(rows)).toEqual(documented);
  const fixed = [...page.matchAll(/^\| (\d[^|]*) \| ([^|.;]+)/gm)].map(
    ([, value, what]) => `${value}: ${what}`,
  );
  expect(fixed).toEqual([
    '32 KiB: Head of one HTTP request',
    '72 s: How long a connection stays open between two requests',
    '1 MiB: What may wait for a client that reads its stream too slowly',
    '64 MiB: What may wait on a stream with answers, which are not left out',
    '15 min: How long a WebSocket stays open on which nothing is asked',
    '60 min: How long any WebSocket stays open',
    '4: Pings of a WebSocket, one each `limits',
    '16: Answers under way at a time on one WebSocket',
    '64: Requests that wait on one WebSocket, with at most `limits',
    '32: Different `stream_id`s on one WebSocket',
    '32: Answers that one WebSocket remembers besides those that are stored',
    '32 MiB: Their bytes, conversations included',
    '256 MiB: The same for all WebSockets together',
    '10,000: Answers that wait at once to be kept for `previous_response_id`',
    '128 MiB: Bytes of the answers that wait to be kept, conversations included',
    '256: Levels of nesting in a message',
    '100: Messages in one batch',
    '30 min: How long a session without a stream is kept when nobody uses it',
    '512: Events of one session that a client which comes back can take up again',
    '1 MiB: Bytes of those events',
    '64 MiB: Bytes of those events in all sessions together',
    '300 s: How long those events are kept',
    '1,000: Resources that one session may watch',
    '1,000: Resources that one `subscriptions/listen` may name',
    '4,096: Calls that wait for their turn at one server',
    '64: Connections to one server that has one for each session or key',
    '300 s: How long such a connection stays open when nobody uses it, unless `idle_shutdown` says otherwise',
    '1,000: Pages of one list of a server',
    '10 min: How long a person may take to answer a question of a server',
    '10,000: Questions that are open at clients with a session',
    '1,000: Calls of stateless clients that wait for an answer of the user',
    '32: The same for one key',
    '120 s: How long the result of such a call is kept for its client',
    '10: Times that a stateless server may ask in one call of a client with a session',
    '10,000: Tasks whose owner is remembered',
  ]);
  expect(BOUNDS).toEqual({
    bodyBytesMax: 32 * MIB,
    messageBytesMax: 16 * MIB,
    stdioLineBytesMax: 32 * MIB,
    upstreamResponseBytesMax: 64 * MIB,
    sessionsMax: 10_000,
    inFlightPerSessionMax: 64,
    inFlightPerServerMax: 1_024,
    keepAliveMs: 15_000,
    serverStartMs: 60_000,
    callTotalMs: 300_000,
    firstListWaitMs: 2_000,
    ledgerMemoryRowsMax: 5_000,
    ledgerDiskBytesMax: 1_024 * MIB,
    shutdownDrainMs: 10_000,
    bodyReadMs: 60_000,
    responseStateBytesMax: 256 * MIB,
    maxToolRounds: 10,
    toolCallMs: 120_000,
    toolResultCharactersMax: 200_000,
  });
});

describe('a request body', () => {
  /** `ping`, padded to exactly so many bytes. */
  const ping = (bytes: number): Buffer => {
    const head = '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"';
    const tail = '"}}';
    return Buffer.from(`${head}${'x'.repeat(bytes - head.length - tail.length)}${tail}`);
  };
  const headers = { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' };

  it('of 32 MiB is taken, and one of a byte more is refused with words, declared or not', async () => {
    verifies('bounds:body');
    const { mcp } = await scripted();
    const post = (body: Buffer, more = {}) =>
      http(mcp, { method: 'POST', headers: { ...headers, ...more }, body });
    for (const bytes of [32 * MIB - 1, 32 * MIB]) {
      const answer = await post(ping(bytes));
      expect([answer.status, answer.text]).toEqual([200, '{"jsonrpc":"2.0","id":1,"result":{}}']);
    }
    for (const how of [{}, { 'transfer-encoding': 'chunked' }]) {
      const answer = await post(ping(32 * MIB + 1), how);
      expect(answer.status).toBe(413);
      expect(answer.json()).toMatchObject({
        error: { code: 1416, message: `The body is larger than ${32 * MIB} bytes (limits.body_bytes_max).` },
      });
    }
    expect((await post(ping(60))).status).toBe(200);
  });

  it('that is refused is taken to its end, so that who closes the connection after it reads the answer', async () => {
    verifies('bounds:body');
    const { mcp } = await scripted();
    const { port, host, pathname } = new URL(mcp);
    const body = ping(32 * MIB + 1);
    const head = { ...headers, host, connection: 'close', 'content-length': body.length };
    const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    let isEnded = false;
    const answered = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
        if (text.includes('limits.body_bytes_max')) resolve();
      });
    });
    const closed = new Promise<unknown>((resolve) => {
      socket.on('error', resolve);
      socket.on('end', () => {
        isEnded = true;
        resolve(undefined);
      });
    });
    socket.write(`POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`);
    await answered;
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    for (let at = 0; at < body.length; at += MIB) {
      await new Promise((resolve) => socket.write(body.subarray(at, at + MIB), resolve));
      if (at < 16 * MIB) expect(isEnded).toBe(false);
    }
    expect(await closed).toBeUndefined();
    socket.destroy();
  });

  it('that is refused unread and has no declared length is not read on', async () => {
    verifies('bounds:body');
    const { mcp } = await scripted();
    const { port, host, pathname } = new URL(mcp);
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    const ended = new Promise<void>((resolve) => socket.once('end', resolve));
    socket.write(
      `PUT ${pathname}/nowhere HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n`,
    );
    await ended;
    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(text).not.toContain(' 408 ');
    socket.destroy();
  });

  it('that does not arrive in time is given up', async () => {
    verifies('bounds:body');
    const { mcp } = await scripted({ body_read_ms: 500 });
    const status = await new Promise((resolve, reject) => {
      const sent = request(mcp, {
        method: 'POST',
        agent: false,
        headers: { ...headers, 'content-length': 100 },
      });
      sent.on('response', (response) => resolve(response.statusCode));
      sent.on('error', reject);
      sent.write('{');
    });
    expect(status).toBe(408);
  });
});

describe('what a server says', () => {
  it('on a stream may be 16 MiB at a time; a larger message costs its own call alone', async () => {
    verifies('bounds:messages');
    const { gateway, server } = await scripted();
    const fitting = call(gateway, 'work');
    (await server.call(0)).answer('x'.repeat(16 * MIB - 1_000));
    expect(textOf(await fitting)).toHaveLength(16 * MIB - 1_000);
    const other = call(gateway, 'work');
    const waiting = await server.call(1);
    const large = call(gateway, 'work');
    (await server.call(2)).answer('x'.repeat(16 * MIB));
    expect(resultOf(await large)).toMatchObject({ isError: true });
    expect(textOf(await large)).toBe(
      `Server "one" answered with more than ${16 * MIB} bytes (limits.message_bytes_max).`,
    );
    waiting.answer('unharmed');
    expect(textOf(await other)).toBe('unharmed');
  });

  it('on a stream may be more than 64 MiB in all', async () => {
    verifies('bounds:messages');
    const { mcp, server } = await scripted();
    const session = await initialize(mcp, MASTER_KEY);
    const answering = session.stream('tools/call', { name: 'work', _meta: { progressToken: 1 } }, 'long');
    const one = await server.call(0);
    const message = 'x'.repeat(MIB);
    for (let step = 1; step <= 70; step++) one.progress(step, message);
    one.answer('after 70 MiB');
    const stream = await answering;
    streams.push(stream);
    await stream.until((heard) => messagesOf(heard).some(({ id }) => id === 'long'));
    expect(messagesOf(stream).at(-1)).toMatchObject({ result: { content: [{ text: 'after 70 MiB' }] } });
  });

  it('in one answer that is no stream may be 64 MiB', async () => {
    verifies('bounds:messages');
    const program = await opening(startProgram(SIZED, ['http']));
    const gateway = await gatewayOf({ url: `http://127.0.0.1:${program.ready}/mcp` });
    expect(textOf(await call(gateway, 'sized', { bytes: 64 * MIB - 1_000 }))).toHaveLength(64 * MIB - 1_000);
    const refused = await call(gateway, 'sized', { bytes: 64 * MIB });
    expect(resultOf(refused)).toMatchObject({ isError: true });
    expect(textOf(refused)).toBe(
      `Server "one" answered with more than ${64 * MIB} bytes (limits.upstream_response_bytes_max).`,
    );
    expect(textOf(await call(gateway, 'sized', { bytes: 3 }))).toBe('xxx');
  });

  it('on one line of stdio may be 32 MiB; a longer one ends the process, and the next call has a new one', async () => {
    verifies('bounds:messages');
    const gateway = await gatewayOf({ command: process.execPath, args: [join(ROOT, SIZED)] });
    const fitting = await call(gateway, 'sized', { bytes: 32 * MIB - 1_000 });
    expect(textOf(fitting)).toHaveLength(32 * MIB - 1_000);
    const refused = await call(gateway, 'sized', { bytes: 32 * MIB });
    expect(resultOf(refused)).toMatchObject({ isError: true });
    expect(textOf(refused)).toContain(`a line of more than ${32 * MIB} bytes (limits.stdio_line_bytes_max)`);
    const next = await call(gateway, 'sized', { bytes: 3 });
    expect(textOf(next)).toBe('xxx');
    expect(resultOf(next).structuredContent.pid).not.toBe(resultOf(fitting).structuredContent.pid);
  });
});

describe('sessions', () => {
  it('beyond the bound are refused while all have open streams, and taken when one has not', async () => {
    verifies('bounds:sessions');
    const { mcp } = await scripted({ sessions_max: 3 });
    const all = [];
    for (let at = 0; at < 3; at++) {
      const session = await initialize(mcp, MASTER_KEY);
      const stream = await session.listen();
      streams.push(stream);
      all.push({ session, stream });
    }
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    };
    const one = { jsonrpc: '2.0', id: 'fourth', method: 'initialize', params };
    const refused = await rpc(mcp, MASTER_KEY, one);
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('2');
    expect(refused.json()).toMatchObject({ id: 'fourth', error: { code: 1430, data: { retryable: true } } });
    const sse = await http(mcp.replace('/mcp', '/sse'), {
      headers: { authorization: `Bearer ${MASTER_KEY}` },
    });
    expect(sse.status).toBe(503);
    all[1]!.stream[Symbol.dispose]();
    const events = messagesOf(all[0]!.stream);
    // The gateway notices that a client has gone when it is told, which is soon.
    let fourth = await rpc(mcp, MASTER_KEY, one);
    while (fourth.status === 503) fourth = await rpc(mcp, MASTER_KEY, one);
    expect(fourth.status).toBe(200);
    expect(messagesOf(all[0]!.stream)).toEqual(events);
    // The one that was forgotten is back as soon as there is room.
    all[2]!.stream[Symbol.dispose]();
    let back = await all[1]!.session.ask('ping');
    while (back.status === 503) back = await all[1]!.session.ask('ping');
    expect(back.json()).toMatchObject({ result: {} });
  });
});

describe('64 requests in flight in one session', () => {
  it('leave no room for another one, but for answers and cancellations', async () => {
    verifies('bounds:in-flight');
    const { mcp, server } = await scripted();
    const session = await initialize(mcp, MASTER_KEY, '2025-11-25', { elicitation: {} });
    const answers = Array.from({ length: 64 }, (_, at) =>
      openRaw(mcp, session.headers, {
        jsonrpc: '2.0',
        id: at,
        method: 'tools/call',
        params: { name: 'work', at },
      }),
    );
    const calls = await Promise.all(answers.map((_, at) => server.call(at)));
    const refused = await session.ask('ping');
    expect(refused.status).toBe(429);
    expect(refused.json()).toMatchObject({ error: { code: 1431, data: { lanport: 'session-busy' } } });
    expect((await (await initialize(mcp, MASTER_KEY)).ask('ping')).status).toBe(200);

    const [asking, cancelled, ...others] = calls;
    const heard = asking!.ask('elicitation/create', { message: 'Who?', requestedSchema: { type: 'object' } });
    const stream = await answers[Number(asking!.params?.['at'])]!;
    streams.push(stream);
    await stream.until((one) => messagesOf(one).length === 1);
    const told = await session.say({ id: messagesOf(stream)[0]?.id, result: { action: 'decline' } });
    expect(told.status).toBe(202);
    expect(await heard).toEqual({ action: 'decline' });
    asking!.answer('declined');
    await stream.ended;
    expect((await session.ask('ping')).status).toBe(200);

    const requestId = cancelled!.params?.['at'];
    const notified = await session.say({ method: 'notifications/cancelled', params: { requestId } });
    expect(notified.status).toBe(202);
    await cancelled!.closed;
    for (const one of others) one.answer('done');
    await Promise.all(answers);
    expect((await session.ask('ping')).status).toBe(200);
  });
});

describe('calls to one server', () => {
  it('beyond 1,024 wait for their turn and are then served', async () => {
    verifies('bounds:in-flight');
    const { gateway, server } = await scripted();
    const answers = Array.from({ length: 1_025 }, (_, at) => call(gateway, 'work', { at }, at));
    await server.call(1_023);
    interface Health {
      readonly servers: readonly { readonly inFlight: number; readonly waiting: number }[];
    }
    const health = async (): Promise<Health['servers'][number]> =>
      (
        await http(`${gateway.url}/health`, { headers: { authorization: `Bearer ${MASTER_KEY}` } })
      ).json<Health>().servers[0]!;
    let state = await health();
    while (state.waiting === 0) state = await health();
    expect(state).toMatchObject({ inFlight: 1_024, waiting: 1 });
    expect(server.calls).toHaveLength(1_024);
    server.calls[0]!.answer('the first');
    (await server.call(1_024)).answer('the last');
    for (const one of server.calls.slice(1, 1_024)) one.answer('one of many');
    const texts = (await Promise.all(answers)).map(textOf);
    expect(texts.filter((text) => text === 'the last')).toHaveLength(1);
    expect(texts.filter((text) => text === 'one of many')).toHaveLength(1_023);
  });

  it('beyond 4,096 that wait fail with words, and the others are served in turn', async () => {
    verifies('bounds:in-flight');
    const { gateway, server } = await scripted({ in_flight_per_server_max: 1 });
    const answers = Array.from({ length: 4_098 }, (_, at) => call(gateway, 'work', { at }, at));
    await server.call(0);
    const refused = await Promise.race(answers);
    expect(textOf(refused)).toBe('Server "one" already has 1 calls in flight.');
    for (let at = 0; at < 4_097; at++) (await server.call(at)).answer('served');
    const texts = (await Promise.all(answers)).map(textOf);
    expect(texts.filter((text) => text === 'served')).toHaveLength(4_097);
  });
});

describe('deadlines', () => {
  it('a server that does not start in time is down, and its calls say so', async () => {
    verifies('bounds:deadlines');
    const puppet = await opening(startPuppet());
    const gateway = await gatewayOf({ url: puppet.url, transport: 'http' }, { server_start_ms: 1_000 });
    await puppet.next('POST');
    await gateway.logged((line) => line.message === 'a server could not be started');
    const answer = await rpc(`${gateway.url}/mcp`, MASTER_KEY, {
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/list',
    });
    expect(answer.json()).toMatchObject({ result: { tools: [] } });
    const health = await http(`${gateway.url}/health`, {
      headers: { authorization: `Bearer ${MASTER_KEY}` },
    });
    // It may be tried again already.
    const [one] = health.json<{ servers: { state: string; failures: number }[] }>().servers;
    expect(['down', 'starting']).toContain(one?.state);
    expect(one?.failures).toBeGreaterThan(0);
  });

  it('a call that takes too long is cancelled, whatever progress it reports', async () => {
    verifies('bounds:deadlines');
    const { gateway, server } = await scripted({ call_total_ms: 1_500 });
    const answering = call(gateway, 'work');
    const one = await server.call(0);
    let isOpen = true;
    void one.closed.then(() => {
      isOpen = false;
    });
    const reporting = setInterval(() => isOpen && one.progress(1), 100);
    const answer = await answering;
    clearInterval(reporting);
    expect(resultOf(answer)).toMatchObject({ isError: true });
    expect(textOf(answer)).toBe('Server "one" did not answer within 1.5 s; the call was cancelled.');
    await one.closed;
  });
});
