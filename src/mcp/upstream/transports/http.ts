import { GatewayError } from '../../../core/errors.ts';
import { type HttpClient, type HttpFailure, type HttpRequest, parseTarget, type RequestHandle, type ResponseHead, type Target } from '../../../net/http-client.ts';
import { SseParser, SseTooLargeError } from '../../../net/sse-parser.ts';
import { notificationMessage } from '../../wire/compose.ts';
import { type RpcMessage, type RpcReply, readMessage } from '../../wire/message.ts';
import { UpstreamFailure } from '../failure.ts';
import type { HeaderLine, OutboundRequest, Transport, TransportEvents } from '../transport.ts';
import { fromHttpFailure, refusal } from './http-refusal.ts';

const CLOSE_MS = 2_000;
const NOTIFY_MS = 30_000;
const EXCERPT_BYTES = 4_096;

export interface HttpTransportOptions {
  readonly client: HttpClient;
  readonly url: string;
  readonly headers: readonly HeaderLine[];
  readonly responseBytesMax: number;
}

/** Streamable HTTP (2025-03-26 and later, Transports): each message is a POST, its answer JSON or a stream that ends with it. */
export class HttpTransport implements Transport {
  readonly kind = 'http';
  readonly pid = undefined;
  readonly #options: HttpTransportOptions;
  readonly #target: Target;
  readonly #events: TransportEvents;
  readonly #running = new Set<RequestHandle>();
  readonly #rejects = new Set<() => void>();
  #sessionId: string | undefined;
  #headers: readonly HeaderLine[];
  #closed = false;

  constructor(options: HttpTransportOptions, events: TransportEvents) {
    this.#options = options;
    this.#events = events;
    this.#target = parseTarget(options.url);
    this.#headers = [['Content-Type', 'application/json'], ['Accept', 'application/json, text/event-stream'], ...options.headers];
    events.signal.addEventListener('abort', () => void this[Symbol.asyncDispose](), { once: true });
  }

  stderrTail(): string {
    return '';
  }

  request(request: OutboundRequest): Promise<RpcReply> {
    return this.#post(request.message, request.headers, request.timeoutMs, request.signal, request) as Promise<RpcReply>;
  }

