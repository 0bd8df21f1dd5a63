import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import {
  type AddressInfo,
  connect as connectSocket,
  createServer as createProxy,
  type Socket,
} from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { lastIdOf, messagesOf, type RawMessage, type RawStream } from '../support/raw-stream.ts';
import { initialize, type RawSession } from '../support/resume-client.ts';
import { type ScriptedCall, type ScriptedServer, startScriptedServer } from '../support/resume-server.ts';
import { verifies } from '../support/verifies.ts';

const LIST_CHANGED = 'notifications/tools/list_changed';
const ALL_CHANGED = ['tools', 'prompts', 'resources'].map((kind) => `notifications/${kind}/list_changed`);
const UPDATED = 'notifications/resources/updated';
const CALL = { name: 'work', _meta: { progressToken: 'mine' } };

let gateway: TestGateway;
let server: ScriptedServer;
let mcp: string;
const streams: RawStream[] = [];

beforeEach(async () => {
  server = await startScriptedServer();
  gateway = await startGateway({ config: configWith({ one: { url: server.url } }) });
  mcp = `${gateway.url}/mcp`;
});
afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  await gateway?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const kept = async (opening: Promise<RawStream>): Promise<RawStream> => {
  const stream = await opening;
  streams.push(stream);
  return stream;
};
const steps = (messages: readonly RawMessage[]): unknown[] =>
  messages.map((message) => message.params?.['progress'] ?? message.result ?? message.error?.code);
const result = (text: string) => ({ content: [{ type: 'text', text }] });

/** A call that has reported its first steps to a client that then loses its connection. */
async function brokenCall(
  session: RawSession,
  first: number,
): Promise<{ call: ScriptedCall; stream: RawStream }> {
  const at = server.calls.length;
  const answering = kept(session.stream('tools/call', CALL, 'call'));
  const call = await server.call(at);
  for (let step = 1; step <= first; step++) call.progress(step);
  const stream = await answering;
  await stream.until((one) => messagesOf(one).length === first);
  stream[Symbol.dispose]();
  await stream.ended;
  return { call, stream };
}

describe.each(['2025-06-18', '2025-11-25'])(
  'a client of %s that lost its connection in the middle of a call',
  (revision) => {
    it('gets what it missed once, what comes still, and the answer', async () => {
      verifies('mcp:resume');
      const session = await initialize(mcp, MASTER_KEY, revision);
      const { call, stream } = await brokenCall(session, 2);
      expect(stream.events[0]?.message === undefined).toBe(revision === '2025-11-25');
      call.progress(3);
      call.progress(4);
      const again = await kept(session.listen(lastIdOf(stream)));
      await again.until((one) => messagesOf(one).length === 2);
      call.progress(5);
      call.answer('done');
      await again.ended;
      expect(steps(messagesOf(stream))).toEqual([1, 2]);
      expect(steps(messagesOf(again))).toEqual([3, 4, 5, result('done')]);
      expect(messagesOf(again).at(-1)?.id).toBe('call');
      expect(messagesOf(again)[0]?.params?.['progressToken']).toBe('mine');
    });

    it('gets the answer that came while it was away', async () => {
      verifies('mcp:resume');
      const session = await initialize(mcp, MASTER_KEY, revision);
      const { call, stream } = await brokenCall(session, 1);
      call.progress(2);
      call.answer('meanwhile');
      await gateway.logged((line) => line.message === 'call' && line['tool'] === 'work');
      const again = await kept(session.listen(lastIdOf(stream)));
      await again.ended;
      expect(steps(messagesOf(again))).toEqual([2, result('meanwhile')]);
      // It lost that connection, too, after the first of both.
      const third = await kept(session.listen(again.events[0]?.id));
      await third.ended;
      expect(steps(messagesOf(third))).toEqual([result('meanwhile')]);
      // Who has the answer gets no stream: it would wait on it for nothing.
      expect((await session.listen(lastIdOf(third))).status).toBe(405);
    });

    it('may lose it again and again', async () => {
      verifies('mcp:resume');
      const session = await initialize(mcp, MASTER_KEY, revision);
      const { call, stream } = await brokenCall(session, 1);
      let from = stream;
      for (const step of [2, 3, 4]) {
        const again = await kept(session.listen(lastIdOf(from)));
        call.progress(step);
        await again.until((one) => messagesOf(one).length === 1);
        expect(steps(messagesOf(again))).toEqual([step]);
        again[Symbol.dispose]();
        from = again;
      }
      const last = await kept(session.listen(lastIdOf(from)));
      call.answer('at last');
      await last.ended;
      expect(steps(messagesOf(last))).toEqual([result('at last')]);
    });
  },
);

