import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpClient, HttpFailure, type HttpRequest, parseTarget } from './http-client.ts';
import { verifies } from '../../test/support/verifies.ts';

let client: HttpClient;
let server: Server;
let port: number;
let connections: Socket[];
/** What the server does with each request: it sees the socket and how many requests came before on it. */
let respond: (socket: Socket, nth: number) => void;

beforeEach(async () => {
  connections = [];
  server = createServer((socket) => {
    connections.push(socket);
    let seen = '';
    let count = 0;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1');
      for (let end = seen.indexOf('\r\n\r\n'); end >= 0; end = seen.indexOf('\r\n\r\n')) {
        const length = Number(/content-length: (\d+)/i.exec(seen.slice(0, end))?.[1] ?? 0);
        if (seen.length < end + 4 + length) return;
        seen = seen.slice(end + 4 + length);
        respond(socket, count++);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as { port: number }).port;
  client = new HttpClient();
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  for (const socket of connections) socket.destroy();
  server.close();
  await once(server, 'close');
});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

function send(more: Partial<HttpRequest> = {}, onHandle?: (abort: () => void) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let head = { status: 0, headers: {} as Readonly<Record<string, string | undefined>> };
    const chunks: Buffer[] = [];
    const handle = client.send(
      {
        target: parseTarget(`http://127.0.0.1:${port}/x?y=1`),
        method: 'POST',
        headers: [['Content-Type', 'text/plain']],
        body: Buffer.from('hello'),
        headTimeoutMs: 5_000,
        idleTimeoutMs: undefined,
        totalTimeoutMs: undefined,
        bodyBytesMax: 1_000_000,
        ...more,
      },
      {
        onHead: (received) => void (head = received),
        onData: (chunk) => chunks.push(Buffer.from(chunk)),
        onEnd: () => resolve({ ...head, body: Buffer.concat(chunks).toString() }),
        onError: reject,
      },
    );
    onHandle?.(() => handle.abort());
  });
}

