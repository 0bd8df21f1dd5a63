import type { EventStream } from '../gateway/exchange.ts';

/** Bytes that may wait for a slow reader before events are left out. */
const BUFFERED_BYTES_MAX = 1024 * 1024;

const DATA = Buffer.from('data: ');
const END = Buffer.from('\n\n');

/** The headers of an event stream; nothing on the way may hold it back. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** One event as text. JSON has no raw line breaks in strings, so those around it may become spaces. */
export function eventText(event: string | undefined, data: Buffer): Buffer {
  const line =
    data.includes(0x0a) || data.includes(0x0d)
      ? Buffer.from(data.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)))
      : data;
  const head = event === undefined ? [] : [Buffer.from(`event: ${event}\n`)];
  return Buffer.concat([...head, DATA, line, END]);
}

/** Where events are written: a response whose head is written. */
export interface EventSink {
  /** Bytes that wait for a slow reader. */
  readonly writableLength: number;
  write(bytes: Buffer | string): unknown;
  end(): unknown;
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

  /** Takes over a response whose head is written. */
  hold(response: EventSink): EventStream {
    const stream = new HeldStream(response, () => {
      this.#open.delete(stream);
      if (this.#open.size === 0) this.#stop();
    });
    this.#open.add(stream);
    this.#timer ??= setInterval(() => {
      for (const one of this.#open) one.comment('keep-alive');
    }, this.#keepAliveMs).unref();
    return stream;
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
  readonly #response: EventSink;
  readonly #listeners: (() => void)[] = [];
  #closed = false;

  constructor(response: EventSink, onGone: () => void) {
    this.#response = response;
    response.once('close', () => {
      this.#closed = true;
      onGone();
      for (const listener of this.#listeners.splice(0)) listener();
    });
  }

  send(event: string | undefined, data: Buffer): boolean {
    if (this.#closed || this.#response.writableLength > BUFFERED_BYTES_MAX) return false;
    this.#response.write(eventText(event, data));
    return true;
  }

  comment(text: string): void {
    if (!this.#closed && this.#response.writableLength < BUFFERED_BYTES_MAX)
      this.#response.write(`: ${text}\n\n`);
  }

  close(): void {
    if (!this.#closed) this.#response.end();
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#listeners.push(listener);
  }
}