it('a client whose first connection only looks open gets everything on the second', async () => {
  verifies('mcp:resume');
  const session = await initialize(mcp, MASTER_KEY);
  const answering = kept(session.stream('tools/call', CALL, 'call'));
  const call = await server.call(0);
  call.progress(1);
  const first = await answering;
  await first.until((one) => messagesOf(one).length === 1);
  const second = await kept(session.listen(lastIdOf(first)));
  call.progress(2);
  await second.until((one) => messagesOf(one).length === 1);
  call.answer('done');
  await Promise.all([first.ended, second.ended]);
  expect(steps(messagesOf(first))).toEqual([1]);
  expect(steps(messagesOf(second))).toEqual([2, result('done')]);
});

it('a question that a client missed is put to it when it is back', async () => {
  verifies('mcp:resume');
  const session = await initialize(mcp, MASTER_KEY, '2025-11-25', { elicitation: {} });
  const { call, stream } = await brokenCall(session, 1);
  const heard = call.ask('elicitation/create', { message: 'Who?', requestedSchema: { type: 'object' } });
  const again = await kept(session.listen(lastIdOf(stream)));
  await again.until((one) => messagesOf(one).length === 1);
  const [question] = messagesOf(again);
  await session.say({ id: question?.id, result: { action: 'decline' } });
  expect(await heard).toEqual({ action: 'decline' });
  call.answer('declined');
  await again.ended;
  expect(steps(messagesOf(again)).at(-1)).toEqual(result('declined'));
});

it('beyond what is kept the latest events come, and the answer', async () => {
  verifies('mcp:resume');
  const session = await initialize(mcp, MASTER_KEY);
  const { call, stream } = await brokenCall(session, 1);
  for (let step = 2; step <= 600; step++) call.progress(step);
  call.answer('done');
  await gateway.logged((line) => line.message === 'call' && line['tool'] === 'work');
  const again = await kept(session.listen(lastIdOf(stream)));
  await again.ended;
  const got = steps(messagesOf(again));
  expect(got).toHaveLength(512);
  expect(got).toEqual([...Array.from({ length: 511 }, (_, at) => 90 + at), result('done')]);
});

it('an answer that is too large to be kept is said to be lost, once', async () => {
  verifies('mcp:resume');
  const session = await initialize(mcp, MASTER_KEY);
  const { call, stream } = await brokenCall(session, 1);
  call.answer('x'.repeat(1024 * 1024));
  await gateway.logged((line) => line.message === 'call' && line['tool'] === 'work');
  const again = await kept(session.listen(lastIdOf(stream)));
  await again.ended;
  expect(messagesOf(again)).toMatchObject([
    { id: 'call', error: { code: 1454, data: { lanport: 'answer-lost' } } },
  ]);
  expect((await session.listen(lastIdOf(again))).status).toBe(405);
});

