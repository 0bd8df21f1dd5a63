import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import {
  localhostHostValidation,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
} from '@modelcontextprotocol/node';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { classifyInboundRequest, createMcpHandler } from '@modelcontextprotocol/server';
import { bodyOf } from '../listen.ts';
import { EventLog } from './event-log.ts';
import type { Features } from './features.ts';
import { serveV1 } from './serve-v1.ts';
import { factoryV2 } from './serve-v2.ts';

const RETRY_MS = 500;

interface Session {
  handleRequest(request: IncomingMessage, response: ServerResponse, body?: unknown): Promise<void>;
}

type Open = (opened: (id: string, session: Session) => void) => Promise<Session>;

/** Only requests that name this machine are served, as the specification wants of a server without a key. */
const guarded = (
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): RequestListener => {
  const local = localhostHostValidation();
  return (request, response) => {
    if (local(request, response)) void handle(request, response);
  };
};

/** Streamable HTTP with sessions, which `open` makes. */
function sessions(
  open: Open,
): (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void> {
  const all = new Map<string, Session>();
  const refuse = (response: ServerResponse, status: number, code: number, message: string): void => {
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code, message } }));
  };
  return async (request, response, body) => {
    const id = request.headers['mcp-session-id'];
    const session = typeof id === 'string' ? all.get(id) : undefined;
    if (session !== undefined) {
      if (request.method === 'DELETE') all.delete(id as string);
      await session.handleRequest(request, response, body);
    } else if (id !== undefined) refuse(response, 404, -32001, 'Session not found');
    else if ((body as { method?: unknown } | undefined)?.method !== 'initialize')
      refuse(response, 400, -32000, 'Bad Request: a session is opened with initialize');
    else await (await open((opened, made) => all.set(opened, made))).handleRequest(request, response, body);
  };
}

const openV1 =
  (features: Features): Open =>
  async (opened) => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: new EventLog(),
      retryInterval: RETRY_MS,
      onsessioninitialized: (id) => opened(id, transport),
    });
    await serveV1(features, transport);
    return transport;
  };

const openV2 =
  (features: Features): Open =>
  async (opened) => {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: new EventLog(),
      retryInterval: RETRY_MS,
      onsessioninitialized: (id) => opened(id, transport),
    });
    const server = await factoryV2(features)({ era: 'legacy' });
    await server.connect(transport);
    return transport;
  };

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const text = await bodyOf(request);
  return text === '' ? undefined : JSON.parse(text);
}

/** The legacy era alone, on its own SDK. */
export function httpLegacy(features: Features): RequestListener {
  const serve = sessions(openV1(features));
  return guarded(async (request, response) => serve(request, response, await jsonOf(request)));
}

function modern(features: Features): ReturnType<typeof toNodeHandler> {
  const handler = createMcpHandler(factoryV2(features), { legacy: 'reject' });
  features.changes.watch(
    (kind) => {
      const { toolsChanged, promptsChanged, resourcesChanged } = handler.notify;
      ({ tools: toolsChanged, prompts: promptsChanged, resources: resourcesChanged })[kind]();
    },
    (uri) => handler.notify.resourceUpdated(uri),
  );
  return toNodeHandler(handler);
}

/** The modern era alone; anything else is refused. */
export function httpModern(features: Features): RequestListener {
  const handle = modern(features);
  return guarded((request, response) => handle(request as Parameters<typeof handle>[0], response));
}

function header(request: IncomingMessage, field: string, name: string): Record<string, string> {
  const value = request.headers[name];
  return typeof value === 'string' ? { [field]: value } : {};
}

/** Both eras at one address, the legacy one with sessions. */
export function httpDual(features: Features): RequestListener {
  const handle = modern(features);
  const serve = sessions(openV2(features));
  return guarded(async (request, response) => {
    const body = await jsonOf(request);
    const { kind } = classifyInboundRequest({
      httpMethod: request.method ?? '',
      body,
      ...header(request, 'protocolVersionHeader', 'mcp-protocol-version'),
      ...header(request, 'mcpMethodHeader', 'mcp-method'),
    });
    if (kind === 'legacy') await serve(request, response, body);
    else await handle(request as Parameters<typeof handle>[0], response, body);
  });
}

/** HTTP+SSE, the transport of the first revision. */
export function sse(features: Features): RequestListener {
  const open = new Map<string, SSEServerTransport>();
  return guarded(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'GET' && url.pathname === '/sse') {
      const transport = new SSEServerTransport('/messages', response);
      open.set(transport.sessionId, transport);
      response.on('close', () => open.delete(transport.sessionId));
      await serveV1(features, transport);
      return;
    }
    const transport = open.get(url.searchParams.get('sessionId') ?? '');
    if (request.method === 'POST' && url.pathname === '/messages' && transport !== undefined)
      await transport.handlePostMessage(request, response);
    else response.writeHead(url.pathname === '/sse' ? 405 : 404).end();
  });
}
