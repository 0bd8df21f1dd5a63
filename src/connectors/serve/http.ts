import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { InProcessServer } from '../../mcp/mcp-ports.ts';
import { answerPost } from '../../mcp/tool-http.ts';
import type { ConnectorLog } from '../connector-log.ts';
import { createBrowserGuard } from './browser-guard.ts';
import { BodyRefused, readBody } from './http-body.ts';
import { SseSessions } from './sse-sessions.ts';

/** Whether the server can do its work, and why not. */
export interface Health {
  readonly ok: boolean;
  readonly detail: string;
}

export interface HttpOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Host names, besides this machine's own, that `Host` and `Origin` may carry. */
  readonly allowedHosts: readonly string[];
  readonly bodyBytesMax: number;
  readonly inFlightMax: number;
  readonly drainMs: number;
  readonly keepAliveMs: number;
  health(): Promise<Health>;
  readonly log: ConnectorLog;
}

/** A listening server. Disposing it answers what is under way, up to `drainMs`, and then ends the rest. */
export interface HttpService extends AsyncDisposable {
  readonly port: number;
}

const HEADERS_MS = 15_000;
const BODY_MS = 60_000;
const HEADER_BYTES_MAX = 32 * 1024;
const SESSIONS_MAX = 200;
const BUFFERED_BYTES_MAX = 32 * 1024 * 1024;
const RPC_REFUSED = -32_600;

/**
 * Serves over HTTP: `/mcp` (streamable HTTP, both eras, without sessions), `/sse` with `/messages` (HTTP+SSE), `/health`. Rejects with
 * what the system says when it cannot listen, for example EADDRINUSE.
 */
export async function serveHttp(server: InProcessServer, options: HttpOptions): Promise<HttpService> {
  const refusalOf = createBrowserGuard(options.allowedHosts);
  const sse = new SseSessions(server, {
    sessionsMax: SESSIONS_MAX,
    inFlightMax: options.inFlightMax,
    bufferedBytesMax: BUFFERED_BYTES_MAX,
    keepAliveMs: options.keepAliveMs,
    log: options.log,
  });
  const underWay = new Set<Promise<void>>();

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refusal = refusalOf(request.headers);
    if (refusal !== undefined) return refuse(response, 403, refusal);
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const route = `${request.method} ${pathname.replace(/(?<=.)\/+$/, '')}`;
    switch (route) {
      case 'POST /mcp':
        if (underWay.size > options.inFlightMax)
          return refuse(response, 503, 'Too many requests at a time; try again.');
        return mcp(request, response);
      case 'GET /sse':
        if (!sse.open(response)) refuse(response, 503, 'Too many sessions are open; try again later.');
        return undefined;
      case 'POST /messages': {
        const body = await readBody(request, options.bodyBytesMax);
        return posted(response, sse.post(searchParams.get('sessionId') ?? '', body));
      }
      case 'GET /health':
      case 'HEAD /health':
        return health(response);
      default:
        return unknown(response, request.method ?? '', pathname);
    }
  };

  const mcp = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const body = await readBody(request, options.bodyBytesMax);
    const { accept = '*/*' } = request.headers;
    const tell = accept.includes('text/event-stream') ? streamed(response) : undefined;
    const answer = await answerPost(server, body, request.headers, gone.signal, { tell });
    if (response.destroyed) return;
    if (response.headersSent) {
      response.end(answer.body === undefined ? '' : eventOf(answer.body));
      return;
    }
    if (answer.body === undefined) {
      response.writeHead(answer.status, { 'content-length': 0 }).end();
      return;
    }
    const onlyEvents = accept.includes('text/event-stream') && !/application\/json|\*\/\*/.test(accept);
    if (onlyEvents) send(response, answer.status, 'text/event-stream', eventOf(answer.body));
    else send(response, answer.status, 'application/json', answer.body);
  };

  const health = async (response: ServerResponse): Promise<void> => {
    const { ok, detail } = await options.health();
    send(
      response,
      ok ? 200 : 503,
      'application/json',
      JSON.stringify({ status: ok ? 'ok' : 'unavailable', detail }),
    );
  };

  const listener = createServer(
    { headersTimeout: HEADERS_MS, requestTimeout: BODY_MS, maxHeaderSize: HEADER_BYTES_MAX, noDelay: true },
    (request, response) => {
      response.on('error', () => undefined);
      const work = handle(request, response)
        .catch((error: unknown) => fail(response, error, options.log))
        .finally(() => underWay.delete(work));
      underWay.add(work);
    },
  );
  const port = await listen(listener, options.host, options.port);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => listener.close(resolve));
      listener.closeIdleConnections();
      await within(Promise.all([...underWay, sse.idle()]), options.drainMs);
      sse.closeAll();
      listener.closeIdleConnections();
      // Answers that are written and not yet read get a moment; whoever reads slower than that is cut.
      const rest = setTimeout(() => listener.closeAllConnections(), 500);
      await closed;
      clearTimeout(rest);
    },
  };
}

/** Tells the client something before the answer; the first time makes an event stream of the response. */
function streamed(response: ServerResponse): (notification: Buffer) => void {
  return (notification) => {
    if (response.destroyed || response.writableEnded || response.writableLength > BUFFERED_BYTES_MAX) return;
    if (!response.headersSent)
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(eventOf(notification));
  };
}

function eventOf(message: Buffer): string {
  return `event: message\ndata: ${message.toString()}\n\n`;
}

function posted(response: ServerResponse, status: 202 | 404 | 429): void {
  switch (status) {
    case 202:
      send(response, 202, 'text/plain', 'Accepted');
      return;
    case 404:
      refuse(response, 404, 'This session has ended or was never opened here: open GET /sse again.');
      return;
    case 429:
      refuse(response, 429, 'This session has too many requests under way; wait for an answer.');
  }
}

function unknown(response: ServerResponse, method: string, path: string): void {
  const allowed: Readonly<Record<string, string>> = {
    '/mcp': 'POST',
    '/sse': 'GET',
    '/messages': 'POST',
    '/health': 'GET, HEAD',
  };
  const allow = allowed[path.replace(/(?<=.)\/+$/, '')];
  if (allow === undefined) {
    refuse(
      response,
      404,
      `Nothing is served at ${path.slice(0, 100)}. MCP is at /mcp, and at /sse for HTTP+SSE.`,
    );
    return;
  }
  response.setHeader('allow', allow);
  refuse(response, 405, `${method} is not allowed at ${path.slice(0, 100)}; use ${allow}.`);
}

function fail(response: ServerResponse, error: unknown, log: ConnectorLog): void {
  if (error instanceof BodyRefused) {
    // What is left of the body would be taken for the next request.
    response.setHeader('connection', 'close');
    refuse(response, error.status, error.message);
    return;
  }
  log.error('a request broke', { reason: error });
  refuse(response, 500, 'The server broke; see its log.');
}

function refuse(response: ServerResponse, status: number, message: string): void {
  send(
    response,
    status,
    'application/json',
    JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: RPC_REFUSED, message } }),
  );
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
