import type { HttpFailure, RequestHandle, ResponseHead, ResponseSink } from '../net/http-client.ts';
import { SseParser, SseTooLargeError } from '../net/sse-parser.ts';

/** Bytes of a refusal's body that are kept. */
const REFUSAL_BYTES_MAX = 64 * 1024;

/** How an HTTP response ended. */
export type AnswerEnd =
  | { readonly kind: 'complete' }
  /** A status of 300 or above. */
  | { readonly kind: 'refused'; readonly head: ResponseHead; readonly body: Buffer }
  /** A response that is no MCP. */
  | { readonly kind: 'foreign'; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: HttpFailure }
  | { readonly kind: 'aborted' };

/** Where a stream can be taken up again (2025-11-25, Transports, "Resumability and Redelivery"). */
export interface StreamPosition {
  lastEventId: string | undefined;
  /** The server's wish for the time until the next attempt, in milliseconds. */
  retryMs: number | undefined;
}

export interface AnswerEvents {
  onHead(head: ResponseHead): void;
  /** One JSON text: of the body, or of one event. */
  onMessage(text: Buffer): void;
}

/** One HTTP response that carries messages: none, one as JSON, or any number as an event stream. */
export class HttpAnswer implements ResponseSink {
  readonly ended: Promise<AnswerEnd>;
  readonly position: StreamPosition = { lastEventId: undefined, retryMs: undefined };
  readonly #events: AnswerEvents;
  readonly #messageBytesMax: number;
  readonly #handle: RequestHandle;
  #settle: (end: AnswerEnd) => void = () => undefined;
  #head: ResponseHead | undefined;
  #stream: SseParser | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #over = false;

  constructor(send: (sink: ResponseSink) => RequestHandle, messageBytesMax: number, events: AnswerEvents) {
    this.#events = events;
    this.#messageBytesMax = messageBytesMax;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#handle = send(this);
  }

  get head(): ResponseHead | undefined {
    return this.#head;
  }

  /** Whether it is an event stream. */
  get isStream(): boolean {
    return this.#stream !== undefined;
  }

  abort(): void {
    this.#handle.abort();
    this.#finish({ kind: 'aborted' });
  }

  pause(): void {
    this.#handle.pause();
  }

  resume(): void {
    this.#handle.resume();
  }

  onHead(head: ResponseHead): void {
    if (this.#over) return;
    this.#head = head;
    if (head.status < 300 && mediaType(head) === 'text/event-stream') {
      this.#stream = new SseParser({
        eventBytesMax: this.#messageBytesMax,
        onEvent: (event) => {
          if (event.id !== undefined) this.position.lastEventId = event.id;
          if (event.event === 'message' && event.data.length > 0) this.#events.onMessage(event.data);
        },
        onRetry: (ms) => {
          this.position.retryMs = ms;
        },
      });
    }
    this.#events.onHead(head);
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
    if (this.#stream !== undefined) {
      try {
        this.#stream.push(chunk);
      } catch (error) {
        if (!(error instanceof SseTooLargeError)) throw error;
        this.#tooLarge(error.message);
      }
      return;
    }
    const refused = this.#head!.status >= 300;
    if (refused && this.#bytes >= REFUSAL_BYTES_MAX) return;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (!refused && this.#bytes > this.#messageBytesMax)
      this.#tooLarge(`its body has more than ${this.#messageBytesMax} bytes`);
  }

  onEnd(): void {
    if (this.#over) return;
    const head = this.#head!;
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [];
    if (head.status >= 300) this.#finish({ kind: 'refused', head, body });
    else if (this.#stream !== undefined || body.length === 0) this.#finish({ kind: 'complete' });
    else if (isJson(head)) {
      this.#events.onMessage(body);
      this.#finish({ kind: 'complete' });
    } else
      this.#finish({ kind: 'foreign', reason: `HTTP ${head.status} with ${mediaType(head) || 'no type'}` });
  }

  onError(failure: HttpFailure): void {
    this.#finish({ kind: 'failed', failure });
  }

  #tooLarge(reason: string): void {
    this.#handle.abort();
    this.#finish({ kind: 'foreign', reason });
  }

  #finish(end: AnswerEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#chunks = [];
    this.#settle(end);
  }
}

function mediaType(head: ResponseHead): string {
  return (head.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

/** JSON by its type, or without one: some servers send none. */
function isJson(head: ResponseHead): boolean {
  const type = mediaType(head);
  return type === '' || type === 'application/json' || type.endsWith('+json');
}
