import type { EventSink } from '../event-stream.ts';
import type { Carrier } from './lane-ports.ts';

/** An answer in chunks that is still open: what the event streams of the edge write to. */
export class LaneEvents implements EventSink {
  readonly #carrier: Carrier;
  #listeners: (() => void)[] = [];
  #ended = false;

  constructor(carrier: Carrier, headers: Readonly<Record<string, string>>) {
    this.#carrier = carrier;
    carrier.beginStream(headers);
  }

  get writableLength(): number {
    return this.#carrier.writableLength;
  }

  write(bytes: Buffer | string): void {
    if (!this.#ended) this.#carrier.writeChunk(bytes);
  }

  /** Ends the answer; the connection goes on to the next request, so nothing may be written any more. */
  end(): void {
    if (this.#ended) return;
    this.#carrier.endStream();
    this.onClose();
  }

  destroy(): void {
    this.#carrier.destroy();
  }

  once(_event: 'close', listener: () => void): void {
    if (this.#ended) listener();
    else this.#listeners.push(listener);
  }

  /** Called when the answer has ended, whoever ended it. */
  onClose(): void {
    this.#ended = true;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
