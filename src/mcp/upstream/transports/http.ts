import { Roster } from '../../../core/roster.ts';
import { type HttpClient, type HttpRequest, parseTarget, type Target } from '../../../net/http-client.ts';
import { notificationMessage } from '../../wire/compose.ts';
import type { RpcReply } from '../../wire/message.ts';
import { UpstreamFailure } from '../failure.ts';
import type { HeaderLine, OutboundRequest, Transport, TransportEvents } from '../transport.ts';
import { HttpEvents } from './http-events.ts';
import { HttpPost, type PostOwner } from './http-post.ts';
import { isModernRequest } from './http-refusal.ts';

const CLOSE_MS = 2_000;
const NOTIFY_MS = 30_000;
const CLOSE_BYTES_MAX = 4_096;
/** Visible ASCII (2025-11-25, Transports, "Session Management"). */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/;

export interface HttpTransportOptions {
  readonly client: HttpClient;
  readonly url: string;
  readonly headers: readonly HeaderLine[];
  /** Of an answer that is no stream. */
  readonly responseBytesMax: number;
  /** Of one event of a stream, however long that is. */
  readonly messageBytesMax: number;
}

/** Streamable HTTP (2025-03-26 and later, Transports): each message is a POST, its answer JSON or a stream that ends with it. */
export class HttpTransport implements Transport {
  readonly kind = 'http';
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => void this[Symbol.asyncDispose]();
  readonly pid = undefined;
  readonly #options: HttpTransportOptions;
  readonly #target: Target;
  readonly #owner: PostOwner;
  readonly #running = new Roster<HttpPost>();
  #listening: HttpEvents | undefined;
  #sessionId: string | undefined;
  #headers: readonly HeaderLine[];
  /** What the last message was sent with: most carry the very same lines as the one before. */
  #joined:
    | {
        readonly own: readonly HeaderLine[];
        readonly extra: readonly HeaderLine[];
        readonly all: readonly HeaderLine[];
      }
    | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: HttpTransportOptions, events: TransportEvents) {
    this.#options = options;
    this.#target = parseTarget(options.url);
    this.#headers = [
      ['Content-Type', 'application/json'],
      ['Accept', 'application/json, text/event-stream'],
      ...options.headers,
    ];
    this.#owner = {
      target: this.#target,
      responseBytesMax: options.responseBytesMax,
      messageBytesMax: options.messageBytesMax,
      events,
      send: (request, sink) => options.client.send(request, sink),
      openSession: (id) => this.#openSession(id),
      cancel: (request) => this.#cancel(request),
      done: (post) => this.#running.delete(post),
      resumption: (request, lastEventId) => this.#resumption(request, lastEventId),
      answer: (message) => this.#answer(message),
    };
    this.#signal = events.signal;
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#signal.aborted) this.#onAbort();
  }

  stderrTail(): string {
    return '';
  }

  request(request: OutboundRequest): Promise<RpcReply> {
    return this.#post(request.message, request.headers, request.timeoutMs, request) as Promise<RpcReply>;
  }

  async notify(message: Buffer, headers: readonly HeaderLine[]): Promise<void> {
    await this.#post(message, headers, NOTIFY_MS, undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#listening?.close();
    for (const post of this.#running) post.close();
    if (this.#sessionId !== undefined) await this.#endSession();
  }

  #post(
    body: Buffer,
    headers: readonly HeaderLine[],
    timeoutMs: number,
    expected: OutboundRequest | undefined,
  ): Promise<RpcReply | undefined> {
    if (this.#closing !== undefined)
      return Promise.reject(new UpstreamFailure('stopped', 'the connection was closed', { delivered: 'no' }));
    const request: HttpRequest = {
      target: this.#target,
      method: 'POST',
      headers: this.#join(headers),
      body,
      headTimeoutMs: timeoutMs,
      idleTimeoutMs: undefined,
      totalTimeoutMs: timeoutMs,
      // An answer in one piece is bounded by who takes it; a stream may go on as long as its events are bounded.
      bodyBytesMax: undefined,
    };
    const post = new HttpPost(this.#owner, request, expected, this.#sessionId !== undefined);
    this.#running.add(post);
    return post.promise;
  }

  /** The same list for the same lines, so that the connection need not write its head anew. */
  #join(extra: readonly HeaderLine[]): readonly HeaderLine[] {
    const own = this.#headers;
    if (extra.length === 0) return own;
    if (this.#joined?.own !== own || this.#joined.extra !== extra)
      this.#joined = { own, extra, all: merge(own, extra) };
    return this.#joined.all;
  }

  /** The stream on which a legacy server may speak first (2025-11-25, Transports, "Listening for Messages from the Server"). */
  listen(headers: readonly HeaderLine[]): void {
    if (this.#closing !== undefined || this.#listening !== undefined) return;
    this.#listening = new HttpEvents({
      send: (request, sink) => this.#options.client.send(request, sink),
      target: this.#target,
      headers: () => merge(this.#getHeaders(), headers),
      events: this.#owner.events,
      answer: this.#owner.answer,
      eventBytesMax: this.#options.messageBytesMax,
    });
    this.#listening.open();
  }

  #getHeaders(): readonly HeaderLine[] {
    return this.#headers
      .filter(([name]) => name !== 'Content-Type')
      .map(([name, value]) => [name, name === 'Accept' ? 'text/event-stream' : value]);
  }

  #resumption(request: OutboundRequest, lastEventId: string): HttpRequest | undefined {
    if (isModernRequest(request.headers)) return undefined;
    return {
      target: this.#target,
      method: 'GET',
      headers: merge(merge(this.#getHeaders(), request.headers), [['Last-Event-ID', lastEventId]]),
      body: undefined,
      headTimeoutMs: request.timeoutMs,
      idleTimeoutMs: undefined,
      totalTimeoutMs: request.timeoutMs,
      // An answer in one piece is bounded by who takes it; a stream may go on as long as its events are bounded.
      bodyBytesMax: undefined,
    };
  }

  #answer(message: Buffer): void {
    const [running] = this.#running;
    this.notify(message, running?.requestHeaders ?? []).catch(() => undefined);
  }

  #openSession(id: string): void {
    if (!SESSION_ID.test(id)) return;
    this.#sessionId = id;
    this.#headers = [...this.#headers, ['Mcp-Session-Id', id]];
  }

  /** Legacy servers are told; a modern one has seen the connection close. */
  #cancel(request: OutboundRequest): void {
    if (this.#closing !== undefined || request.method === 'initialize' || isModernRequest(request.headers))
      return;
    const params = Buffer.from(
      JSON.stringify({ requestId: request.id, reason: 'nobody waits for the answer' }),
    );
    this.notify(notificationMessage('notifications/cancelled', params), request.headers).catch(
      () => undefined,
    );
  }

  #endSession(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.client.send(
        {
          target: this.#target,
          method: 'DELETE',
          headers: this.#headers,
          body: undefined,
          headTimeoutMs: CLOSE_MS,
          idleTimeoutMs: undefined,
          totalTimeoutMs: CLOSE_MS,
          bodyBytesMax: CLOSE_BYTES_MAX,
        },
        { onHead() {}, onData() {}, onEnd: resolve, onError: () => resolve() },
      );
    });
  }
}

/** Later lines replace earlier ones of the same name. */
function merge(own: readonly HeaderLine[], extra: readonly HeaderLine[]): readonly HeaderLine[] {
  const merged = [...own];
  for (const line of extra) {
    const name = line[0].toLowerCase();
    const at = merged.findIndex(([known]) => known.toLowerCase() === name);
    if (at < 0) merged.push(line);
    else merged[at] = line;
  }
  return merged;
}
