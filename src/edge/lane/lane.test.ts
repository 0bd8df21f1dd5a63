import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BODY_BYTES_MAX,
  type LaneServer,
  type LaneServerOptions,
  RawClient,
  startLaneServer,
} from '../../../test/support/lane-server.ts';

const servers: LaneServer[] = [];
const clients: RawClient[] = [];

async function start(options: Partial<LaneServerOptions> = {}): Promise<LaneServer> {
  const server = await startLaneServer({ withLane: true, ...options });
  servers.push(server);
  return server;
}

function client(server: LaneServer): RawClient {
  const one = new RawClient(server);
  clients.push(one);
  return one;
}

afterEach(async () => {
  for (const one of clients.splice(0)) one.socket.destroy();
  for (const one of servers.splice(0)) await one[Symbol.asyncDispose]();
});

const post = (body = '{}', more = '', path = '/mcp'): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

const LANE: readonly (readonly [string, string])[] = [
  ['a plain POST', post()],
  ['a query', post('{}', '', '/mcp?a=b&c')],
  ['an empty body', post('')],
  [
    'odd letter case and spaces in fields',
    'POST /mcp HTTP/1.1\r\nhOsT:x\r\nX-A: \t a b \t \r\ncontent-LENGTH:2\r\n\r\n{}',
  ],
  ['an empty field', post('{}', 'X-Empty:\r\n')],
  ['Latin-1 in a field', post('{}', 'X-Name: caf\xe9\r\n')],
  ['keep-alive', post('{}', 'Connection: Keep-Alive\r\n')],
  ['a Content-Length with zeros before it', 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 002\r\n\r\n{}'],
];

const OTHERS: readonly (readonly [string, string])[] = [
  ['GET', 'GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['HEAD', 'HEAD /mcp HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['DELETE', 'DELETE /mcp HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['another path', post('{}', '', '/other')],
  ['no Content-Length', 'POST /mcp HTTP/1.1\r\nHost: x\r\n\r\n'],
  [
    'a chunked body',
    'POST /mcp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  ],
  [
    'chunks and a length',
    'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'a length and chunks',
    'POST /mcp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n',
  ],
  ['an unknown transfer coding', post('{}', 'Transfer-Encoding: xchunked\r\n')],
  ['the same length twice', post('{}', 'Content-Length: 2\r\n')],
  ['two lengths', post('{}', 'Content-Length: 3\r\n')],
  ['a list of lengths', 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\n{}'],
  ['a signed length', 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}'],
  ['a negative length', 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}'],
  ['a hexadecimal length', 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 0x2\r\n\r\n{}'],
  ['an empty length', 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n{}'],
  [
    'a length beyond all numbers',
    'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}',
  ],
  [
    'a length beyond the bound',
    `POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n{}`,
  ],
  ['a space before the colon', post('{}', 'X-A : b\r\n')],
  ['a length with a space before the colon', 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\n{}'],
  ['a folded field', post('{}', 'X-A: b\r\n c\r\n')],
  ['a folded first field', 'POST /mcp HTTP/1.1\r\n X: y\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}'],
  ['bare line feeds', 'POST /mcp HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}'],
  ['a bare line feed in a field', post('{}', 'X-A: b\nX-B: c\r\n')],
  ['a bare carriage return in a field', post('{}', 'X-A: b\rX-B: c\r\n')],
  ['a NUL in a field', post('{}', 'X-A: b\0c\r\n')],
  ['a control character in a field', post('{}', 'X-A: b\x01c\r\n')],
  ['a DEL in a field', post('{}', 'X-A: b\x7fc\r\n')],
  ['a field without a colon', post('{}', 'X-A\r\n')],
  ['a field without a name', post('{}', ': b\r\n')],
  ['a name that is no token', post('{}', 'X(A): b\r\n')],
  ['a field twice', post('{}', 'X-A: b\r\nx-a: c\r\n')],
  ['__proto__', post('{}', '__proto__: b\r\n')],
  ['no Host', 'POST /mcp HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}'],
  ['two Hosts', post('{}', 'Host: y\r\n')],
  ['Expect', post('{}', 'Expect: 100-continue\r\n')],
  ['an unknown expectation', post('{}', 'Expect: tea\r\n')],
  ['Upgrade', post('{}', 'Connection: Upgrade\r\nUpgrade: websocket\r\n')],
  ['Connection: close', post('{}', 'Connection: close\r\n')],
  ['a Connection that hides a field', post('{}', 'Connection: content-length\r\n')],
  ['HTTP/1.0', 'POST /mcp HTTP/1.0\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}'],
  ['HTTP/0.9', 'POST /mcp\r\n\r\n'],
  ['HTTP/2.0', 'POST /mcp HTTP/2.0\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}'],
  ['HTTP/1.2', 'POST /mcp HTTP/1.2\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a lower-case method', post().replace('POST', 'post')],
  ['an unknown method', post().replace('POST', 'BREW')],
  ['absolute form', post('{}', '', 'http://x/mcp')],
  ['a fragment', post('{}', '', '/mcp#a')],
  ['a path that is not ASCII', post('{}', '', '/mcp\xe9')],
  ['two spaces in the request line', post().replace(' HTTP', '  HTTP')],
  ['a tab in the request line', post().replace(' HTTP', '\tHTTP')],
  ['empty lines before the request', `\r\n\r\n${post()}`],
  ['very many fields', post('{}', Array.from({ length: 80 }, (_one, at) => `X-${at}: a\r\n`).join(''))],
  ['a long head', post('{}', `X-A: ${'a'.repeat(9_000)}\r\n`)],
  ['a head beyond the bound', post('{}', `X-A: ${'a'.repeat(40_000)}\r\n`)],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.padEnd(200, 'a')],
  ['nothing of the kind', 'SSH-2.0-OpenSSH_9.9\r\n'],
];

describe('the lane and the general server', () => {
  let lane: LaneServer;
  let general: LaneServer;

  beforeEach(async () => {
    lane = await start();
    general = await start({ withLane: false });
  });

  /** Sends the same to both and compares every byte of the answers but date and id. */
  async function compare(request: string): Promise<string> {
    const answers = await Promise.all(
      [lane, general].map(async (server) => {
        const one = client(server);
        one.send(request);
        if (!request.startsWith('HEAD')) return one.answer();
        one.socket.end();
        await one.closed();
        return one.answer();
      }),
    );
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).not.toBe('');
    return answers[0]!;
  }

  it.each(LANE)('answer alike, and the lane serves: %s', async (_name, request) => {
    expect(await compare(request)).toMatch(/^HTTP\/1\.1 200 /);
    expect(lane.ways).toEqual(['lane']);
  });

  it.each(OTHERS)('answer alike, and the general server does it: %s', async (_name, request) => {
    await compare(request);
    expect(lane.ways).not.toContain('lane');
    expect(lane.ways).toEqual(general.ways);
  });

  it('answer alike when a request with many kinds of bytes is cut anywhere', async () => {
    const body = '{"a":"é\\u0000","b":[1,2]}';
    const requests = [
      post(body, 'X-A: b\r\nAccept: application/json, text/event-stream\r\n', '/mcp?x=y'),
      `POST /mcp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    ];
    for (const request of requests) {
      const whole = await compare(request);
      for (let at = 1; at < request.length; at++) {
        const one = client(lane);
        await one.write(request.slice(0, at));
        await one.write(request.slice(at));
        expect(await one.answer(), `cut at ${at}`).toBe(whole);
        one.socket.destroy();
      }
    }
    expect(new Set(lane.ways)).toEqual(new Set(['lane', 'general']));
  }, 60_000);

  it('answer alike when every byte comes by itself', async () => {
    const request = post('{"a":1}');
    const whole = await compare(request);
    const one = client(lane);
    for (const byte of request) await one.write(byte);
    expect(await one.answer()).toBe(whole);
  });

  it('read a body up to the bound, and refuse one beyond it', async () => {
    for (const bytes of [BODY_BYTES_MAX, BODY_BYTES_MAX + 1]) {
      const answers = await Promise.all(
        [lane, general].map((server) => {
          const one = client(server);
          one.send(`POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`);
          one.send(Buffer.alloc(bytes, 0x20));
          return one.answer();
        }),
      );
      expect(answers[0]).toBe(answers[1]);
      expect(answers[0]).toMatch(bytes > BODY_BYTES_MAX ? /^HTTP\/1\.1 413 / : /"bytes":33554432/);
    }
    expect(lane.ways).toEqual(['lane', 'general']);
  }, 30_000);
});
