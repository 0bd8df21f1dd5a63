import type { EventStream, Exchange } from '../gateway/exchange.ts';

/** Bytes that may wait for a slow reader before events are left out. */
export const BUFFERED_BYTES_MAX = 1024 * 1024;
/** Bytes of answers, which are not left out, that may wait for a slow reader before its stream is cut. */
const ANSWERS_BYTES_MAX = 64 * 1024 * 1024;

const DATA = Buffer.from('data: ');
const END = Buffer.from('\n\n');

/** The headers of an event stream; nothing on the way may hold it back. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** Whether a client takes a stream of events for an answer: only one that names it, since scripts that accept anything expect JSON. */
export function takesStream(accept: string | undefined): boolean {
  return accept?.includes('text/event-stream') === true;
}

/** One event as text. JSON has no raw line breaks in strings, so those around it may become spaces. */
export function eventText(event: string | undefined, data: Buffer, id?: string): Buffer {
  const line =
    data.includes(0x0a) || data.includes(0x0d)
      ? Buffer.from(data.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)))
      : data;
  const head = `${event === undefined ? '' : `event: ${event}\n`}${id === undefined ? '' : `id: ${id}\n`}`;
  return Buffer.concat([Buffer.from(head), DATA, line, END]);
}

/** Where events are written: a response whose head is written. */
export interface EventSink {
  /** Bytes that wait for a slow reader. */
  readonly writableLength: number;
  write(bytes: Buffer | string): unknown;
  end(): unknown;
  /** Ends it without what still waits. */
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** Event streams that are open, with one timer for all their keep-alive comments. */
export class EventStreams {
  readonly #open = new Set<HeldStream>();
  readonly #keepAliveMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(keepAliveMs: number) {
    this.#keepAliveMs = keepAliveMs;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes over a response whose head is written; `exchange` is the request that it answers. */
  hold(response: EventSink, exchange: Exchange, brings: 'news' | 'answers'): EventStream {
    const stream = new HeldStream(response, exchange, brings, () => {
      this.#open.delete(stream);
      if (this.#open.size === 0) this.#stop();
    });
    this.#open.add(stream);
    this.#timer ??= setInterval(() => {
      for (const one of this.#open) one.comment('keep-alive');
    }, this.#keepAliveMs).unref();
    return stream;
  }

  /** Ends the streams whose request `mayStay` refuses; how many. */
  closeUnless(mayStay: (exchange: Exchange) => boolean): number {
    const refused = [...this.#open].filter((stream) => !mayStay(stream.exchange));
    for (const stream of refused) stream.close();
    return refused.length;
  }

  /** Ends the streams that bring nothing but news. */
  closeNews(): void {
    for (const stream of [...this.#open]) if (stream.brings === 'news') stream.close();
  }

  closeAll(): void {
    for (const stream of [...this.#open]) stream.close();
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

class HeldStream implements EventStream {
  readonly exchange: Exchange;
  readonly brings: 'news' | 'answers';
  readonly #response: EventSink;
  readonly #onGone: () => void;
  readonly #listeners: (() => void)[] = [];
  #closed = false;

  constructor(response: EventSink, exchange: Exchange, brings: 'news' | 'answers', onGone: () => void) {
    this.exchange = exchange;
    this.brings = brings;
    this.#response = response;
    this.#onGone = onGone;
    response.once('close', () => this.#finish());
  }

  send(event: string | undefined, data: Buffer, id?: string): boolean {
    if (this.#closed || this.#response.writableLength > BUFFERED_BYTES_MAX) return false;
    this.#response.write(eventText(event, data, id));
    return true;
  }

  deliver(data: Buffer, id?: string): void {
    if (this.#closed) return;
    if (this.#response.writableLength > ANSWERS_BYTES_MAX) this.#response.destroy();
    else this.#response.write(eventText('message', data, id));
  }

  comment(text: string): void {
    if (!this.#closed && this.#response.writableLength < BUFFERED_BYTES_MAX)
      this.#response.write(`: ${text}\n\n`);
  }

  close(): void {
    if (this.#closed) return;
    this.#response.end();
    // Its reader may take long to read what waits, but nothing may be written any more.
    this.#finish();
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#listeners.push(listener);
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onGone();
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
