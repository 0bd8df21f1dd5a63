import { GatewayError } from '../../../core/errors.ts';
import type { HttpRequest, RequestHandle, ResponseSink, Target } from '../../../net/http-client.ts';
import { SseParser, SseTooLargeError } from '../../../net/sse-parser.ts';
import { pong } from '../../wire/compose.ts';
import { readMessages } from '../../wire/message.ts';
import type { HeaderLine, TransportEvents } from '../transport.ts';

const REOPEN_MS = 1_000;
const REOPEN_MS_MAX = 60_000;
const HEAD_MS = 30_000;
/** Times in a row that nothing takes the connection until the server counts as gone. */
const UNREACHABLE_MAX = 3;
/** Statuses that say that there is no such stream here. */
const NONE: ReadonlySet<number> = new Set([400, 404, 405, 406, 501]);

export interface HttpEventsDeps {
  readonly send: (request: HttpRequest, sink: ResponseSink) => RequestHandle;
  readonly target: Target;
  /** With the session's, as they are now. */
  readonly headers: () => readonly HeaderLine[];
  readonly events: TransportEvents;
  /** Sends a response to a request of the server's. */
  readonly answer: (message: Buffer) => void;
  readonly eventBytesMax: number;
}

/** The GET stream of a legacy server, opened again when it ends, after the event that came last. */
export class HttpEvents {
  readonly #deps: HttpEventsDeps;
  #handle: RequestHandle | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastEventId: string | undefined;
  #retryMs = REOPEN_MS;
  #failures = 0;
  #unreachable = 0;
  #wasOpen = false;
  #closed = false;

  constructor(deps: HttpEventsDeps) {
    this.#deps = deps;
  }

  open(): void {
    if (this.#closed) return;
    let status = 0;
    let parser: SseParser | undefined;
    const again = (): void => {
      this.#handle = undefined;
      // It had this stream, and does not know the session any more.
      if (status === 404 && this.#wasOpen) this.#gone('it no longer knows the session');
      // It never had one.
      if (this.#closed || (NONE.has(status) && !this.#wasOpen)) return;
      this.#timer = setTimeout(() => this.open(), this.#delay());
      this.#timer.unref();
    };
    const last = this.#lastEventId;
    this.#handle = this.#deps.send(
      {
        target: this.#deps.target,
        method: 'GET',
        headers:
          last === undefined ? this.#deps.headers() : [...this.#deps.headers(), ['Last-Event-ID', last]],
        body: undefined,
        headTimeoutMs: HEAD_MS,
        idleTimeoutMs: undefined,
        totalTimeoutMs: undefined,
        bodyBytesMax: undefined,
      },
      {
        onHead: (head) => {
          status = head.status;
          const isStream = head.headers['content-type']?.toLowerCase().includes('text/event-stream') === true;
          this.#unreachable = 0;
          if (status < 300 && isStream) {
            parser = this.#parser();
            this.#wasOpen = true;
          } else this.#failures++;
        },
        onData: (chunk) => {
          try {
            parser?.push(chunk);
          } catch (error) {
            if (!(error instanceof SseTooLargeError)) throw error;
            this.#deps.events.onOddity(`${error.message} (limits.message_bytes_max)`);
            this.#handle?.abort();
            this.#failures++;
            again();
          }
        },
        onEnd: again,
        onError: (failure) => {
          this.#failures++;
          if (failure.kind !== 'connect') this.#unreachable = 0;
          else if (++this.#unreachable >= UNREACHABLE_MAX) this.#gone(failure.message);
          again();
        },
      },
    );
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#handle?.abort();
  }

  /** Tells the owner that the server is not there any more. */
  #gone(reason: string): void {
    if (this.#closed) return;
    this.close();
    this.#deps.events.onClosed(reason);
  }

  #delay(): number {
    return Math.min(this.#retryMs * 2 ** Math.max(0, this.#failures - 1), REOPEN_MS_MAX);
  }

  #parser(): SseParser {
    return new SseParser({
      eventBytesMax: this.#deps.eventBytesMax,
      onEvent: ({ data, id }) => {
        if (id !== undefined) this.#lastEventId = id;
        this.#failures = 0;
        if (data.length > 0) this.#receive(data);
      },
      onRetry: (ms) => {
        this.#retryMs = Math.min(ms, REOPEN_MS_MAX);
      },
    });
  }

  #receive(data: Buffer): void {
    const { events, answer } = this.#deps;
    try {
      for (const message of readMessages(data).messages) {
        if (message.kind === 'notification') events.onNotification(message);
        else if (message.kind === 'request') {
          if (message.method === 'ping') answer(pong(message));
          else events.onRequest(message, answer);
        }
      }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      events.onOddity(data.toString('utf8', 0, 200));
    }
  }
}
