import type { IncomingHttpHeaders } from 'node:http';
import { EventTap } from '../llm/llm-wire.ts';
import { type AnswerStream, type Body, bytesOf, type EventStream, type Exchange, whole } from './exchange.ts';
import type { MessageSocket } from './message-socket.ts';
import { type CreateFrame, errorFrame, inLane } from './response-frames.ts';

const LAST = /^response\.(?:completed|incomplete|failed|cancelled)$/;
const DONE = '[DONE]';

export interface FrameExchangeFacts {
  readonly requestId: string;
  /** Monotonic milliseconds when the frame came. */
  readonly startedMs: number;
  readonly headers: IncomingHttpHeaders;
}

/**
 * One `response.create` and its answer as an Exchange: what would be a POST of the same body. Each event of the answer is sent as one frame, and
 * exactly one frame ends it.
 */
export class FrameExchange implements Exchange {
  readonly method = 'POST';
  readonly query = undefined;
  readonly names = undefined;
  readonly requestId: string;
  readonly startedMs: number;
  readonly headers: IncomingHttpHeaders;
  bytesOut = 0;
  readonly #upgrade: Exchange;
  readonly #socket: MessageSocket;
  readonly #frame: CreateFrame;
  readonly #goneListeners: (() => void)[] = [];
  #isGone = false;
  #isOver = false;
  /** An `error` event that nothing has followed yet. */
  #held: Buffer | undefined;
  #isFree = true;

  constructor(upgrade: Exchange, socket: MessageSocket, frame: CreateFrame, facts: FrameExchangeFacts) {
    this.#upgrade = upgrade;
    this.#socket = socket;
    this.#frame = frame;
    this.requestId = facts.requestId;
    this.startedMs = facts.startedMs;
    this.headers = facts.headers;
  }

  get path(): string {
    return this.#upgrade.path;
  }

  get remoteAddress(): string {
    return this.#upgrade.remoteAddress;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  onGone(listener: () => void): void {
    if (this.#isGone) listener();
    else this.#goneListeners.push(listener);
  }

  /** The connection is gone. */
  leave(): void {
    if (this.#isOver || this.#isGone) return;
    this.#isGone = true;
    for (const listener of this.#goneListeners) listener();
  }

  body(): Promise<Buffer> {
    return Promise.resolve(this.#frame.body);
  }

  /** The answer to a request for a stream is whole only where it is a refusal. */
  send(status: number, headers: Readonly<Record<string, string>> | undefined, body: Body | undefined): void {
    const { 'content-type': _, ...rest } = headers ?? {};
    this.bytesOut = bytesOf(body);
    this.#fail(status, errorOf(body), rest);
  }

  openAnswer(): AnswerStream {
    const tap = new EventTap((event, data) => {
      this.#take(event, data);
      return false;
    });
    return {
      write: (bytes) => {
        this.#isFree = true;
        this.bytesOut += bytes.length;
        tap.push(bytes);
        return this.#isFree;
      },
      onDrain: (listener) => this.#socket.onDrain(listener),
      end: () => this.#end(),
      destroy: () => this.#end(),
    };
  }

  /** Says how it ended, where nothing has. */
  close(): void {
    this.#end();
  }

  openStream(): EventStream {
    throw new Error('a frame is not answered with an event stream');
  }

  event(): boolean {
    return false;
  }

  mayStream(): void {
    // The connection is kept alive by itself.
  }

  #take(event: string | undefined, data: Buffer): void {
    if (this.#isOver || data.toString('latin1', 0, DONE.length) === DONE) return;
    const type = event ?? typeOf(data);
    // Before `response.failed`, the same is said in an event of its own, which over a WebSocket would already be the end.
    if (type === 'error') {
      this.#held = Buffer.from(data);
      return;
    }
    this.#held = undefined;
    if (type !== undefined && LAST.test(type)) this.#isOver = true;
    this.#write(inLane(data, this.#frame.streamId));
  }

  #end(): void {
    const held = this.#held;
    if (held !== undefined) this.#fail(502, errorOf(held), {});
    else
      this.#fail(
        502,
        {
          type: 'server_error',
          code: 'upstream_cut',
          message: 'The answer broke off before it was complete. Send the request again.',
          param: null,
        },
        {},
      );
  }

  #fail(status: number, error: object, headers: Readonly<Record<string, string>>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const all = { ...headers, 'x-request-id': this.requestId };
    this.#write(errorFrame(status, error, this.#frame.streamId, all));
  }

  #write(frame: Buffer): void {
    if (!this.#isGone && !this.#socket.send(frame)) this.#isFree = false;
  }
}

/** The error object in the body of an error answer, or in an `error` event; another one is told as it came. */
function errorOf(body: Body | undefined): object {
  const text = body === undefined ? '' : whole(body).toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) {
      if ('error' in value && typeof value.error === 'object' && value.error !== null) return value.error;
      if ('message' in value) return { type: 'server_error', code: null, param: null, ...value };
    }
  } catch {
    // What it says is not known.
  }
  return { type: 'server_error', code: null, message: text.slice(0, 1_000), param: null };
}

/** The type of an event without an `event:` line; the first one that its data says. */
function typeOf(data: Buffer): string | undefined {
  return /"type"\s*:\s*"([^"]*)"/.exec(data.toString('latin1', 0, 4_096))?.[1];
}
