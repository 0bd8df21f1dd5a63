import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { operationUnknown } from '../admin/router.ts';
import type { Bounds } from '../core/bounds.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { Roster } from '../core/roster.ts';
import type { Exchange } from '../gateway/exchange.ts';
import type { OpenSocket } from '../gateway/message-socket.ts';
import type { Log } from '../telemetry/log.ts';
import { type BrowserGuardOptions, createBrowserGuard } from './browser-guard.ts';
import { sendError } from './error-response.ts';
import type { EdgeExchange, SlowAnswer } from './edge-exchange.ts';
import { EventStreams } from './event-stream.ts';
import { HttpExchange } from './http-exchange.ts';
import { Lane } from './lane/lane.ts';
import { type Route, routeOf, takesSocket } from './routes.ts';
import { WebSockets } from './websocket/websockets.ts';

export type Handler<Kind extends Route['kind']> = (
  exchange: Exchange,
  route: Extract<Route, { kind: Kind }>,
) => Promise<void> | void;

export type Handlers = { readonly [Kind in Exclude<Route['kind'], 'unknown' | 'oauth'>]: Handler<Kind> };

export interface EdgeDeps {
  readonly handlers: Handlers;
  /** What a request has to wait for before it is judged; `undefined`: nothing. Never rejects. */
  readonly before?: (exchange: Exchange, route: Route['kind']) => Promise<void> | undefined;
  /** Takes WebSockets to models. */
  readonly openSocket?: OpenSocket;
  readonly bounds: Bounds;
  readonly browser: BrowserGuardOptions;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly log: Log;
  /** Hears the code of the error with which a request was refused. */
  readonly onRefused?: (code: string, exchange: Exchange) => void;
}

const HEADERS_MS = 15_000;
const KEEP_ALIVE_SOCKET_MS = 72_000;
const HEADER_BYTES_MAX = 32 * 1024;
const SWEEP_MS = 1_000;
/** How often it is looked for requests that take too long to arrive. */
const TIMEOUTS_CHECK_MS = 5_000;
/** What a client has at least to read the end of its answer when the gateway stops. */
const LAST_BYTES_MS = 250;
/** How long requests that were given up at a stop have for their answers. */
const GIVEN_UP_MS = 1_000;
/** How long a WebSocket on which nothing is asked stays open. */
const SOCKET_IDLE_MS = 15 * 60_000;
/** As OpenAI's (OpenAI, "WebSocket mode", "Connection behavior and limits"). */
const SOCKET_LIFE_MS = 60 * 60_000;

