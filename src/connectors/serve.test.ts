import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLIENT_KINDS, connect } from '../../test/support/clients/clients.ts';
import { http, rpc } from '../../test/support/http.ts';
import type { InProcessServer } from '../mcp/mcp-ports.ts';
import { createToolServer } from '../mcp/tool-server.ts';
import { serve } from './serve.ts';

const log = { info() {}, warn() {}, error() {} };

/** A server with a tool that answers, and one that waits until it is let go or cancelled. */
function testServer(): InProcessServer & {
  release(): void;
  readonly waiting: Promise<void>;
  readonly cancelled: Promise<void>;
} {
  const released = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  const common = {
    title: 't',
    description: 'd',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
    annotations: {},
  };
  const server = createToolServer({
    name: 'served',
    version: '1',
    tools: [
      {
        ...common,
        name: 'echo',
        handler: async ({ text }) => ({ content: [{ type: 'text', text: String(text) }] }),
      },
      {
        ...common,
        name: 'wait',
        handler: async (_args, { signal }) => {
          waiting.resolve();
          await Promise.race([released.promise, once(signal, 'abort')]);
          if (signal.aborted) cancelled.resolve();
          return { content: [{ type: 'text', text: 'waited' }] };
        },
      },
    ],
  });
  return { ...server, release: released.resolve, waiting: waiting.promise, cancelled: cancelled.promise };
}

const call = (id: number, name: string, args: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});

describe('over stdio', () => {
  function start(
    server: InProcessServer,
    signal = new AbortController().signal,
  ): {
    readonly input: PassThrough;
    readonly answers: AsyncIterator<Record<string, unknown>>;
    readonly done: Promise<void>;
  } {
    const input = new PassThrough();
    const output = new PassThrough();
    const done = serve(server, {
      target: { kind: 'stdio', input, output },
      signal,
      health: async () => ({ ok: true, detail: '' }),
      log,
    });
    void done.then(() => output.end());
    async function* read(): AsyncGenerator<Record<string, unknown>> {
      let rest = '';
      for await (const chunk of output) {
        rest += String(chunk);
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as Record<string, unknown>;
      }
    }
    return { input, answers: read(), done };
  }
  const write = (input: PassThrough, ...messages: object[]): void =>
    void input.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''));

  test('messages are lines, cut anywhere, with blank lines and CRLF between them', async () => {
    const { input, answers } = start(testServer());
    const line = `${JSON.stringify(call(1, 'echo', { text: 'ü' }))}\r\n\n`;
    const bytes = Buffer.from(line);
    for (const byte of bytes) input.write(Buffer.of(byte));
    expect((await answers.next()).value).toMatchObject({ id: 1, result: { content: [{ text: 'ü' }] } });
    input.end();
    expect((await answers.next()).done).toBe(true);
  });

  test('a slow call does not hold up another, and what is under way when the input ends is answered', async () => {
    const server = testServer();
    const { input, answers, done } = start(server);
    write(input, call(1, 'wait'), call(2, 'echo', { text: 'b' }));
    expect((await answers.next()).value).toMatchObject({ id: 2 });
    input.end();
    server.release();
    expect((await answers.next()).value).toMatchObject({ id: 1, result: { content: [{ text: 'waited' }] } });
    await done;
  });

  test('a cancelled call is stopped and gets no answer', async () => {
    const server = testServer();
    const { input, answers } = start(server);
    write(input, call(7, 'wait'));
    await server.waiting;
    write(input, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
    await server.cancelled;
    write(input, call(8, 'echo', { text: 'after' }));
    expect((await answers.next()).value).toMatchObject({ id: 8 });
    input.end();
  });

  test('a signal ends it like the end of input', async () => {
    const server = testServer();
    const stop = new AbortController();
    const { input, answers, done } = start(server, stop.signal);
    write(input, call(1, 'wait'));
    await server.waiting;
    stop.abort();
    server.release();
    expect((await answers.next()).value).toMatchObject({ id: 1 });
    await done;
  });

  test('what is no message is answered as that, and serving goes on', async () => {
    const { input, answers } = start(testServer());
    input.write('hello\n');
    expect((await answers.next()).value).toMatchObject({ id: null, error: { code: -32600 } });
    write(input, call(1, 'echo'));
    expect((await answers.next()).value).toMatchObject({ id: 1 });
    input.end();
  });

  test('a reader that is gone ends it', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    const done = serve(testServer(), {
      target: { kind: 'stdio', input, output },
      signal: new AbortController().signal,
      health: async () => ({ ok: true, detail: '' }),
      log,
    });
    output.destroy(new Error('EPIPE'));
    await expect(done).resolves.toBeUndefined();
  });
});

