import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HttpFailure, type HttpFailureKind } from './http-failure.ts';
import { RequestWriter, whole } from './http-request-writer.ts';
import { ResponseParser } from './http-response-parser.ts';
import type { HttpRequest, ResponseSink, Target } from './http-request.ts';

export interface ConnectionOptions {
  readonly connectTimeoutMs: number;
  readonly idleSocketMs: number;
  /** What sockets without TLS read into, one after the other: what is kept of it is copied. */
  readonly readBuffer: Buffer;
}

export interface ConnectionOwner {
  /** The connection may carry another request. */
  onIdle(connection: Connection): void;
  onGone(connection: Connection): void;
}

interface Current {
  readonly request: HttpRequest;
  readonly sink: ResponseSink;
  /** Milliseconds on the monotonic clock; moves with each read. */
  deadline: number;
  readonly totalDeadline: number;
  headSeen: boolean;
}

/** One socket to one origin; carries one request at a time. */
export class Connection {
  readonly #target: Target;
  readonly #options: ConnectionOptions;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  readonly #writer = new RequestWriter();
  readonly #openedMs = performance.now();
  #connectMs: number;
  #connected = false;
  #current: Current | undefined;
  #idleUntil = 0;
  #keepAliveMs: number;
  #gone = false;

  constructor(target: Target, options: ConnectionOptions, owner: ConnectionOwner) {
    this.#target = target;
    this.#options = options;
    this.#owner = owner;
    this.#keepAliveMs = options.idleSocketMs;
    this.#connectMs = options.connectTimeoutMs;
    this.#parser = new ResponseParser({
      onHead: (head) => {
        const current = this.#current!;
        current.headSeen = true;
        current.sink.onHead(head);
      },
      onData: (chunk) => this.#current?.sink.onData(chunk),
      onEnd: (reusable, keepAliveMs) => this.#finish(reusable, keepAliveMs),
    });
    const { host, port } = target;
    this.#socket = target.secure
      ? connectTls(
          {
            host,
            port,
            ALPNProtocols: ['http/1.1'],
            ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
          },
          () => this.#onConnect(),
        )
      : connect(
          {
            host,
            port,
            noDelay: true,
            onread: { buffer: options.readBuffer, callback: (bytes) => this.#onRead(bytes) },
          },
          () => this.#onConnect(),
        );
    this.#socket.setNoDelay(true);
    if (target.secure) this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) =>
      this.#fail(this.#connected ? 'reset' : 'connect', describe(error, target), error),
    );
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('close', () => this.#fail('reset', `${target.authority} closed the connection`));
  }

  /** Idle, open, and not so old that the server may be closing it. */
  get isUsable(): boolean {
    return !this.#gone && this.#current === undefined && performance.now() < this.#idleUntil;
  }

  start(request: HttpRequest, sink: ResponseSink, deadline: number): void {
    const totalDeadline =
      request.totalTimeoutMs === undefined
        ? Number.POSITIVE_INFINITY
        : performance.now() + request.totalTimeoutMs;
    this.#current = {
      request,
      sink,
      deadline: Math.min(deadline, totalDeadline),
      totalDeadline,
      headSeen: false,
    };
    this.#connectMs = Math.min(this.#connectMs, request.connectTimeoutMs ?? this.#connectMs);
    this.#socket.ref();
    const head = this.#writer.head(request);
    if (head instanceof HttpFailure) {
      this.#current = undefined;
      queueMicrotask(() => sink.onError(head));
      this.destroy(head);
      return;
    }
    this.#parser.expect(request.method === 'HEAD', request.bodyBytesMax, request.takesCodings);
    this.#write(head, request.body);
  }

  #write(head: string, body: Buffer | undefined): void {
    const message = body === undefined ? undefined : whole(head, body);
    if (message !== undefined) this.#socket.write(message);
    else if (body === undefined) this.#socket.write(head, 'latin1');
    else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  /** Gives the request of `sink` up, and with it the socket, whose next bytes would belong to it. */
  abort(sink: ResponseSink): void {
    if (this.#current?.sink !== sink) return;
    this.#current = undefined;
    this.#close();
  }

  pause(sink: ResponseSink): void {
    if (this.#current?.sink === sink) this.#socket.pause();
  }

  resume(sink: ResponseSink): void {
    const current = this.#current;
    if (current?.sink !== sink || !this.#socket.isPaused()) return;
    // The silence was the reader's.
    if (current.headSeen) this.#extend(current);
    this.#socket.resume();
  }

  destroy(failure: HttpFailure): void {
    const sink = this.#current?.sink;
    this.#current = undefined;
    this.#close();
    sink?.onError(failure);
  }

  /** Enforces deadlines; called a few times a second. */
  check(now: number): void {
    const current = this.#current;
    if (!this.#connected && now > this.#openedMs + this.#connectMs)
      this.#fail(
        'connect',
        `${this.#target.authority} did not accept a connection within ${this.#connectMs / 1000} s`,
      );
    else if (current !== undefined && now > current.deadline) {
      if (this.#socket.isPaused()) return;
      this.#fail('timeout', current.headSeen ? 'the response stopped half-way' : 'no response in time');
    } else if (current === undefined && now > this.#idleUntil) this.#close();
  }

  #onConnect(): void {
    this.#connected = true;
  }

  #onRead(bytes: number): boolean {
    const chunk = Buffer.allocUnsafe(bytes);
    this.#options.readBuffer.copy(chunk, 0, 0, bytes);
    this.#onData(chunk);
    return true;
  }

  #onData(chunk: Buffer): void {
    const current = this.#current;
    if (current === undefined) {
      this.#close();
      return;
    }
    const problem = this.#parser.push(chunk);
    if (problem !== undefined) this.#fail(problem.kind, `${this.#target.authority}: ${problem.reason}`);
    else if (this.#current === current && current.headSeen) this.#extend(current);
  }

  #extend(current: Current): void {
    const { idleTimeoutMs } = current.request;
    current.deadline =
      idleTimeoutMs === undefined
        ? current.totalDeadline
        : Math.min(current.totalDeadline, performance.now() + idleTimeoutMs);
  }

  #onEnd(): void {
    if (this.#current !== undefined && this.#parser.endsWithConnection()) this.#finish(false, undefined);
    else
      this.#fail(
        'reset',
        `${this.#target.authority} ended the connection ${this.#current?.headSeen === true ? 'in the middle of its response' : 'without a response'}`,
      );
  }

  #finish(reusable: boolean, keepAliveMs: number | undefined): void {
    const sink = this.#current?.sink;
    this.#current = undefined;
    if (keepAliveMs !== undefined)
      this.#keepAliveMs = Math.min(this.#options.idleSocketMs, Math.max(0, keepAliveMs - 1_000));
    if (reusable && !this.#gone) {
      this.#idleUntil = performance.now() + this.#keepAliveMs;
      this.#socket.unref();
      // A reader that paused the response which ended here has no business with the next one.
      if (this.#socket.isPaused()) this.#socket.resume();
      if (this.#keepAliveMs > 0) this.#owner.onIdle(this);
      else this.#close();
    } else this.#close();
    sink?.onEnd();
  }

  #fail(kind: HttpFailureKind, message: string, cause?: unknown): void {
    if (this.#gone) return;
    const current = this.#current;
    this.#current = undefined;
    this.#close();
    current?.sink.onError(new HttpFailure(kind, message, this.#connected ? 'unknown' : 'no', cause));
  }

  #close(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#socket.destroy();
    this.#owner.onGone(this);
  }
}

function describe(error: Error & { code?: string }, target: Target): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${target.host}:${target.port} (connection refused)`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name "${target.host}" cannot be resolved (${error.code})`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `${target.host}:${target.port} cannot be reached from here (${error.code})`;
    default:
      return `${target.authority}: ${error.message}`;
  }
}
