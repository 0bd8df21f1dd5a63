// Servers over HTTP that are wrong in one way; argv[2] says which. Those that can be right are so at /mcp.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { bodyOf, listen } from '../listen.ts';
import { sdkServer } from '../sdk-server.ts';

type Handle = (request: IncomingMessage, response: ServerResponse) => unknown;

/** The good server: stateless streamable HTTP. */
const good: Handle = async (request, response) => {
  const text = await bodyOf(request);
  if (request.method !== 'POST') return response.writeHead(405, { allow: 'POST' }).end();
  const transport = new StreamableHTTPServerTransport({
    enableJsonResponse: true,
    sessionIdGenerator: undefined,
  } as unknown as ConstructorParameters<typeof StreamableHTTPServerTransport>[0]);
  const server = sdkServer('faulty');
  await server.connect(transport);
  response.on('close', () => void server.close());
  return transport.handleRequest(request, response, JSON.parse(text));
};

const json = (response: ServerResponse, status: number, body: unknown, headers = {}): unknown =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

/** Answers JSON-RPC requests from a table; other methods are unknown. */
const answering =
  (results: Readonly<Record<string, unknown>>): Handle =>
  async (request, response) => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    const { id, method } = JSON.parse(await bodyOf(request)) as { id?: number; method: string };
    if (id === undefined) return response.writeHead(202).end();
    const result = results[method];
    if (result instanceof Error)
      return json(response, 200, { jsonrpc: '2.0', id, error: { code: -32603, message: result.message } });
    return result === undefined
      ? json(response, 200, { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } })
      : json(response, 200, { jsonrpc: '2.0', id, result });
  };

const handshake = (protocolVersion: string): unknown => ({
  protocolVersion,
  capabilities: { tools: {} },
  serverInfo: { name: 'faulty', version: '1' },
});

const ways: Readonly<Record<string, Handle>> = {
  path: (request, response) =>
    request.url === '/mcp' ? good(request, response) : json(response, 404, { detail: 'Not Found' }),
  html: (_request, response) =>
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<!doctype html><html><head><title>Grafana</title></head><body>Log in</body></html>'),
  redirect: (request, response) =>
    request.url === '/v2/mcp'
      ? good(request, response)
      : response.writeHead(307, { location: '/v2/mcp' }).end(),
  'redirect-away': (_request, response) =>
    response.writeHead(302, { location: 'http://elsewhere.invalid/mcp' }).end(),
  header: (request, response) =>
    request.headers['x-tenant-id'] === undefined
      ? json(response, 400, { error: 'Missing required header: X-Tenant-Id' })
      : good(request, response),
  bearer: (request, response) =>
    request.headers.authorization === 'Bearer right-token-123456'
      ? good(request, response)
      : json(
          response,
          401,
          { error: `token ${request.headers.authorization ?? 'none'} is not known` },
          { 'www-authenticate': 'Bearer realm="tools", error="invalid_token"' },
        ),
  forbidden: (_request, response) => json(response, 403, { error: 'not for you' }),
  host: (_request, response) => response.writeHead(421).end('Invalid Host header'),
  unavailable: (_request, response) => response.writeHead(503).end('no healthy upstream'),
  silent: () => undefined,
  cut: (request) => request.socket.destroy(),
  revision: answering({ initialize: handshake('2019-01-01') }),
  refusing: answering({ initialize: new Error('the licence has expired') }),
  'no-tools': answering({ initialize: handshake('2025-06-18'), 'tools/list': { tools: [] } }),
  'tools-fail': answering({
    initialize: handshake('2025-06-18'),
    'tools/list': new Error('cannot reach my database'),
  }),
};

const way = ways[process.argv[2] ?? ''];
if (way === undefined) throw new Error(`no such way to be wrong: ${process.argv[2]}`);
listen((request, response) => void way(request, response));