  async notify(message: Buffer, headers: readonly HeaderLine[]): Promise<void> {
    await this.#post(message, headers, NOTIFY_MS, undefined, undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const handle of this.#running) handle.abort();
    for (const reject of [...this.#rejects]) reject();
    if (this.#sessionId !== undefined) await this.#endSession();
  }

  #post(message: Buffer, headers: readonly HeaderLine[], timeoutMs: number, signal: AbortSignal | undefined, expected: OutboundRequest | undefined): Promise<RpcReply | undefined> {
    if (this.#closed) return Promise.reject(new UpstreamFailure('cancelled', 'the connection was closed', { delivered: 'no' }));
    const hadSession = this.#sessionId !== undefined;
    const own = this.#headers;
    const http: HttpRequest = {
      target: this.#target,
      method: 'POST',
      headers: headers.length === 0 ? own : merge(own, headers),
      body: message,
      headTimeoutMs: timeoutMs,
      idleTimeoutMs: undefined,
      totalTimeoutMs: timeoutMs,
      bodyBytesMax: this.#options.responseBytesMax,
    };
    return new Promise((resolve, reject) => {
      let done = false;
      let handle: RequestHandle | undefined;
      const settle = (act: () => void): void => {
        if (done) return;
        done = true;
        if (handle !== undefined) this.#running.delete(handle);
        this.#rejects.delete(onClose);
        signal?.removeEventListener('abort', onAbort);
        act();
      };
      const fail = (failure: UpstreamFailure): void => settle(() => reject(failure));
      const onClose = (): void => fail(new UpstreamFailure('cancelled', 'the connection was closed'));
      const onAbort = (): void => {
        handle?.abort();
        if (expected !== undefined) this.#cancel(expected);
        fail(new UpstreamFailure('cancelled', 'the caller gave up'));
      };
      const deliver = (bytes: Buffer): void => {
        const received = this.#read(bytes, expected?.id);
        if (received instanceof UpstreamFailure) {
          handle?.abort();
          fail(received);
        } else if (received !== undefined) settle(() => resolve(received));
      };
      let head: ResponseHead | undefined;
      let chunks: Buffer[] = [];
      let sse: SseParser | undefined;
      handle = this.#options.client.send(http, {
        onHead: (received) => {
          head = received;
          const session = received.headers['mcp-session-id'];
          if (expected?.method === 'initialize' && session !== undefined && received.status < 300) this.#openSession(session);
          if (received.status < 300 && (received.headers['content-type'] ?? '').toLowerCase().includes('text/event-stream')) {
            sse = new SseParser({ eventBytesMax: this.#options.responseBytesMax, onEvent: (event) => deliver(event.data) });
          }
        },
        onData: (chunk) => {
          if (sse === undefined) {
            if (head!.status < 300 || chunks.length * 1 < EXCERPT_BYTES) chunks.push(chunk);
            return;
          }
          try {
            sse.push(chunk);
          } catch (error) {
            if (!(error instanceof SseTooLargeError)) throw error;
            handle?.abort();
            fail(new UpstreamFailure('too-large', error.message));
          }
        },
        onEnd: () => {
          if (done) return;
          const { status } = head!;
          const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
          chunks = [];
          if (status >= 300) {
            const reply = rpcReplyIn(body, expected?.id);
            if (reply !== undefined && status !== 401 && status !== 403 && !(hadSession && isSessionLoss(status, body))) settle(() => resolve(reply));
            else fail(refusal(head!, body, this.#target, hadSession && isSessionLoss(status, body)));
          } else if (expected === undefined) settle(() => resolve(undefined));
          else if (sse !== undefined) fail(new UpstreamFailure('closed', 'the event stream ended before the answer came'));
          else if (body.length === 0) fail(new UpstreamFailure('protocol', `HTTP ${status} without a body`));
          else {
            deliver(body);
            fail(new UpstreamFailure('protocol', 'it answered with a message that is no answer to the request'));
          }
        },
        onError: (failure: HttpFailure) => {
          if (failure.kind === 'timeout' && expected !== undefined) this.#cancel(expected);
          fail(fromHttpFailure(failure));
        },
      });
      if (done) return;
      this.#running.add(handle);
      this.#rejects.add(onClose);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** The reply in `bytes`; `undefined` for a message that is something else, which is handled here. */
  #read(bytes: Buffer, id: number | undefined): RpcReply | UpstreamFailure | undefined {
    let message: RpcMessage;
    try {
      message = readMessage(bytes);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return new UpstreamFailure('protocol', `${error.message} It begins with ${JSON.stringify(bytes.toString('utf8', 0, 80))}`);
    }
    if (message.kind === 'notification') this.#events.onNotification(message);
    if (message.kind === 'result' || message.kind === 'error') {
      if (message.id === id || Number(message.id) === id || (message.kind === 'error' && message.id === undefined)) return message;
    }
    return undefined;
  }

  #openSession(id: string): void {
    if (!/^[\x21-\x7e]{1,1024}$/.test(id)) return;
    this.#sessionId = id;
    this.#headers = [...this.#headers, ['Mcp-Session-Id', id]];
  }

  /** Legacy servers are told; a modern one has seen the connection close. */
  #cancel(request: OutboundRequest): void {
    if (this.#closed || request.method !== 'tools/call' || request.headers.some(([name]) => name === 'Mcp-Method')) return;
    const params = Buffer.from(JSON.stringify({ requestId: request.id, reason: 'nobody waits for the answer' }));
    this.notify(notificationMessage('notifications/cancelled', params), request.headers).catch(() => undefined);
  }

  #endSession(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.client.send(
        { target: this.#target, method: 'DELETE', headers: this.#headers, body: undefined, headTimeoutMs: CLOSE_MS, idleTimeoutMs: undefined, totalTimeoutMs: CLOSE_MS, bodyBytesMax: EXCERPT_BYTES },
        { onHead() {}, onData() {}, onEnd: resolve, onError: () => resolve() },
      );
    });
  }
}

/** Later lines replace earlier ones of the same name. */
function merge(own: readonly HeaderLine[], extra: readonly HeaderLine[]): readonly HeaderLine[] {
  const names = new Set(extra.map(([name]) => name.toLowerCase()));
  return [...own.filter(([name]) => !names.has(name.toLowerCase())), ...extra];
}

function rpcReplyIn(body: Buffer, id: number | undefined): RpcReply | undefined {
  if (id === undefined || body.length === 0) return undefined;
  try {
    const message = readMessage(body);
    return message.kind === 'error' && (message.id === undefined || Number(message.id) === id) ? message : undefined;
  } catch {
    return undefined;
  }
}

/** A session that the server no longer knows: 404, or 400 with words that say so (the servers differ). */
function isSessionLoss(status: number, body: Buffer): boolean {
  return status === 404 || (status === 400 && /session/i.test(body.toString('utf8', 0, EXCERPT_BYTES)));
}
