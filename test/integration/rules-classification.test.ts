import { readFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { classifyInboundRequest } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../support/clients/clients.ts';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { modern, openSession, request, textOf, toolCall } from '../support/rules/raw-client.ts';
import { openRpc } from '../support/rules/rpc-stream.ts';
import { type ScriptedServer, startScripted } from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

let gateway: TestGateway;
let server: ScriptedServer;
let url: string;

beforeAll(async () => {
  server = await startScripted();
  gateway = await startGateway({
    config: configWith(
      { one: { transport: 'http', url: server.url } },
      { limits: { first_list_wait_ms: '30s', body_bytes_max: '64KiB' } },
    ),
  });
  url = `${gateway.url}/mcp`;
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const HEADER = { 'mcp-protocol-version': '2026-07-28' };
const WHOLE = { ...HEADER, 'mcp-method': 'ping' };

describe('the era of a request', () => {
  const INITIALIZED = { jsonrpc: '2.0', method: 'notifications/initialized' };
  const OLDER = { 'mcp-protocol-version': '2025-11-25', 'mcp-method': 'ping' };

  // `ping` tells: a legacy client is answered, a modern one is told that there is no such method (-32601).
  it.each([
    ['a claim in the body', request('ping', { _meta: ENVELOPE }), WHOLE, 'modern', -32601],
    ['a claim in the body, an older header', request('ping', { _meta: ENVELOPE }), OLDER, 'reject', -32020],
    [
      'a claim in the body, no header',
      request('ping', { _meta: ENVELOPE }),
      { 'mcp-method': 'ping' },
      'modern',
      -32020,
    ],
    ['a modern header alone', request('ping'), WHOLE, 'reject', -32602],
    ['no claim', request('ping'), {}, 'legacy', undefined],
    ['a legacy header', request('ping'), { 'mcp-protocol-version': '2025-06-18' }, 'legacy', undefined],
    ['another member in _meta', request('ping', { _meta: { progressToken: 1 } }), {}, 'legacy', undefined],
    ['a batch', [request('ping')], {}, 'legacy', undefined],
    ['a batch with a modern claim', [request('ping', { _meta: ENVELOPE })], WHOLE, 'reject', -32600],
    ['a response', { jsonrpc: '2.0', id: 'q', result: {} }, {}, 'legacy', undefined],
    ['a notification', INITIALIZED, {}, 'legacy', undefined],
    [
      'a notification with a modern header',
      INITIALIZED,
      { ...HEADER, 'mcp-method': INITIALIZED.method },
      'modern',
      undefined,
    ],
  ] as const)('is what the official SDK says: %s', async (_name, message, headers, kind, code) => {
    verifies('rule:01-era-of-a-request');
    const named: Record<string, string | undefined> = headers;
    const version = named['mcp-protocol-version'];
    const method = named['mcp-method'];
    const official = classifyInboundRequest({
      httpMethod: 'POST',
      body: message,
      ...(version === undefined ? {} : { protocolVersionHeader: version }),
      ...(method === undefined ? {} : { mcpMethodHeader: method }),
    });
    expect(official.kind).toBe(kind);
    if ('code' in official) expect(official.code).toBe(code);
    const answer = await rpc(url, MASTER_KEY, message, headers);
    const status = code === undefined ? [200, 202] : code === -32601 ? [404] : [400];
    expect(status, answer.text).toContain(answer.status);
    if (code === undefined) expect(answer.text).not.toContain('"error"');
    else expect(answer.json()).toMatchObject({ error: { code } });
  });

  it('of initialize is legacy, whatever the header says', async () => {
    verifies('rule:01-era-of-a-request');
    const answer = await rpc(
      url,
      MASTER_KEY,
      request('initialize', {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'c', version: '1' },
      }),
      { ...HEADER, 'mcp-method': 'initialize' },
    );
    expect(answer.json()).toMatchObject({ result: { protocolVersion: '2025-06-18' } });
  });
});

describe('one port', () => {
  it('serves a session, a client that ignores it, a modern client and HTTP+SSE at the same time', async () => {
    verifies('rule:02-all-transports-on-one-port');
    const session = await openSession(url);
    await using sse = await connect('http+sse', gateway.url, MASTER_KEY);
    expect(textOf(await session.send(toolCall('echo', { from: 'session' })))).toContain('session');
    expect(textOf(await rpc(url, MASTER_KEY, toolCall('echo', { from: 'nobody' })))).toContain('nobody');
    expect(
      textOf(await modern(url, 'tools/call', { name: 'echo', arguments: { from: 'modern' } })),
    ).toContain('modern');
    expect(await sse.list()).toEqual(['echo']);
  });

  it('says exactly what is wrong with a session', async () => {
    verifies('rule:02-all-transports-on-one-port', 'pain:15-clients-that-do-not-begin-anew');
    const authorization = `Bearer ${MASTER_KEY}`;
    for (const method of ['GET', 'DELETE'])
      expect(
        (await http(url, { method, headers: { authorization, accept: 'text/event-stream' } })).status,
      ).toBe(405);
    const unknown = { 'mcp-session-id': 'never-opened' };
    const post = await rpc(url, MASTER_KEY, request('ping'), unknown);
    expect([post.status, post.json()]).toMatchObject([404, { id: 1, error: { code: -32001 } }]);
    for (const method of ['GET', 'DELETE'])
      expect(
        (await http(url, { method, headers: { authorization, accept: 'text/event-stream', ...unknown } }))
          .status,
      ).toBe(404);
    const needed = await rpc(url, MASTER_KEY, request('logging/setLevel', { level: 'info' }));
    expect([needed.status, needed.json()]).toMatchObject([400, { id: 1, error: { code: -32000 } }]);
    const session = await openSession(url);
    expect((await session.end()).status).toBe(200);
    expect((await session.send(request('ping'))).status).toBe(404);
  });
});

describe('headers', () => {
  it.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])(
    'of another known revision than the session has are taken: %s',
    async (revision) => {
      verifies('rule:03-liberal-headers');
      const session = await openSession(url, { revision: '2025-06-18' });
      const answer = await session.send(request('ping'), { 'mcp-protocol-version': revision });
      expect(answer.json()).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
    },
  );

  it.each(['*/*', 'application/json', 'application/*', 'text/event-stream', ''])(
    'Accept: %j gets an answer, without a version too',
    async (accept) => {
      verifies('rule:03-liberal-headers');
      const answer = await http(url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${MASTER_KEY}`,
          'content-type': 'application/json',
          ...(accept === '' ? {} : { accept }),
        },
        body: JSON.stringify(request('ping')),
      });
      expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('"id":1,"result":{}')]);
    },
  );
});

const ROUTES = [
  '/mcp',
  '/one/mcp',
  '/mcp/one',
  '/sse',
  '/one/sse',
  '/messages?sessionId=x',
  '/health',
  '/health/readiness',
  '/v1/mcp/server',
  '/.well-known/oauth-protected-resource',
  '/register',
  '/',
  '/nowhere',
];

describe('pages of other sites', () => {
  it.each(ROUTES)('are refused at %s', async (path) => {
    verifies('rule:04-origin-and-host');
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const answer = await http(`${gateway.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${MASTER_KEY}`, origin: 'http://evil.example', accept: '*/*' },
      });
      expect(answer.status, method).toBe(403);
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('cannot give this machine another name where there are no keys, and nobody else can reach it by default', async () => {
    verifies('rule:04-origin-and-host');
    await using open = await startGateway({
      config: { general_settings: { disable_database: true }, mcp_servers: {} },
    });
    for (const path of ROUTES) {
      const answer = await http(`${open.url}${path}`, {
        headers: { host: 'rebound.example', accept: '*/*' },
      });
      expect(answer.status, path).toBe(403);
    }
    expect((await http(`${open.url}/health`, { headers: { host: 'localhost' } })).status).toBe(200);
    const ports = await listeningAddresses(Number(new URL(open.url).port));
    expect(ports).toEqual(['0100007F']);
  });
});

/** Local addresses that something listens on at that port, as /proc writes them. */
async function listeningAddresses(port: number): Promise<string[]> {
  const rows = [await readFile('/proc/net/tcp', 'utf8'), await readFile('/proc/net/tcp6', 'utf8')].join('\n');
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return [...rows.matchAll(/^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A/gm)]
    .filter(([, , at]) => at === hex)
    .map(([, address]) => address!);
}

describe('bodies and heads', () => {
  it('beyond their bounds, of another type or broken get their status', async () => {
    verifies('rule:05-body-and-header-bounds');
    const large = await rpc(url, MASTER_KEY, request('ping', { x: 'x'.repeat(70_000) })).catch(
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (typeof large === 'object') expect(large.status).toBe(413);
    else expect(large).toMatch(/EPIPE|ECONNRESET/);
    const typed = await rpc(url, MASTER_KEY, request('ping'), { 'content-type': 'text/plain' });
    expect(typed.status).toBe(415);
    const broken = await rpc(url, MASTER_KEY, '{"jsonrpc":"2.0","id":7,');
    expect([broken.status, broken.json()]).toMatchObject([
      400,
      { jsonrpc: '2.0', id: null, error: { code: -32700 } },
    ]);
    const head = await rpc(url, MASTER_KEY, request('ping'), { 'x-long': 'x'.repeat(40_000) });
    expect(head.status).toBe(431);
    expect((await rpc(url, MASTER_KEY, request('ping'))).status).toBe(200);
  });

  it('with a declared length beyond the bound are refused before they are sent', async () => {
    verifies('rule:05-body-and-header-bounds');
    const { port } = new URL(gateway.url);
    const status = await new Promise<string>((resolve, reject) => {
      const socket = connectSocket(Number(port), '127.0.0.1', () =>
        socket.write(
          `POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${MASTER_KEY}\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n`,
        ),
      );
      socket.once('data', (data) => {
        resolve(data.toString('latin1').split('\r\n')[0]!);
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(status).toMatch(/^HTTP\/1\.1 413/);
  });
});

describe('batches', () => {
  it('of a legacy client are answered in one array, and never reach a server as such', async () => {
    verifies('rule:06-batches');
    const before = server.received.length;
    const answer = await rpc(url, MASTER_KEY, [
      toolCall('echo', { n: 1 }, 'a'),
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 99 } },
      toolCall('echo', { n: 2 }, 2),
      request('ping', {}, 'p'),
    ]);
    const replies = answer.json<{ id: unknown }[]>();
    expect(replies.map((reply) => reply.id)).toEqual(['a', 2, 'p']);
    const sent = server.received.slice(before);
    expect(sent.map((one) => one.method)).toEqual(['tools/call', 'tools/call']);
    for (const { text } of sent) expect(text.startsWith('{')).toBe(true);
    const silent = await rpc(url, MASTER_KEY, [{ jsonrpc: '2.0', method: 'notifications/initialized' }]);
    expect([silent.status, silent.text]).toEqual([202, '']);
  });

  it('of a modern client are refused', async () => {
    verifies('rule:06-batches');
    const answer = await rpc(url, MASTER_KEY, [request('tools/list', { _meta: ENVELOPE })], {
      ...HEADER,
      'mcp-method': 'tools/list',
    });
    expect([answer.status, answer.json()]).toMatchObject([400, { error: { code: -32600 } }]);
    using stream = await openRpc(url, MASTER_KEY, { message: [request('ping', {}, 1)] });
    await stream.ended;
    expect(stream.events[0]?.data).toBe('[{"jsonrpc":"2.0","id":1,"result":{}}]');
  });
});
