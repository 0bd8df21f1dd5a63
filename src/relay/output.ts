import { once } from 'node:events';
import type { Writable } from 'node:stream';

const NEWLINE = Buffer.from('\n');

export interface OutputEvents {
  /** The reader is behind: nothing more should be fetched for it. */
  onFull(): void;
  onFree(): void;
  /** Nobody reads any more. Called at most once. */
  onGone(): void;
}

/** Where the client reads: one message a line (2025-11-25, Transports, "stdio"), and nothing else. */
export class Output {
  readonly #stream: Writable;
  readonly #events: OutputEvents;
  #full = false;
  #gone = false;

  constructor(stream: Writable, events: OutputEvents) {
    this.#stream = stream;
    this.#events = events;
    const gone = (): void => {
      if (this.#gone) return;
      this.#gone = true;
      events.onGone();
    };
    stream.on('error', gone);
    stream.on('close', gone);
    stream.on('drain', () => {
      if (!this.#full) return;
      this.#full = false;
      events.onFree();
    });
  }

  get isFull(): boolean {
    return this.#full;
  }

  /** Bytes that wait for the reader. */
  get waitingBytes(): number {
    return this.#stream.writableLength;
  }

  /** Writes one message. Line breaks in it can only be white space, since JSON strings have none; a raw one would end the line. */
  send(message: Buffer): void {
    if (this.#gone || !this.#stream.writable) return;
    const line =
      message.includes(0x0a) || message.includes(0x0d)
        ? Buffer.from(message.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)))
        : message;
    this.#stream.cork();
    this.#stream.write(line);
    const free = this.#stream.write(NEWLINE);
    this.#stream.uncork();
    if (free || this.#full) return;
    this.#full = true;
    this.#events.onFull();
  }

  /** Resolves when everything was handed to the system, the reader is gone, or `signal` is aborted. Never rejects. */
  async flush(signal: AbortSignal): Promise<void> {
    while (!this.#gone && this.#stream.writableLength > 0 && !signal.aborted)
      await once(this.#stream, 'drain', { signal }).catch(() => undefined);
  }
}
