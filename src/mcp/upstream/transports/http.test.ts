import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpClient } from '../../../net/http-client.ts';
import type { HeaderLine } from '../transport.ts';
import { HttpTransport } from './http.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A transport to a server that answers as `answer` does, and the heads that arrived there. */
async function open(answer: (response: ServerResponse) => void) {
  const heads: (readonly string[])[] = [];
  const server = createServer((request, response) => {
    heads.push(request.rawHeaders);
    request.resume().on('end', () => answer(response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  const client = new HttpClient();
  closing.push(() => client[Symbol.asyncDispose]());
  const transport = new HttpTransport(
    {
      client,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
      headers: [['x-own', 'mine']],
      responseBytesMax: 1024 * 1024,
      messageBytesMax: 1024 * 1024,
    },
    {
      signal: new AbortController().signal,
      onNotification: () => undefined,
      onRequest: () => undefined,
      onClosed: () => undefined,
      onOddity: () => undefined,
    },
  );
  const ask = (headers: readonly HeaderLine[] = []) =>
    transport.request({
      id: 7,
      method: 'tools/call',
      message: Buffer.from('{"jsonrpc":"2.0","id":7,"method":"tools/call"}'),
      headers,
      timeoutMs: 10_000,
      cancellation: undefined,
    });
  return { heads, ask };
}

describe('an answer over HTTP', () => {
  const text = Array.from({ length: 60_000 }, (_value, at) => String(at)).join(' ');
  const reply = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 7, result: { text } }));

  it.each([
    ['of a known length', { 'content-length': reply.length }],
    ['in chunks', {}],
  ])('%s is taken byte for byte, however it is cut', async (_name, length) => {
    const { ask } = await open((response) => {
      response.writeHead(200, { 'content-type': 'application/json', ...length });
      const cuts = [0, 1, 100, 70_000, 70_001, 300_000, reply.length];
      for (let at = 1; at < cuts.length; at++) response.write(reply.subarray(cuts[at - 1], cuts[at]));
      response.end();
    });
    for (let round = 0; round < 2; round++) {
      const message = await ask();
      expect(message.kind === 'result' && message.result.string('text') === text).toBe(true);
    }
  });

  it('that is a refusal is told as far as the server said it, and no further', async () => {
    const words = `no room for it ${'.'.repeat(200_000)}`;
    const { ask } = await open((response) => {
      response.writeHead(500, { 'content-type': 'text/plain', 'content-length': words.length }).end(words);
    });
    await expect(ask()).rejects.toMatchObject({
      kind: 'status',
      message: `HTTP 500 (${JSON.stringify(words.slice(0, 160))})`,
    });
  });
});

describe('the headers of a message', () => {
  it('are the transport’s own and the message’s, which win', async () => {
    const { heads, ask } = await open((response) => response.end('{"jsonrpc":"2.0","id":7,"result":{}}'));
    const [first, second]: readonly (readonly HeaderLine[])[] = [
      [['x-call', '1']],
      [
        ['x-call', '2'],
        ['X-Own', 'theirs'],
      ],
    ];
    for (const headers of [first!, first!, second!, first!, []]) await ask(headers);
    const seen = heads.map((head) =>
      ['x-own', 'x-call'].map((name) => head[head.findIndex((one) => one.toLowerCase() === name) + 1]),
    );
    expect(seen.slice(0, 4)).toEqual([
      ['mine', '1'],
      ['mine', '1'],
      ['theirs', '2'],
      ['mine', '1'],
    ]);
    expect(heads[4]!.map((one) => one.toLowerCase())).not.toContain('x-call');
  });
});