describe('the place of another process', () => {
  it('in the stream of a call brings the error that its answer is lost', async () => {
    verifies('mcp:resume');
    const session = await initialize(mcp, MASTER_KEY);
    const { stream } = await brokenCall(session, 1);
    await gateway.kill();
    await gateway.restart();
    const again = await kept(session.listen(lastIdOf(stream)));
    await again.ended;
    expect(messagesOf(again)).toMatchObject([{ id: 'call', error: { code: 1454 } }]);
  });

  it('in the session’s own stream, or in that of another session, begins a fresh one with the news that all lists may have changed', async () => {
    verifies('mcp:resume');
    const session = await initialize(mcp, MASTER_KEY);
    const other = await initialize(mcp, MASTER_KEY);
    const theirs = await kept(other.listen());
    const mine = await kept(session.listen());
    server.tools = ['work', 'second'];
    server.notify(LIST_CHANGED);
    for (const one of [theirs, mine]) await one.until((stream) => messagesOf(stream).length === 1);
    const foreign = await kept(session.listen(lastIdOf(theirs)));
    await foreign.until((stream) => messagesOf(stream).length === ALL_CHANGED.length);
    const nonsense = await kept(other.listen('nonsense'));
    server.tools = ['work'];
    server.notify(LIST_CHANGED);
    const methods = (stream: RawStream) => messagesOf(stream).map(({ method }) => method);
    await foreign.until((stream) => messagesOf(stream).length > ALL_CHANGED.length);
    expect(methods(foreign)).toEqual([...ALL_CHANGED, LIST_CHANGED]);
    await nonsense.until((stream) => messagesOf(stream).length > 0);
    expect(methods(nonsense)).toEqual([LIST_CHANGED]);
    await gateway.kill();
    await gateway.restart();
    const fresh = await kept(session.listen(lastIdOf(foreign)));
    // Which lists it has read, nobody knows any more.
    await fresh.until((stream) => messagesOf(stream).length === ALL_CHANGED.length);
    server.tools = ['work', 'third'];
    server.notify(LIST_CHANGED);
    await fresh.until((stream) => messagesOf(stream).length > ALL_CHANGED.length);
    expect(methods(fresh)).toEqual([...ALL_CHANGED, LIST_CHANGED]);
    // It is told of its own place now, to which nothing has come since.
    const again = await kept(session.listen(lastIdOf(fresh)));
    server.tools = ['work', 'fourth'];
    server.notify(LIST_CHANGED);
    await again.until((stream) => messagesOf(stream).length > 0);
    expect(methods(again)).toEqual([LIST_CHANGED]);
  });
});

describe('the stream of a session', () => {
  it('brings, when it is taken up again, the changes that were missed, each once', async () => {
    verifies('mcp:resume');
    const session = await initialize(mcp, MASTER_KEY);
    expect((await session.ask('resources/subscribe', { uri: server.resource })).json()).toMatchObject({
      result: {},
    });
    const first = await kept(session.listen());
    server.notify(UPDATED, { uri: server.resource, version: 1 });
    await first.until((one) => messagesOf(one).length === 1);
    first[Symbol.dispose]();
    await first.ended;
    const witness = await kept((await initialize(mcp, MASTER_KEY)).listen());
    server.notify(UPDATED, { uri: server.resource, version: 2 });
    server.tools = ['work', 'more'];
    server.notify(LIST_CHANGED);
    server.notify(LIST_CHANGED);
    await witness.until((one) => messagesOf(one).length === 1);
    const second = await kept(session.listen(lastIdOf(first)));
    await second.until((one) => messagesOf(one).length === 2);
    server.notify(UPDATED, { uri: server.resource, version: 3 });
    await second.until((one) => messagesOf(one).length === 3);
    const said = messagesOf(second).map(({ method, params }) => params?.['version'] ?? method);
    expect(said).toEqual([2, LIST_CHANGED, 3]);
    // Nothing was missed: nothing comes a second time.
    const third = await kept(session.listen(lastIdOf(second)));
    server.notify(UPDATED, { uri: server.resource, version: 4 });
    await third.until((one) => messagesOf(one).length > 0);
    expect(messagesOf(third).map(({ params }) => params?.['version'])).toEqual([4]);
  });

  it('gives way to the next one, which gets everything, once', async () => {
    verifies('mcp:resume');
    const session = await initialize(mcp, MASTER_KEY);
    await session.ask('resources/subscribe', { uri: server.resource });
    const first = await kept(session.listen());
    const second = await kept(session.listen());
    await first.ended;
    server.tools = ['work', 'more'];
    server.notify(LIST_CHANGED);
    await second.until((one) => messagesOf(one).length === 1);
    server.notify(UPDATED, { uri: server.resource });
    await second.until((one) => messagesOf(one).length === 2);
    expect(messagesOf(first)).toEqual([]);
    expect(messagesOf(second).map(({ method }) => method)).toEqual([LIST_CHANGED, UPDATED]);
  });

  it('gives way also when its reader has stopped reading, and the next one hears nothing twice', async () => {
    verifies('mcp:resume');
    const session = await initialize(mcp, MASTER_KEY);
    await session.ask('resources/subscribe', { uri: server.resource });
    const witness = await kept((await initialize(mcp, MASTER_KEY)).listen());
    const stuck = await kept(session.listen());
    stuck.pause();
    // More than the sockets in between hold, so that the end of the stream cannot get through.
    const filler = 'x'.repeat(200_000);
    for (let at = 0; at < 60; at++) server.notify(UPDATED, { uri: server.resource, filler });
    server.tools = ['work', 'seen'];
    server.notify(LIST_CHANGED);
    await witness.until((one) => messagesOf(one).length === 1);
    await session.ask('tools/list');
    const second = await kept(session.listen());
    server.tools = ['work', 'again'];
    server.notify(LIST_CHANGED);
    await witness.until((one) => messagesOf(one).length === 2);
    server.notify(UPDATED, { uri: server.resource, last: true });
    await second.until((one) => messagesOf(one).some(({ params }) => params?.['last'] === true));
    const changes = messagesOf(second).filter(({ method }) => method === LIST_CHANGED);
    const ids = second.events.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(changes).toHaveLength(1);
  });
});

