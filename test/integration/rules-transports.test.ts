import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import { ROOT } from '../support/process.ts';
import { messageIn, openSession, request, textOf, toolCall } from '../support/rules/raw-client.ts';
import {
  type Json,
  plainTool,
  type Received,
  type ScriptedServer,
  startScripted,
  textResult,
} from '../support/rules/scripted-server.ts';
import { bodyOf } from '../support/upstreams/listen.ts';
import { verifies } from '../support/verifies.ts';

const WAIT = { limits: { first_list_wait_ms: '30s' } };
const program = (file: string, ...args: string[]) => ({
  command: process.execPath,
  args: [join(ROOT, 'test/support/upstreams', file), ...args],
});

describe('a stream that broke', () => {
  let server: ScriptedServer;
  let gateway: TestGateway;
  let url: string;

  beforeAll(async () => {
    server = await startScripted({
      capabilities: { tools: { listChanged: true } },
      answers: { 'tools/call': () => undefined },
    });
    gateway = await startGateway({
      config: configWith({ one: { transport: 'http', url: server.url } }, WAIT),
    });
    url = `${gateway.url}/mcp`;
    await rpc(url, MASTER_KEY, request('tools/list'));
  }, 60_000);
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });
  const progress = (call: Received, value: number): Json => ({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: (call.params['_meta'] as Json)['progressToken'], progress: value },
  });

  it.each(['2025-06-18', '2025-11-25'])(
    'is taken up by a client of %s after what it had, with its own events alone',
    async (revision) => {
      verifies('rule:32-resumption');
      const session = await openSession(url, { revision });
      const begin = async (token: string) => {
        const opening = session.open(toolCall('echo', { token }, token, { progressToken: token }));
        const call = await server.next('tools/call', (one) =>
          JSON.stringify(one.params).includes(`{"token":"${token}"}`),
        );
        const write = call.stream();
        write(progress(call, 1));
        return { call, write, stream: await opening };
      };
      const one = await begin(`one-${revision}`);
      const two = await begin(`two-${revision}`);
      const last = await one.stream.saw('"progress":1');
      await two.stream.saw('"progress":1');
      expect(one.stream.events[0]?.data === '').toBe(revision === '2025-11-25');
      const ids = [...one.stream.events, ...two.stream.events].map((event) => event.id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids).not.toContain(undefined);

      one.stream[Symbol.dispose]();
      two.write(progress(two.call, 2));
      one.write(progress(one.call, 2));
      await two.stream.saw('"progress":2');
      using again = await session.listen({ 'last-event-id': last.id! });
      await again.saw('"progress":2');
      one.write(progress(one.call, 3), one.call.result(textResult('finished')));
      await again.ended;
      const token = `one-${revision}`;
      const told = (value: number) => ({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: token, progress: value },
      });
      expect(again.messages).toEqual([
        told(2),
        told(3),
        { jsonrpc: '2.0', id: token, result: textResult('finished') },
      ]);
      two.write(two.call.result(textResult('other')));
      await two.stream.saw('other');
      two.stream[Symbol.dispose]();
    },
  );

  it('that finished while nobody was there is given with its answer, and one that is unknown with the news that it is lost', async () => {
    verifies('rule:32-resumption');
    const session = await openSession(url);
    const opening = session.open(toolCall('echo', { late: 1 }, 'late', { progressToken: 'late' }));
    const call = await server.next('tools/call', (one) => JSON.stringify(one.params).includes('"late"'));
    const write = call.stream();
    write(progress(call, 1));
    const stream = await opening;
    const { id } = await stream.saw('"progress":1');
    stream[Symbol.dispose]();
    // What the gateway says to it now cannot be heard any more.
    await rpc(url, MASTER_KEY, request('ping'));
    write(progress(call, 2), call.result(textResult('alone')));
    using again = await session.listen({ 'last-event-id': id! });
    await again.saw('alone');
    expect(again.messages).toHaveLength(2);
    const other = await openSession(url);
    using foreign = await other.listen({ 'last-event-id': id! });
    await foreign.saw('answer-lost');
    expect(foreign.status).toBe(200);
    expect(foreign.messages).toMatchObject([{ id: 'late', error: { data: { lanport: 'answer-lost' } } }]);
  });
});

