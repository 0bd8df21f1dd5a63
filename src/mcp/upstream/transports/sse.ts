import {
  type HttpClient,
  type HttpFailure,
  parseTarget,
  type RequestHandle,
  type ResponseHead,
  type Target,
} from '../../../net/http-client.ts';
import { SseParser } from '../../../net/sse-parser.ts';
import { notificationMessage } from '../../wire/compose.ts';
import type { RpcReply } from '../../wire/message.ts';
import { Correlator } from '../correlator.ts';
import { UpstreamFailure } from '../failure.ts';
import type { HeaderLine, OutboundRequest, Transport, TransportEvents } from '../transport.ts';
import { fromHttpFailure, refusal } from './http-refusal.ts';

const POST_MS = 30_000;
const BODY_BYTES_MAX = 64 * 1024;

export interface SseTransportOptions {
  readonly client: HttpClient;
  readonly url: string;
  readonly headers: readonly HeaderLine[];
  readonly messageBytesMax: number;
}

/** HTTP+SSE (2024-11-05, Transports): one long GET for what the server says, POSTs to the endpoint that it names for what we say. */
export class SseTransport implements Transport {
  readonly kind = 'sse';
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => void this[Symbol.asyncDispose]();
  readonly pid = undefined;
  readonly #options: SseTransportOptions;
  readonly #target: Target;
  readonly #events: TransportEvents;
  readonly #correlator: Correlator;
  #stream: RequestHandle | undefined;
  #endpoint: Target | undefined;
  #gone: string | undefined;

  constructor(options: SseTransportOptions, events: TransportEvents) {
    this.#options = options;
    this.#events = events;
    this.#target = parseTarget(options.url);
    const post = (message: Buffer): void => void this.notify(message, []).catch(() => undefined);
    this.#correlator = new Correlator(events, post, (id, reason) =>
      post(
        notificationMessage(
          'notifications/cancelled',
          Buffer.from(JSON.stringify({ requestId: id, reason })),
        ),
      ),
    );
    this.#signal = events.signal;
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#signal.aborted) this.#onAbort();
  }

  stderrTail(): string {
    return '';
  }

  /** Opens the stream; resolves when the server has named its endpoint. Rejects with UpstreamFailure. */
  open(timeoutMs: number): Promise<void> {
    if (this.#gone !== undefined)
      return Promise.reject(new UpstreamFailure('stopped', this.#gone, { delivered: 'no' }));
    return new Promise((resolve, reject) => {
      let head: ResponseHead | undefined;
      let body: Buffer = Buffer.alloc(0);
      const timer = setTimeout(
        () =>
          end(
            new UpstreamFailure(
              'protocol',
              `it opened no HTTP+SSE stream with an endpoint within ${timeoutMs / 1000} s`,
              { delivered: 'no' },
            ),
          ),
        timeoutMs,
      );
      const end = (failure: UpstreamFailure): void => {
        clearTimeout(timer);
        reject(failure);
        this.#lose(failure.message);
      };
      const parser = new SseParser({
        eventBytesMax: this.#options.messageBytesMax,
        onEvent: ({ event, data }) => {
          if (event !== 'endpoint') {
            if (this.#endpoint !== undefined) this.#correlator.receive(data);
            return;
          }
          const endpoint = this.#resolve(data.toString('utf8'));
          if (endpoint === undefined) {
            end(new UpstreamFailure('protocol', 'it named an endpoint on another origin'));
            return;
          }
          this.#endpoint = endpoint;
          clearTimeout(timer);
          resolve();
        },
      });
      this.#stream = this.#options.client.send(
        {
          target: this.#target,
          method: 'GET',
          headers: [['Accept', 'text/event-stream'], ...this.#options.headers],
          body: undefined,
          headTimeoutMs: timeoutMs,
          idleTimeoutMs: undefined,
          totalTimeoutMs: undefined,
          bodyBytesMax: undefined,
        },
        {
          onHead: (received) => {
            head = received;
            if (
              received.status < 300 &&
              !(received.headers['content-type'] ?? '').includes('text/event-stream')
            ) {
              end(
                new UpstreamFailure(
                  'protocol',
                  `its answer to GET is ${received.headers['content-type'] ?? 'of no type'}, not an event stream`,
                ),
              );
            }
          },
          onData: (chunk) => {
            if (head!.status >= 300) {
              if (body.length < BODY_BYTES_MAX) body = Buffer.concat([body, chunk]);
              return;
            }
            try {
              parser.push(chunk);
            } catch (error) {
              end(new UpstreamFailure('too-large', `${(error as Error).message} (limits.message_bytes_max)`));
            }
          },
          onEnd: () =>
            end(
              head!.status >= 300
                ? refusal(head!, body, this.#target, false)
                : new UpstreamFailure('closed', 'the server ended the event stream'),
            ),
          onError: (failure: HttpFailure) => end(fromHttpFailure(failure)),
        },
      );
    });
  }

  async request(request: OutboundRequest): Promise<RpcReply> {
    if (this.#gone !== undefined) throw new UpstreamFailure('closed', this.#gone, { delivered: 'no' });
    const reply = this.#correlator.expect(request);
    this.notify(request.message, request.headers).catch((error: unknown) =>
      this.#correlator.fail(request.id, error as UpstreamFailure),
    );
    return reply;
  }

  notify(message: Buffer, headers: readonly HeaderLine[]): Promise<void> {
    const endpoint = this.#endpoint;
    if (endpoint === undefined || this.#gone !== undefined)
      return Promise.reject(new UpstreamFailure('closed', this.#gone ?? 'no endpoint', { delivered: 'no' }));
    return new Promise((resolve, reject) => {
      let head: ResponseHead | undefined;
      const body: Buffer[] = [];
      this.#options.client.send(
        {
          target: endpoint,
          method: 'POST',
          headers: [['Content-Type', 'application/json'], ...this.#options.headers, ...headers],
          body: message,
          headTimeoutMs: POST_MS,
          idleTimeoutMs: POST_MS,
          totalTimeoutMs: POST_MS,
          bodyBytesMax: BODY_BYTES_MAX,
        },
        {
          onHead: (received) => {
            head = received;
          },
          onData: (chunk) => body.push(chunk),
          onEnd: () =>
            head!.status < 300
              ? resolve()
              : reject(refusal(head!, Buffer.concat(body), endpoint, head!.status === 404)),
          onError: (failure: HttpFailure) => reject(fromHttpFailure(failure)),
        },
      );
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#gone ??= 'the connection was closed';
    this.#stream?.abort();
    this.#correlator.failAll(() => new UpstreamFailure('stopped', 'the connection was closed'));
    return Promise.resolve();
  }

  #lose(reason: string): void {
    if (this.#gone !== undefined) return;
    const wasOpen = this.#endpoint !== undefined;
    this.#gone = reason;
    this.#stream?.abort();
    this.#correlator.failAll(() => new UpstreamFailure('closed', reason));
    if (wasOpen) this.#events.onClosed(reason);
  }

  #resolve(text: string): Target | undefined {
    if (!URL.canParse(text, this.#target.url)) return undefined;
    const url = new URL(text, this.#target.url);
    return url.origin === this.#target.origin ? parseTarget(url.href) : undefined;
  }
}