describe('over HTTP', () => {
  const server = testServer();
  const stop = new AbortController();
  let base = '';
  let health = { ok: true, detail: 'fine' };
  let done: Promise<void>;

  beforeAll(async () => {
    const listening = Promise.withResolvers<number>();
    done = serve(server, {
      target: {
        kind: 'http',
        host: '127.0.0.1',
        port: 0,
        allowedHosts: ['db.example.com'],
        onListening: listening.resolve,
      },
      signal: stop.signal,
      health: async () => health,
      log,
    });
    base = `http://127.0.0.1:${await listening.promise}`;
  });

  afterAll(async () => {
    stop.abort();
    await done;
  });

  test.each(CLIENT_KINDS)('an official client of %s lists and calls tools', async (kind) => {
    await using client = await connect(kind, base, 'unused');
    expect(await client.list()).toEqual(['echo', 'wait']);
    expect(await client.call('echo', { text: kind })).toMatchObject({
      content: [{ type: 'text', text: kind }],
    });
  });

  test('answers as an event stream only to who takes nothing else', async () => {
    const events = await rpc(`${base}/mcp/`, '', call(1, 'echo'), { accept: 'text/event-stream' });
    expect(events.headers['content-type']).toBe('text/event-stream');
    expect(events.text).toMatch(/^event: message\ndata: \{.*\}\n\n$/);
    const plain = await rpc(`${base}/mcp`, '', call(1, 'echo'), { accept: '*/*' });
    expect(plain.headers['content-type']).toBe('application/json');
  });

  test.each([
    ['GET', '/mcp', 405, 'POST'],
    ['DELETE', '/mcp', 405, 'POST'],
    ['POST', '/sse', 405, 'GET'],
    ['GET', '/nothing', 404, undefined],
    ['GET', '/.well-known/oauth-protected-resource', 404, undefined],
  ])('%s %s is %i', async (method, path, status, allow) => {
    const answer = await http(`${base}${path}`, { method });
    expect([answer.status, answer.headers['allow']]).toEqual([status, allow]);
    expect(answer.json()).toMatchObject({ error: { message: expect.any(String) } });
  });

  test.each([
    [{ origin: 'http://evil.example' }, 403],
    [{ host: 'evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:6274' }, 200],
    [{ host: 'postgres-mcp:8000' }, 200],
    [{ host: '192.168.1.5:8000' }, 200],
    [{ host: 'db.example.com', origin: 'https://db.example.com' }, 200],
    [{ host: 'nas.local', origin: 'http://nas.local' }, 200],
  ])('a page of another site cannot use it: %j', async (headers, status) => {
    expect((await rpc(`${base}/mcp`, '', call(1, 'echo'), headers)).status).toBe(status);
  });

  test('bodies are JSON, bounded and whole', async () => {
    expect((await rpc(`${base}/mcp`, '', call(1, 'echo'), { 'content-type': 'text/plain' })).status).toBe(
      415,
    );
    const huge = JSON.stringify(call(1, 'echo', { text: 'x'.repeat(17 * 1024 * 1024) }));
    const answer = await rpc(`${base}/mcp`, '', huge, {
      'content-length': String(Buffer.byteLength(huge)),
    }).catch((error: NodeJS.ErrnoException) => error.code);
    expect(typeof answer === 'object' ? answer.status : answer).toSatisfy(
      (value) => value === 413 || value === 'ECONNRESET' || value === 'EPIPE',
    );
  });

  test('a client that goes away cancels its call', async () => {
    const waiting = testServer();
    const listening = Promise.withResolvers<number>();
    const end = new AbortController();
    const over = serve(waiting, {
      target: { kind: 'http', host: '127.0.0.1', port: 0, allowedHosts: [], onListening: listening.resolve },
      signal: end.signal,
      health: async () => health,
      log,
    });
    const gone = new AbortController();
    const sent = fetch(`http://127.0.0.1:${await listening.promise}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(call(1, 'wait')),
      signal: gone.signal,
    }).catch((error: Error) => error.name);
    await waiting.waiting;
    gone.abort();
    expect(await sent).toBe('AbortError');
    await waiting.cancelled;
    end.abort();
    await over;
  });

  test('what is under way when it is asked to stop is answered', async () => {
    const waiting = testServer();
    const listening = Promise.withResolvers<number>();
    const end = new AbortController();
    const over = serve(waiting, {
      target: { kind: 'http', host: '127.0.0.1', port: 0, allowedHosts: [], onListening: listening.resolve },
      signal: end.signal,
      health: async () => health,
      log,
    });
    const answer = rpc(`http://127.0.0.1:${await listening.promise}/mcp`, '', call(1, 'wait'));
    await waiting.waiting;
    end.abort();
    waiting.release();
    expect((await answer).json()).toMatchObject({ result: { content: [{ text: 'waited' }] } });
    await over;
  });

  test('messages for no session are refused', async () => {
    expect((await rpc(`${base}/messages?sessionId=nobody`, '', call(1, 'echo'))).status).toBe(404);
  });

  test('health says 200, or 503 with the reason', async () => {
    expect(await http(`${base}/health`)).toMatchObject({
      status: 200,
      text: '{"status":"ok","detail":"fine"}',
    });
    health = { ok: false, detail: 'the database is down' };
    const down = await http(`${base}/health`);
    health = { ok: true, detail: 'fine' };
    expect(down).toMatchObject({
      status: 503,
      text: '{"status":"unavailable","detail":"the database is down"}',
    });
    expect((await http(`${base}/health`, { method: 'HEAD' })).text).toBe('');
  });

  test('a port that is taken is reported', async () => {
    const port = Number(new URL(base).port);
    await expect(
      serve(testServer(), {
        target: { kind: 'http', host: '127.0.0.1', port, allowedHosts: [] },
        signal: new AbortController().signal,
        health: async () => health,
        log,
      }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