describe('a client that does not read', () => {
  it('holds up nobody else on the same server, and gets its answers in the end', async () => {
    verifies('rule:33-slow-readers');
    await using gateway = await startGateway({ config: configWith({ one: program('stdio-2025.ts') }, WAIT) });
    const { port } = new URL(gateway.url);
    await rpc(`${gateway.url}/mcp`, MASTER_KEY, request('tools/list'));
    const text = 'x'.repeat(4_000_000);
    const body = JSON.stringify(toolCall('echo', { text }));
    const sockets: Socket[] = [];
    for (let at = 0; at < 5; at++) {
      const socket = connectSocket({ port: Number(port), host: '127.0.0.1' });
      socket.pause();
      sockets.push(socket);
      socket.write(
        `POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${MASTER_KEY}\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      await new Promise<void>((resolve) => socket.write(body, () => resolve()));
    }
    for (let n = 0; n < 20; n++)
      expect(textOf(await rpc(`${gateway.url}/mcp`, MASTER_KEY, toolCall('echo', { text: `${n}` })))).toBe(
        `${n}`,
      );
    await Promise.all(
      sockets.map(async (socket) => {
        const chunks: Buffer[] = [];
        for await (const chunk of socket) chunks.push(chunk as Buffer);
        const answer = Buffer.concat(chunks).toString('utf8');
        expect(textOf(messageIn(answer.slice(answer.indexOf('\r\n\r\n') + 4)))).toHaveLength(text.length);
      }),
    );
  });
});

describe('a stdio server', () => {
  it('may be rough: it is understood, gets listed variables and no shell, and fails what it dies of at once', async () => {
    verifies('rule:34-stdio-servers');
    await using gateway = await startGateway({
      config: configWith(
        { one: { ...program('rough.ts', '$HOME; echo "hi" | cat', '*'), env: { ITS_OWN: 'given' } } },
        WAIT,
      ),
      env: { SECRET_OF_THE_GATEWAY: 'not for servers' },
    });
    const url = `${gateway.url}/mcp`;
    const listed = (await rpc(url, MASTER_KEY, request('tools/list'))).text;
    expect(listed).toContain('grüße 世界 🙂');
    const facts = async (name = 'facts') =>
      JSON.parse(textOf(await rpc(url, MASTER_KEY, toolCall(name)))) as {
        args: string[];
        env: Record<string, string>;
        pid: number;
        child?: number;
        text: string;
      };
    const first = await facts('child');
    expect(first.text).toBe('grüße 世界 🙂');
    expect(first.args).toEqual(['$HOME; echo "hi" | cat', '*']);
    expect(first.env['ITS_OWN']).toBe('given');
    expect(first.env).not.toHaveProperty('SECRET_OF_THE_GATEWAY');

    const died = messageIn((await rpc(url, MASTER_KEY, toolCall('die'))).text);
    expect(died).toMatchObject({ result: { isError: true, _meta: { 'lanport/error': 'call-lost' } } });
    const second = await facts();
    expect(second.pid).not.toBe(first.pid);
    for (const pid of [first.pid, first.child!])
      await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
    const third = await facts('child');
    await gateway.stop();
    for (const pid of [third.pid, third.child!])
      await expect.poll(() => isAlive(pid), { timeout: 20_000 }).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

interface SseServer extends AsyncDisposable {
  readonly url: string;
  readonly posts: readonly { readonly path: string; readonly method: string }[];
  readonly streams: ServerResponse[];
}

/** A server of the oldest transport that names `endpoint` for each of its streams. */
async function startSse(endpoint: (stream: number) => string): Promise<SseServer> {
  const streams: ServerResponse[] = [];
  const posts: { path: string; method: string }[] = [];
  const results: Readonly<Record<string, Json>> = {
    initialize: {
      protocolVersion: '2024-11-05',
      capabilities: { tools: {} },
      serverInfo: { name: 'sse', version: '1' },
    },
    'tools/list': { tools: [plainTool('echo')] },
    'tools/call': textResult('over SSE'),
  };
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (incoming.method === 'GET' && incoming.url === '/deep/sse') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`event: endpoint\ndata: ${endpoint(streams.push(response))}\n\n`);
      return;
    }
    const text = await bodyOf(incoming);
    if (incoming.method !== 'POST' || !incoming.url!.includes('stream=')) {
      response.writeHead(405).end();
      return;
    }
    const message = JSON.parse(text) as { id?: number; method: string };
    posts.push({ path: incoming.url!, method: message.method });
    response.writeHead(202).end();
    const number = Number(new URL(incoming.url!, 'http://x').searchParams.get('stream'));
    if (message.id !== undefined)
      streams[number - 1]!.write(
        `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: message.id, result: results[message.method] ?? {} })}\n\n`,
      );
  };
  const server: Server = createServer((incoming, response) => void handle(incoming, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/deep/sse`,
    posts,
    streams,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

describe('an HTTP+SSE server', () => {
  it('may name its endpoint relatively, but not elsewhere, and begins anew with each stream', async () => {
    verifies('rule:35-sse-servers');
    await using server = await startSse((stream) => `messages?stream=${stream}`);
    await using elsewhere = await startScripted();
    await using foreign = await startSse((stream) => `${elsewhere.url}?stream=${stream}`);
    await using gateway = await startGateway({
      config: configWith(
        {
          one: { transport: 'sse', url: server.url },
          foreign: { transport: 'sse', transport_strict: true, url: foreign.url },
        },
        WAIT,
      ),
    });
    const url = `${gateway.url}/mcp`;
    const session = await openSession(url);
    expect(textOf(await session.send(toolCall('one-echo')))).toBe('over SSE');
    const refused = await gateway.logged((line) => line['server'] === 'foreign' && line.level === 'warn');
    expect(refused['reason']).toContain('an endpoint on another origin');
    expect(elsewhere.received).toEqual([]);

    server.streams[0]!.end();
    await gateway.logged((line) => line.message === 'a server went away' && line['server'] === 'one');
    expect(textOf(await session.send(toolCall('one-echo')))).toBe('over SSE');
    const initialized = server.posts.filter((post) => post.method === 'initialize').map((post) => post.path);
    expect(initialized).toEqual(['/deep/messages?stream=1', '/deep/messages?stream=2']);
  });
});
