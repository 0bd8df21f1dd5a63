import { Connection, type ConnectionOptions } from './http-connection.ts';
import { HttpFailure } from './http-failure.ts';
import type { HttpRequest, RequestHandle, ResponseSink, Target } from './http-request.ts';

export { HttpFailure } from './http-failure.ts';
export type {
  HeaderLine,
  HttpRequest,
  RequestHandle,
  ResponseHead,
  ResponseSink,
  Target,
} from './http-request.ts';

export interface HttpClientOptions {
  readonly connectTimeoutMs?: number;
  /** Sockets to one origin at once; further requests wait for one. */
  readonly socketsPerOriginMax?: number;
  /** How long an unused socket is kept, in milliseconds; below the 5 s after which many servers close theirs. */
  readonly idleSocketMs?: number;
}

const SWEEP_MS = 250;
const READ_BUFFER_BYTES = 64 * 1024;

interface Origin {
  readonly idle: Connection[];
  readonly waiting: Pending[];
  open: number;
}

/** A request from its sending to its end; what its sender holds of it. */
class Pending implements RequestHandle {
  readonly request: HttpRequest;
  readonly sink: ResponseSink;
  /** Milliseconds on the monotonic clock. */
  readonly deadline: number;
  readonly #origin: Origin;
  connection: Connection | undefined;

  constructor(request: HttpRequest, sink: ResponseSink, deadline: number, origin: Origin) {
    this.request = request;
    this.sink = sink;
    this.deadline = deadline;
    this.#origin = origin;
  }

  abort(): void {
    const at = this.connection === undefined ? this.#origin.waiting.indexOf(this) : -1;
    if (at >= 0) this.#origin.waiting.splice(at, 1);
    this.connection?.abort(this.sink);
  }

  pause(): void {
    this.connection?.pause(this.sink);
  }

  resume(): void {
    this.connection?.resume(this.sink);
  }
}

/**
 * Outbound HTTP/1.1 for servers on the LAN and beyond it: a strict, small client on sockets with keep-alive, because its cost per call
 * is a fraction of the general clients' (bench/). It follows no redirects, keeps no cookies and asks for no compression.
 */
export class HttpClient implements AsyncDisposable {
  readonly #options: Required<HttpClientOptions>;
  readonly #connectionOptions: ConnectionOptions;
  readonly #origins = new Map<string, Origin>();
  readonly #connections = new Set<Connection>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: HttpClientOptions = {}) {
    this.#options = { connectTimeoutMs: 10_000, socketsPerOriginMax: 4_096, idleSocketMs: 4_000, ...options };
    this.#connectionOptions = { ...this.#options, readBuffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES) };
  }

  /** Sends a request. The sink hears of the head, the data and exactly one of end and error; an aborted request is heard of no more. */
  send(request: HttpRequest, sink: ResponseSink): RequestHandle {
    if (this.#closed) {
      queueMicrotask(() => sink.onError(new HttpFailure('aborted', 'the client is closed', 'no')));
      return { abort() {}, pause() {}, resume() {} };
    }
    const origin = this.#origin(request.target);
    const waiting = new Pending(request, sink, performance.now() + request.headTimeoutMs, origin);
    const connection = takeIdle(origin);
    if (connection !== undefined) this.#assign(connection, waiting);
    else if (origin.open < this.#options.socketsPerOriginMax)
      this.#assign(this.#open(request.target, origin), waiting);
    else origin.waiting.push(waiting);
    this.#sweep ??= setInterval(() => this.#tick(), SWEEP_MS).unref();
    return waiting;
  }

  /** Ends everything at once; requests under way fail. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const origin of this.#origins.values()) {
      for (const { sink } of origin.waiting.splice(0))
        sink.onError(new HttpFailure('aborted', 'the client is closed', 'no'));
    }
    for (const connection of [...this.#connections])
      connection.destroy(new HttpFailure('aborted', 'the client is closed', 'unknown'));
    return Promise.resolve();
  }

  #origin(target: Target): Origin {
    const known = this.#origins.get(target.origin);
    if (known !== undefined) return known;
    const origin: Origin = { idle: [], waiting: [], open: 0 };
    this.#origins.set(target.origin, origin);
    return origin;
  }

  #open(target: Target, origin: Origin): Connection {
    origin.open++;
    const connection = new Connection(target, this.#connectionOptions, {
      onIdle: (idle) => this.#release(idle, origin),
      onGone: (gone) => {
        origin.open--;
        this.#connections.delete(gone);
        const at = origin.idle.indexOf(gone);
        if (at >= 0) origin.idle.splice(at, 1);
        const next = origin.waiting.shift();
        if (next !== undefined) this.#assign(this.#open(target, origin), next);
      },
    });
    this.#connections.add(connection);
    return connection;
  }

  #assign(connection: Connection, waiting: Pending): void {
    waiting.connection = connection;
    connection.start(waiting.request, waiting.sink, waiting.deadline);
  }

  #release(connection: Connection, origin: Origin): void {
    const next = origin.waiting.shift();
    if (next !== undefined) this.#assign(connection, next);
    else origin.idle.push(connection);
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of [...this.#connections]) connection.check(now);
    for (const origin of this.#origins.values()) {
      while (origin.waiting[0] !== undefined && origin.waiting[0].deadline <= now) {
        origin.waiting
          .shift()!
          .sink.onError(new HttpFailure('timeout', 'no connection became free in time', 'no'));
      }
    }
    if (this.#connections.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }
}

function takeIdle(origin: Origin): Connection | undefined {
  for (;;) {
    const connection = origin.idle.pop();
    if (connection === undefined || connection.isUsable) return connection;
  }
}

/** Takes a URL apart once. Throws when it is not http or https, or carries credentials. */
export function parseTarget(text: string): Target {
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new Error(`${url.protocol}// is not http:// or https://`);
  if (url.username !== '' || url.password !== '')
    throw new Error('a URL must not carry credentials; use auth_type and auth_value');
  const secure = url.protocol === 'https:';
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return {
    origin: url.origin,
    secure,
    host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    authority: url.host,
    path: `${url.pathname}${url.search}`,
    url: url.href,
  };
}