const failure = (promise: Promise<unknown>): Promise<HttpFailure> =>
  promise.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => {
      if (error instanceof HttpFailure) return error;
      throw error;
    },
  );

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('the outbound HTTP client', () => {
  it('reads on a connection again whose last response ended while it was paused', async () => {
    respond = (socket) => socket.write(OK);
    await new Promise<void>((resolve, reject) => {
      const handle = client.send(
        {
          target: parseTarget(`http://127.0.0.1:${port}/`),
          method: 'GET',
          headers: [],
          body: undefined,
          headTimeoutMs: 5_000,
          idleTimeoutMs: undefined,
          totalTimeoutMs: undefined,
          bodyBytesMax: undefined,
        },
        { onHead: () => undefined, onData: () => handle.pause(), onEnd: resolve, onError: reject },
      );
    });
    expect((await send()).body).toBe('ok');
    expect(connections).toHaveLength(1);
  });

  it('sends what it is told and reuses the connection', async () => {
    const seen: string[] = [];
    respond = (socket) => socket.write(OK);
    server.on('connection', (socket) => socket.on('data', (chunk) => seen.push(chunk.toString())));
    expect((await send()).body).toBe('ok');
    expect((await send({ method: 'GET', body: undefined })).body).toBe('ok');
    expect(connections).toHaveLength(1);
    expect(seen[0]).toBe(
      `POST /x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello`,
    );
    expect(seen[1]).not.toMatch(/content-length/i);
  });

  it.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world'],
    [
      'chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: t\r\n\r\n',
    ],
    [
      'an interim response before it',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world',
    ],
  ])('reads a body framed by %s, dribbled byte by byte', async (_name, text) => {
    respond = (socket) => {
      let at = 0;
      const next = (): void => {
        if (at < text.length) socket.write(text[at++]!, () => setImmediate(next));
      };
      next();
    };
    expect(await send()).toMatchObject({ status: 200, body: 'hello world' });
  });

  it('reads a body that the end of the connection ends, and does not reuse it', async () => {
    respond = (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello world');
    expect((await send()).body).toBe('hello world');
    respond = (socket) => socket.write(OK);
    expect((await send()).body).toBe('ok');
    expect(connections).toHaveLength(2);
  });

  it.each([
    [
      'both a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'malformed',
    ],
    [
      'two different lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk',
      'malformed',
    ],
    [
      'a chunk size that is no number',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'malformed',
    ],
    [
      'a chunk longer than it says',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokk\r\n0\r\n\r\n',
      'malformed',
    ],
    ['a folded header', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n', 'malformed'],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n', 'malformed'],
    [
      'compression that nobody asked for',
      'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok',
      'malformed',
    ],
    ['a body beyond the bound', 'HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\nx', 'too-large'],
    [
      'chunks beyond the bound',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1e8480\r\n${'x'.repeat(1_100_000)}`,
      'too-large',
    ],
  ])('refuses a response with %s', async (_name, text, kind) => {
    respond = (socket) => socket.write(text);
    expect(await failure(send())).toMatchObject({ kind, delivered: 'unknown' });
  });

  it('never takes bytes after a response for the response to the next request', async () => {
    verifies('net:strict-http');
    respond = (socket) => socket.write(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged`);
    expect((await send()).body).toBe('ok');
    respond = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue');
    expect((await send()).body).toBe('true');
    expect(connections).toHaveLength(2);
  });

  it('tells a body that was cut from one that is whole, and a request that never left from one that may have', async () => {
    respond = (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    expect(await failure(send())).toMatchObject({ kind: 'reset', delivered: 'unknown' });
    respond = (socket) => socket.destroy();
    expect(await failure(send())).toMatchObject({ kind: 'reset', delivered: 'unknown' });
    const refused = await failure(send({ target: parseTarget('http://127.0.0.1:1/') }));
    expect(refused).toMatchObject({
      kind: 'connect',
      delivered: 'no',
      message: 'nothing listens at 127.0.0.1:1 (connection refused)',
    });
    expect(await failure(send({ target: parseTarget('http://name.invalid/') }))).toMatchObject({
      kind: 'connect',
      delivered: 'no',
    });
  });

  it('gives up on a server that does not answer, and on one that stops half-way', async () => {
    respond = () => undefined;
    expect(await failure(send({ headTimeoutMs: 1 }))).toMatchObject({
      kind: 'timeout',
      message: 'no response in time',
    });
    respond = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    expect(await failure(send({ totalTimeoutMs: 50 }))).toMatchObject({
      kind: 'timeout',
      message: 'the response stopped half-way',
    });
  });

  it('closes the connection of a request that is given up', async () => {
    respond = () => undefined;
    const arrived = once(server, 'connection') as Promise<[Socket]>;
    let abort = (): void => undefined;
    let settled = false;
    void send({}, (stop) => void (abort = stop)).then(
      () => void (settled = true),
      () => void (settled = true),
    );
    const [socket] = await arrived;
    await once(socket, 'data');
    abort();
    await once(socket, 'close');
    expect(settled).toBe(false);
  });

  it.each([
    ['a line break', 'a\r\nX-Forged: 1'],
    ['a NUL', 'a\0b'],
    ['a character beyond Latin-1', 'ü世'],
  ])('sends no header with %s in it', async (_name, value) => {
    respond = (socket) => socket.write(OK);
    expect(await failure(send({ headers: [['X-Value', value]] }))).toMatchObject({
      kind: 'malformed',
      delivered: 'no',
    });
  });

  it('fails what is under way when it is closed, and everything after', async () => {
    respond = () => undefined;
    const pending = failure(send());
    await once(server, 'connection');
    await client[Symbol.asyncDispose]();
    expect(await pending).toMatchObject({ kind: 'aborted' });
    expect(await failure(send())).toMatchObject({ kind: 'aborted', delivered: 'no' });
  });

  it('takes URLs apart once, and none with credentials or of another kind', () => {
    expect(parseTarget('http://[::1]:81/a?b')).toMatchObject({
      host: '::1',
      port: 81,
      authority: '[::1]:81',
      path: '/a?b',
      secure: false,
    });
    expect(parseTarget('https://example.com')).toMatchObject({
      port: 443,
      authority: 'example.com',
      path: '/',
      secure: true,
    });
    expect(() => parseTarget('http://user:pass@example.com')).toThrow(/credentials/);
    expect(() => parseTarget('file:///etc/passwd')).toThrow(/not http/);
  });
});
