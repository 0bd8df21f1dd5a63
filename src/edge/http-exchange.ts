import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import { type Body, type EventStream, whole } from '../gateway/exchange.ts';
import { bytesOf, isJsonType } from './body-facts.ts';
import type { EdgeExchange, SlowAnswers } from './edge-exchange.ts';
import { type EventStreams, eventText, STREAM_HEADERS } from './event-stream.ts';

export interface ExchangeDeps {
  readonly bodyBytesMax: number;
  readonly streams: EventStreams;
  /** Exchanges that may have to be kept alive while they wait. */
  readonly slow: SlowAnswers;
}

/** An Exchange over node:http. */
export class HttpExchange implements EdgeExchange {
  readonly requestId: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly startedMs: number;
  names: readonly string[] | undefined;
  seat = -1;
  status = 0;
  bytesOut = 0;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #deps: ExchangeDeps;
  #gone: AbortController | undefined;
  #streaming = false;
  #answered = false;

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

  get isAnswered(): boolean {
    return this.#answered || this.#response.headersSent;
  }

  get gone(): AbortSignal {
    if (this.#gone === undefined) {
      const controller = new AbortController();
      this.#gone = controller;
      if (this.isGone) controller.abort();
      else {
        this.#response.once('close', () => {
          if (!this.#answered) controller.abort();
        });
      }
    }
    return this.#gone.signal;
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
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > max) {
          chunks.length = 0;
          request.pause();
          reject(new GatewayError('body-too-large', { max }));
        } else chunks.push(chunk);
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

  send(status: number, headers: Readonly<Record<string, string>> | undefined, body: Body | undefined): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#deps.slow.delete(this);
    this.status = status;
    this.bytesOut = bytesOf(body);
    const response = this.#response;
    if (response.destroyed) return;
    if (this.#streaming) {
      if (body !== undefined) response.write(eventText('message', whole(body)));
      response.end();
      return;
    }
    const head: Record<string, string | number> = {
      ...headers,
      'x-request-id': this.requestId,
      'content-length': this.bytesOut,
    };
    if (body !== undefined && head['content-type'] === undefined) head['content-type'] = 'application/json';
    // What is left of a body that was refused would be taken for the next request.
    if (!this.#request.complete && this.#request.headers['content-length'] !== undefined)
      head['connection'] = 'close';
    response.writeHead(status, head);
    if (body === undefined || this.method === 'HEAD') response.end();
    else if (Buffer.isBuffer(body)) response.end(body);
    else {
      response.cork();
      for (const part of body) response.write(part);
      response.end();
    }
  }

  openStream(headers: Readonly<Record<string, string>> = {}): EventStream {
    this.#answered = true;
    this.status = 200;
    this.#response.writeHead(200, { ...STREAM_HEADERS, ...headers, 'x-request-id': this.requestId });
    this.#response.write(': open\n\n');
    return this.#deps.streams.hold(this.#response);
  }

  mayStream(): void {
    const { accept } = this.headers;
    if (accept?.includes('text/event-stream') === true && !this.#answered) this.#deps.slow.add(this);
  }

  /** Called by the edge's clock for an answer that is slow to come. */
  keepAlive(): void {
    if (this.#answered || this.#response.destroyed) {
      this.#deps.slow.delete(this);
      return;
    }
    if (!this.#streaming) {
      this.#streaming = true;
      this.#response.writeHead(200, { ...STREAM_HEADERS, 'x-request-id': this.requestId });
    }
    this.#response.write(': working\n\n');
  }
}
