import { request } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    config: configWith(
      { one: { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/stdio-2024.ts')] } },
      { limits: { body_bytes_max: '24MiB' } },
    ),
  });
}, 60_000);

afterAll(() => gateway?.[Symbol.asyncDispose]());

const send = (body: string, headers: Record<string, string> = {}) =>
  rpc(`${gateway.url}/mcp`, MASTER_KEY, body, headers);
const modern = (method: string, params: Record<string, unknown> = {}, meta: Record<string, unknown> = {}) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 'm',
    method,
    params: {
      ...params,
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
        ...meta,
      },
    },
  });

it.each([
  ['broken JSON', '{"jsonrpc":"2.0",', {}, 400, -32700],
  [
    'bytes that are not UTF-8',
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]).toString('latin1'),
    {},
    400,
    -32700,
  ],
  ['a body that is no object', '42', {}, 400, -32600],
  ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":1,"method":"ping"}', {}, 400, -32600],
  ['a null id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', {}, 400, -32600],
  ['an empty batch', '[]', {}, 400, -32600],
  ['an unknown method of a legacy client', '{"jsonrpc":"2.0","id":1,"method":"no/such"}', {}, 200, -32601],
  [
    'an unknown tool',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nope"}}',
    {},
    200,
    -32602,
  ],
  ['a call without a name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', {}, 200, -32602],
  [
    'an unknown protocol version',
    '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    { 'mcp-protocol-version': '1999-01-01' },
    400,
    -32022,
  ],
  [
    'a session that never was',
    '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    { 'mcp-session-id': 'nonsense' },
    404,
    -32001,
  ],
  [
    'a modern request without its envelope',
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}',
    { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
    400,
    -32602,
  ],
  [
    'a modern request without its method header',
    modern('tools/list'),
    { 'mcp-protocol-version': '2026-07-28' },
    400,
    -32020,
  ],
  [
    'a modern request whose header contradicts it',
    modern('tools/list'),
    { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' },
    400,
    -32020,
  ],
  [
    'an unknown method of a modern client',
    modern('ping'),
    { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'ping' },
    404,
    -32601,
  ],
  [
    'nesting without end',
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    {},
    400,
    -32700,
  ],
])('%s gets its documented error', async (_name, body, headers, status, code) => {
  verifies('mcp:error-codes');
  const answer = await send(body, headers);
  expect(answer.status, answer.text).toBe(status);
  expect(answer.json()).toMatchObject({
    jsonrpc: '2.0',
    error: { code, message: expect.stringMatching(/./) },
  });
});

it.each([
  ['/nowhere', 'GET', 404],
  ['/.well-known/oauth-protected-resource', 'GET', 404],
  ['/mcp', 'GET', 405],
  ['/mcp', 'PUT', 405],
  ['/sse', 'POST', 405],
  ['/mcp/nobody', 'POST', 404],
  ['/messages?sessionId=x', 'POST', 404],
])('%s %s answers JSON with status %i', async (path, method, status) => {
  verifies('mcp:no-redirects');
  const answer = await http(`${gateway.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${MASTER_KEY}`,
      'content-type': 'application/json',
      accept: 'application/json',
    },
    ...(method === 'POST' ? { body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' } : {}),
  });
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toContain('json');
  expect(answer.json()).toHaveProperty('error');
});

it('refuses keys that are missing or wrong, and pages of other origins', async () => {
  verifies('edge:keys');
  const message = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
  expect(
    (
      await http(`${gateway.url}/mcp`, {
        method: 'POST',
        body: message,
        headers: { 'content-type': 'application/json' },
      })
    ).status,
  ).toBe(401);
  expect((await rpc(`${gateway.url}/mcp`, 'sk-wrong', message)).status).toBe(401);
  expect((await send(message, { origin: 'http://evil.example' })).status).toBe(403);
  expect((await send(message)).status).toBe(200);
});

it('takes a message of 20 MB whole and gives it back, and refuses one beyond its bound', async () => {
  verifies('edge:bodies');
  const text = 'x'.repeat(20_000_000);
  const answer = await send(
    JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'echo', arguments: { text } },
    }),
  );
  expect(answer.status).toBe(200);
  expect(answer.json<{ result: { content: { text: string }[] } }>().result.content[0]?.text).toHaveLength(
    text.length,
  );
  const refused = await send(
    `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${'y'.repeat(25 * 1024 * 1024)}"}}`,
  ).catch((error: NodeJS.ErrnoException) => error);
  // The answer may be lost when the connection closes while the client still writes.
  if ('status' in refused) expect(refused.status).toBe(413);
  else expect(refused.code).toMatch(/EPIPE|ECONNRESET/);
});

it('big numbers, unknown fields and unknown kinds of content pass byte for byte', async () => {
  verifies('mcp:fidelity');
  const { text } = await send(
    '{"jsonrpc":"2.0","id":900719925474099301,"method":"tools/call","params":{"name":"structured","arguments":{}}}',
  );
  expect(text).toBe(
    '{"jsonrpc":"2.0","id":900719925474099301,"result":{"content":[{"type":"hologram","depth":12345678901234567890123},{"type":"text","text":"{}"}],"structuredContent":{"rows":[9007199254740993,1e400,-0.10]},"_meta":{"example.com/trace":"kept"},"unknownField":[1,{"a":null}]}}',
  );
});

it('stays up, at flat memory, through hundreds of bodies that are cut in the middle and half heads', async () => {
  const { hostname, port } = new URL(gateway.url);
  const rss = async (): Promise<number> =>
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]);
  const cut = (): Promise<void> =>
    new Promise((resolve) => {
      const sent = request({
        hostname,
        port,
        path: '/mcp',
        method: 'POST',
        agent: false,
        headers: {
          authorization: `Bearer ${MASTER_KEY}`,
          'content-type': 'application/json',
          'content-length': '1000000',
        },
      });
      sent.on('error', () => resolve());
      sent.on('close', () => resolve());
      sent.write('x'.repeat(10_000), () => sent.destroy());
    });
  const half = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connectSocket(Number(port), hostname, () =>
        socket.write('POST /mcp HTTP/1.1\r\nHost: x\r\n', () => socket.destroy()),
      );
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  for (let i = 0; i < 50; i++) await Promise.all([cut(), half()]);
  const before = await rss();
  for (let i = 0; i < 200; i++) await Promise.all([cut(), half()]);
  expect((await send('{"jsonrpc":"2.0","id":1,"method":"ping"}')).json()).toEqual({
    jsonrpc: '2.0',
    id: 1,
    result: {},
  });
  expect(await rss()).toBeLessThan(before + 100_000);
});
