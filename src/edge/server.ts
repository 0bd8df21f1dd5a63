import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Bounds } from '../core/bounds.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { Roster } from '../core/roster.ts';
import type { Exchange } from '../gateway/exchange.ts';
import type { Log } from '../telemetry/log.ts';
import { type BrowserGuardOptions, createBrowserGuard } from './browser-guard.ts';
import { sendError } from './error-response.ts';
import type { EdgeExchange, SlowAnswer } from './edge-exchange.ts';
import { EventStreams } from './event-stream.ts';
import { HttpExchange } from './http-exchange.ts';
import { Lane } from './lane/lane.ts';
import { type Route, routeOf } from './routes.ts';

export type Handler<Kind extends Route['kind']> = (
  exchange: Exchange,
  route: Extract<Route, { kind: Kind }>,
) => Promise<void> | void;

export type Handlers = { readonly [Kind in Exclude<Route['kind'], 'unknown' | 'oauth'>]: Handler<Kind> };

export interface EdgeDeps {
  readonly handlers: Handlers;
  readonly bounds: Bounds;
  readonly browser: BrowserGuardOptions;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

const HEADERS_MS = 15_000;
const KEEP_ALIVE_SOCKET_MS = 72_000;
const HEADER_BYTES_MAX = 32 * 1024;
const SWEEP_MS = 1_000;
/** How often it is looked for requests that take too long to arrive. */
const TIMEOUTS_CHECK_MS = 5_000;

/** The listener: takes requests in, finds their route, lets the handler answer, turns failures into answers. */
export class Edge implements AsyncDisposable {
  readonly #deps: EdgeDeps;
  readonly #server: Server;
  readonly #lane: Lane;
  readonly #streams: EventStreams;
  readonly #slow = new Roster<SlowAnswer>();
  #guard: ReturnType<typeof createBrowserGuard>;
  readonly #sweep: NodeJS.Timeout;
  #inFlight = 0;
  #draining: (() => void) | undefined;

  constructor(deps: EdgeDeps) {
    this.#deps = deps;
    this.#streams = new EventStreams(deps.bounds.keepAliveMs);
    this.#guard = createBrowserGuard(deps.browser);
    this.#server = createServer(
      {
        keepAliveTimeout: KEEP_ALIVE_SOCKET_MS,
        headersTimeout: Math.min(HEADERS_MS, deps.bounds.bodyReadMs),
        connectionsCheckingInterval: Math.min(TIMEOUTS_CHECK_MS, deps.bounds.bodyReadMs),
        requestTimeout: deps.bounds.bodyReadMs,
        maxHeaderSize: HEADER_BYTES_MAX,
        noDelay: true,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.on('upgrade', (_request, socket) => {
      socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    });
    this.#lane = new Lane(this.#server, {
      bodyBytesMax: deps.bounds.bodyBytesMax,
      clock: deps.clock,
      newId: deps.newId,
      streams: this.#streams,
      slow: this.#slow,
      headMs: Math.min(HEADERS_MS, deps.bounds.bodyReadMs),
      requestMs: deps.bounds.bodyReadMs,
      keepAliveMs: KEEP_ALIVE_SOCKET_MS,
      serves: (path) => isHot(routeOf(path).kind),
      serve: (exchange) => void this.#serve(exchange),
    });
    const { keepAliveMs } = deps.bounds;
    this.#sweep = setInterval(
      () => {
        for (const exchange of this.#slow) exchange.keepAlive(keepAliveMs);
      },
      Math.min(SWEEP_MS, keepAliveMs / 2),
    ).unref();
  }

  /** Rejects with what the system says, for example EADDRINUSE. */
  listen(host: string, port: number): Promise<{ readonly port: number }> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve({ port: (this.#server.address() as AddressInfo).port });
      });
    });
  }

  /** Which pages of other sites are let in from now on. */
  setBrowser(options: BrowserGuardOptions): void {
    this.#guard = createBrowserGuard(options);
  }

  /** Ends the event streams whose request `mayStay` refuses; how many. */
  closeStreamsUnless(mayStay: (exchange: Exchange) => boolean): number {
    return this.#streams.closeUnless(mayStay);
  }

  /** Stops accepting, waits for what is under way up to `drainMs`, then ends the rest. */
  async drain(drainMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#streams.closeNews();
    this.#lane.closeIdle();
    this.#server.closeIdleConnections();
    if (this.#inFlight > 0) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#draining = resolve;
        }),
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, drainMs);
        }),
      ]);
      clearTimeout(timer);
    }
    this.#streams.closeAll();
    this.#lane.closeIdle();
    this.#server.closeIdleConnections();
    setTimeout(() => {
      this.#lane.close();
      this.#server.closeAllConnections();
    }, 250).unref();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweep);
    if (this.#server.listening) await this.drain(0);
    this.#lane.close();
  }

  #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock, newId, bounds } = this.#deps;
    return this.#serve(
      new HttpExchange(request, response, newId(), clock.monotonicMs(), {
        bodyBytesMax: bounds.bodyBytesMax,
        streams: this.#streams,
        slow: this.#slow,
        now: () => clock.monotonicMs(),
      }),
    );
  }

  async #serve(exchange: EdgeExchange): Promise<void> {
    this.#inFlight++;
    try {
      const route = routeOf(exchange.path);
      this.#guard(exchange.headers); // 403
      if (route.kind === 'mcp' || route.kind === 'sse') exchange.names = route.names;
      await this.#dispatch(exchange, route);
    } catch (error) {
      this.#fail(exchange, error);
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) this.#draining?.();
    }
  }

  #dispatch(exchange: EdgeExchange, route: Route): Promise<void> | void {
    switch (route.kind) {
      case 'mcp':
        return this.#deps.handlers.mcp(exchange, route);
      case 'sse':
        return this.#deps.handlers.sse(exchange, route);
      case 'messages':
        return this.#deps.handlers.messages(exchange, route);
      case 'health':
        return this.#deps.handlers.health(exchange, route);
      case 'admin':
        return this.#deps.handlers.admin(exchange, route);
      case 'llm':
        return this.#deps.handlers.llm(exchange, route);
      case 'response':
        return this.#deps.handlers.response(exchange, route);
      case 'models':
        return this.#deps.handlers.models(exchange, route);
      case 'status':
        return this.#deps.handlers.status(exchange, route);
      case 'oauth':
      case 'unknown':
        throw new GatewayError('route-unknown', { path: exchange.path.slice(0, 200) });
    }
  }

  #fail(exchange: EdgeExchange, error: unknown): void {
    const failure =
      error instanceof GatewayError
        ? error
        : new GatewayError('internal', { request: exchange.requestId }, { cause: error });
    if (failure.code === 'internal')
      this.#deps.log.error('a request broke', {
        request: exchange.requestId,
        path: exchange.path,
        error,
        stack: error instanceof Error ? error.stack : undefined,
      });
    else
      this.#deps.log.info('refused', {
        request: exchange.requestId,
        method: exchange.method,
        path: exchange.path,
        address: exchange.remoteAddress,
        error: failure.code,
        status: failure.status,
      });
    if (exchange.isGone) return;
    sendError(exchange, failure);
  }
}

/** Whether the requests of a route are many, and worth the short way. */
function isHot(kind: Route['kind']): boolean {
  return kind === 'mcp' || kind === 'llm';
}