/** The listener: takes requests in, finds their route, lets the handler answer, turns failures into answers. */
export class Edge implements AsyncDisposable {
  readonly #deps: EdgeDeps;
  readonly #server: Server;
  readonly #lane: Lane;
  readonly #sockets: WebSockets;
  readonly #streams: EventStreams;
  readonly #slow = new Roster<SlowAnswer>();
  #guard: ReturnType<typeof createBrowserGuard>;
  readonly #sweep: NodeJS.Timeout;
  /** Connections of the general server, each with the answers on it that its client has not read to the end. */
  readonly #connections = new Map<Socket, number>();
  #inFlight = 0;
  #draining: (() => void) | undefined;
  #closing = false;

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
        // Whoever would like another protocol, such as HTTP/2, is answered in this one (RFC 9110, section 7.8).
        shouldUpgradeCallback: (request) => /^websocket$/i.test(request.headers.upgrade ?? ''),
      },
      (request, response) => void this.#handle(request, response),
    );
    // Its own way of it, which `close` uses too, cuts answers that are written and not read yet.
    const closeIdle = (): void => this.#closeIdle();
    this.#server.closeIdleConnections = closeIdle;
    this.#sockets = new WebSockets({
      messageBytesMax: deps.bounds.bodyBytesMax,
      pingMs: deps.bounds.keepAliveMs,
      idleMs: SOCKET_IDLE_MS,
      lifeMs: SOCKET_LIFE_MS,
      now: () => deps.clock.monotonicMs(),
      log: deps.log,
    });
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head));
    // As all listeners that are here before the lane, it hears of the connections that the lane leaves to the general server.
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.set(socket, 0);
      socket.once('close', () => this.#connections.delete(socket));
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

  /** Requests under way, and event streams that are open. */
  get load(): { readonly requests: number; readonly streams: number } {
    return { requests: this.#inFlight, streams: this.#streams.size };
  }

  /** Which pages of other sites are let in from now on. */
  setBrowser(options: BrowserGuardOptions): void {
    this.#guard = createBrowserGuard(options);
  }

  /** Ends the event streams and WebSockets whose request `mayStay` refuses; how many. */
  closeStreamsUnless(mayStay: (exchange: Exchange) => boolean): number {
    return this.#streams.closeUnless(mayStay) + this.#sockets.closeUnless(mayStay);
  }

  /**
   * Stops accepting, and waits up to `drainMs` for what is under way and for those who still read an answer. What is under way then is given
   * up with `giveUp`, so that it is answered with what became of it; the rest is ended.
   */
  async drain(drainMs: number, giveUp?: () => void): Promise<void> {
    const { clock } = this.#deps;
    const startedMs = clock.monotonicMs();
    this.#closing = true;
    this.#streams.closeNews();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const socketsClosed = this.#sockets.drain();
    if (this.#isBusy) {
      const answered = new Promise<void>((resolve) => {
        this.#draining = resolve;
        if (this.#inFlight === 0) resolve();
      });
      const done = Promise.all([answered, socketsClosed]).then(() => undefined);
      await within(drainMs, done);
      if (giveUp !== undefined && this.#isBusy) {
        giveUp();
        await within(GIVEN_UP_MS, done);
      }
    }
    this.#streams.closeAll();
    this.#closeIdle();
    await within(Math.max(LAST_BYTES_MS, drainMs - (clock.monotonicMs() - startedMs)), closed);
    this.#lane.close();
    this.#sockets.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweep);
    if (this.#server.listening) await this.drain(0);
    this.#lane.close();
    this.#sockets.close();
  }

  get #isBusy(): boolean {
    return this.#inFlight > 0 || this.#sockets.size > 0;
  }

  #closeIdle(): void {
    this.#lane.closeIdle();
    for (const [socket, answers] of this.#connections) if (answers === 0) socket.destroySoon();
  }

  #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#count(request.socket, response);
    return this.#serve(this.#exchange(request, response));
  }

  #exchange(request: IncomingMessage, response: ServerResponse): HttpExchange {
    const { clock, newId, bounds } = this.#deps;
    return new HttpExchange(request, response, newId(), clock.monotonicMs(), {
      bodyBytesMax: bounds.bodyBytesMax,
      streams: this.#streams,
      slow: this.#slow,
      now: () => clock.monotonicMs(),
      isClosing: () => this.#closing,
    });
  }

  /** A request for a WebSocket: refused as any request would be, or taken. */
  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    // node:http has let go of the socket; so that it breaks nothing when it goes.
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    const exchange = this.#exchange(request, response);
    const take = (): void => this.#takeSocket(request, response, socket, head, exchange);
    try {
      this.#guard(exchange.headers); // 403
      const before = this.#deps.before?.(exchange, routeOf(exchange.path).kind);
      if (before === undefined) take();
      else void before.then(() => !socket.destroyed && take());
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  #takeSocket(
    request: IncomingMessage,
    response: ServerResponse,
    socket: Socket,
    head: Buffer,
    exchange: HttpExchange,
  ): void {
    try {
      const { openSocket } = this.#deps;
      if (openSocket === undefined || !takesSocket(routeOf(exchange.path)))
        throw new GatewayError('websocket-elsewhere', { path: exchange.path.slice(0, 200) }); // 426
      if (this.#closing) throw new GatewayError('shutting-down'); // 503
      const begin = openSocket(exchange); // 401, 403
      if (begin === undefined) return;
      this.#connections.delete(socket);
      response.detachSocket(socket);
      this.#sockets.accept(request, socket, head, exchange, begin);
    } catch (error) {
      this.#fail(exchange, error);
    }
  }

  #count(socket: Socket, response: ServerResponse): void {
    this.#connections.set(socket, (this.#connections.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = this.#connections.get(socket);
      if (left === undefined) return;
      this.#connections.set(socket, left - 1);
      if (this.#closing && left === 1) socket.destroySoon();
    });
  }

  async #serve(exchange: EdgeExchange): Promise<void> {
    this.#inFlight++;
    try {
      const route = routeOf(exchange.path);
      this.#guard(exchange.headers); // 403
      if (route.kind === 'mcp' || route.kind === 'sse') exchange.names = route.names;
      const before = this.#deps.before?.(exchange, route.kind);
      if (before !== undefined) {
        await before;
        if (exchange.isGone) return;
      }
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
      case 'mcp-rest':
        return this.#deps.handlers['mcp-rest'](exchange, route);
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
      case 'metrics':
        return this.#deps.handlers.metrics(exchange, route);
      case 'backup':
        return this.#deps.handlers.backup(exchange, route);
      case 'status':
        return this.#deps.handlers.status(exchange, route);
      case 'oauth':
      case 'unknown':
        throw (
          operationUnknown(exchange.path) ??
          new GatewayError('route-unknown', { path: exchange.path.slice(0, 200) })
        );
    }
  }

  #fail(exchange: EdgeExchange, error: unknown): void {
    const failure =
      error instanceof GatewayError
        ? error
        : new GatewayError('internal', { request: exchange.requestId }, { cause: error });
    this.#deps.onRefused?.(failure.code, exchange);
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

/** Resolves with `event`, and after so many milliseconds without it. */
async function within(ms: number, event: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([event, over]);
  clearTimeout(timer);
}