/** A proxy whose connections the test cuts. */
async function startCutter(to: string): Promise<AsyncDisposable & { url: string; cut(): void }> {
  const sockets = new Set<Socket>();
  const proxy = createProxy((near) => {
    const far = connectSocket(Number(new URL(to).port), '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        proxy.close(() => resolve());
      }),
  };
}

it('a client on the official SDK does not notice that its connections broke in the middle of a call', async () => {
  verifies('mcp:resume');
  await using cutter = await startCutter(gateway.url);
  const client = new Client({ name: 'sdk', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(cutter.url), {
    requestInit: { headers: { Authorization: `Bearer ${MASTER_KEY}` } },
    reconnectionOptions: {
      initialReconnectionDelay: 50,
      maxReconnectionDelay: 200,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 20,
    },
  });
  await client.connect(transport);
  const seen: number[] = [];
  const reported = (step: number): Promise<void> =>
    new Promise((resolve) => {
      waiting.set(step, resolve);
      if (seen.includes(step)) resolve();
    });
  const waiting = new Map<number, () => void>();
  const updated = new Promise<void>((resolve) => {
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, () => resolve());
  });
  await client.subscribeResource({ uri: server.resource });
  const calling = client.callTool({ name: 'work' }, undefined, {
    onprogress: ({ progress }) => {
      seen.push(progress);
      waiting.get(progress)?.();
    },
  });
  const call = await server.call(0);
  call.progress(1);
  await reported(1);
  cutter.cut();
  call.progress(2);
  await reported(2);
  cutter.cut();
  call.answer('unbroken');
  expect(await calling).toMatchObject(result('unbroken'));
  expect(seen).toEqual([1, 2]);
  server.notify(UPDATED, { uri: server.resource });
  await updated;
  await client.close();
});

it('a client on the official SDK learns that its call was lost with the gateway, and asks no more for it', async () => {
  verifies('mcp:resume');
  const gets: string[] = [];
  const client = new Client({ name: 'sdk', version: '1' });
  const transport = new StreamableHTTPClientTransport(new URL(mcp), {
    requestInit: { headers: { Authorization: `Bearer ${MASTER_KEY}` } },
    fetch: (input, init) => {
      const last = new Headers(init?.headers).get('last-event-id');
      if (init?.method === 'GET') gets.push(last ?? '');
      return fetch(input, init);
    },
    reconnectionOptions: {
      initialReconnectionDelay: 50,
      maxReconnectionDelay: 50,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 400,
    },
  });
  await client.connect(transport);
  let heard = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const calling = client.callTool({ name: 'work' }, undefined, { onprogress: () => heard() });
  const call = await server.call(0);
  call.progress(1);
  await begun;
  const failed = calling.catch((error: unknown) => error);
  await gateway.kill();
  await gateway.restart();
  expect(await failed).toMatchObject({ code: 1454 });
  const settled = gets.length;
  // One more to find that there is nothing, then quiet: several rounds of the client's own pace go by in these calls.
  for (let at = 0; at < 40; at++) await client.ping();
  const again = gets.slice(settled).filter((id) => id !== '');
  expect(again.length).toBeLessThan(3);
  await client.close();
});
