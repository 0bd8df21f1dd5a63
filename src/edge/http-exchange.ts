import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import { type AnswerStream, type Body, bytesOf, type EventStream, whole } from '../gateway/exchange.ts';
import { isJsonType } from './body-facts.ts';
import type { EdgeExchange, SlowAnswers } from './edge-exchange.ts';
import {
  BUFFERED_BYTES_MAX,
  type EventStreams,
  eventText,
  STREAM_HEADERS,
  takesStream,
} from './event-stream.ts';

export interface ExchangeDeps {
  readonly bodyBytesMax: number;
  readonly streams: EventStreams;
  /** Exchanges that may have to be kept alive while they wait. */
  readonly slow: SlowAnswers;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Whether each answer is the last on its connection. */
  readonly isClosing: () => boolean;
}

/** Bytes of a refused body that are read all the same. */
const DROPPED_BYTES_MAX = 64 * 1024 * 1024;

/** An Exchange over node:http. */
export class HttpExchange implements EdgeExchange {
  readonly requestId: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly startedMs: number;
  names: readonly string[] | undefined;
  seat = -1;
  bytesOut = 0;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #deps: ExchangeDeps;
  #streaming = false;
  #answered = false;
  /** An answer in pieces has begun; it is not answered before its end. */
  #isOpen = false;
  /** Monotonic milliseconds when something was last written before the answer. */
  #spokenMs: number;
  #streamHeaders: Readonly<Record<string, string>> | undefined;
  #onBegin: (() => void) | undefined;
  /** Whether the bytes of the body are counted, and too many of them end the connection. */
  #isCounted = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
    startedMs: number,
    deps: ExchangeDeps,
  ) {
    this.#request = request;
    this.#response = response;
    this.#deps = deps;
    this.requestId = requestId;
    this.startedMs = startedMs;
    this.#spokenMs = startedMs;
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = mark < 0 ? undefined : url.slice(mark + 1);
  }

  get method(): string {
    return this.#request.method ?? 'GET';
  }

  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }

  get remoteAddress(): string {
    return this.#request.socket.remoteAddress ?? '';
  }

  get isGone(): boolean {
    return this.#response.destroyed && !this.#answered;
  }

  onGone(listener: () => void): void {
    if (this.isGone) listener();
    else
      this.#response.once('close', () => {
        if (!this.#answered) listener();
      });
  }

  body(): Promise<Buffer> {
    const request = this.#request;
    const max = this.#deps.bodyBytesMax;
    const type = request.headers['content-type'];
    if (type !== undefined && !isJsonType(type))
      return Promise.reject(new GatewayError('body-type', { type: type.slice(0, 80) }));
    const declared = request.headers['content-length'];
    if (declared !== undefined && Number(declared) > max)
      return Promise.reject(new GatewayError('body-too-large', { max }));
    // Of a request whose client has gone already, nothing more is told.
    if (request.destroyed && !request.readableEnded)
      return Promise.reject(new GatewayError('body-cut', { received: 0, expected: declared ?? 'more' }));
    this.#isCounted = true;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= max) {
          chunks.push(chunk);
          return;
        }
        chunks.length = 0;
        reject(new GatewayError('body-too-large', { max }));
        // What follows is read and dropped, so that the client gets to read its answer; within bounds.
        if (bytes > max + DROPPED_BYTES_MAX) request.destroy();
      });
      request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
      request.on('close', () => {
        if (!request.complete)
          reject(new GatewayError('body-cut', { received: bytes, expected: declared ?? 'more' }));
      });
      request.on('error', () =>
        reject(new GatewayError('body-cut', { received: bytes, expected: declared ?? 'more' })),
      );
    });
  }

  send(
    status: number,
    headers: Readonly<Record<string, string>> | undefined,
    body: Body | undefined,
    eventId?: string,
  ): void {
    if (this.#answered || this.#isOpen) return;
    this.#deps.slow.delete(this);
    this.bytesOut = bytesOf(body);
    const response = this.#response;
    if (response.destroyed || this.#streaming) this.#answered = true;
    if (response.destroyed) return;
    if (this.#streaming) {
      if (body !== undefined) response.write(eventText('message', whole(body), eventId));
      response.end();
      return;
    }
    const head: Record<string, string | number> = {
      ...headers,
      'x-request-id': this.requestId,
      'content-length': this.bytesOut,
    };
    if (body !== undefined && head['content-type'] === undefined) head['content-type'] = 'application/json';
    // A client that still sends its body would see the connection break instead of its answer; up to a bound, the body is read and dropped.
    if (!this.#request.complete && Number(this.#request.headers['content-length'] ?? 0) > DROPPED_BYTES_MAX)
      head['connection'] = 'close';
    // Throws on a header that cannot be sent, before anything is; then another answer may follow.
    this.#writeHead(status, head);
    this.#answered = true;
    const isAlone = body === undefined || this.method === 'HEAD';
    if (this.#isCutByEnd) {
      if (!isAlone) response.write(whole(body));
      this.#request.once('close', () => response.end()).resume();
    } else if (isAlone) response.end();
    else if (Buffer.isBuffer(body)) response.end(body);
    else {
      response.cork();
      for (const part of body) response.write(part);
      response.end();
    }
  }

  /** Whether the end of the answer would close the connection while its client still sends a body that is to be read and dropped. */
  get #isCutByEnd(): boolean {
    const { complete, destroyed, headers } = this.#request;
    const isBounded = this.#isCounted || Number(headers['content-length']) <= DROPPED_BYTES_MAX;
    return isBounded && !complete && !destroyed && !this.#response.shouldKeepAlive;
  }

  openStream(
    headers: Readonly<Record<string, string>> = {},
    brings: 'news' | 'answers' = 'news',
  ): EventStream {
    this.#writeHead(200, { ...STREAM_HEADERS, ...headers, 'x-request-id': this.requestId });
    this.#answered = true;
    this.#response.write(': open\n\n');
    return this.#deps.streams.hold(this.#response, this, brings);
  }

  openAnswer(headers: Readonly<Record<string, string>>): AnswerStream {
    this.#isOpen = true;
    const response = this.#response;
    response.writeHead(200, { ...headers, 'x-request-id': this.requestId });
    return {
      write: (bytes) => {
        this.bytesOut += bytes.length;
        return response.write(bytes);
      },
      onDrain: (listener) => void response.once('drain', listener),
      end: () => {
        this.#answered = true;
        response.end();
      },
      destroy: () => {
        this.#answered = true;
        response.destroy();
      },
    };
  }

  event(data: Buffer, id?: string): boolean {
    const response = this.#response;
    if (this.#answered || response.destroyed || !takesStream(this.headers.accept)) return false;
    if (response.writableLength > BUFFERED_BYTES_MAX) return false;
    this.#beginStream();
    this.#spokenMs = this.#deps.now();
    response.write(eventText(data.length === 0 ? undefined : 'message', data, id));
    return true;
  }

  #writeHead(status: number, head: Readonly<Record<string, string | number>>): void {
    this.#response.writeHead(status, this.#deps.isClosing() ? { ...head, connection: 'close' } : head);
  }

  #beginStream(): void {
    if (this.#streaming) return;
    this.#writeHead(200, { ...STREAM_HEADERS, ...this.#streamHeaders, 'x-request-id': this.requestId });
    this.#streaming = true;
    this.#deps.slow.add(this);
  }

  mayStream(headers?: Readonly<Record<string, string>>, onBegin?: () => void): void {
    this.#streamHeaders = headers;
    this.#onBegin = onBegin;
    if (takesStream(this.headers.accept) && !this.#answered) this.#deps.slow.add(this);
  }

  /** Called by the edge's clock, several times within `silentMs`: keeps an answer that is slow to come from looking dead. */
  keepAlive(silentMs: number): void {
    if (this.#answered || this.#response.destroyed) {
      this.#deps.slow.delete(this);
      return;
    }
    if (this.#deps.now() - this.#spokenMs < silentMs) return;
    if (!this.#streaming) this.#onBegin?.();
    this.#beginStream();
    this.#spokenMs = this.#deps.now();
    if (this.#response.writableLength < BUFFERED_BYTES_MAX) this.#response.write(': working\n\n');
  }
}
