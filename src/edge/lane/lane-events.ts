import type { EventSink } from '../event-stream.ts';
import type { LaneConnection } from './lane-connection.ts';

/** An answer in chunks that is still open: what the event streams of the edge write to. */
export class LaneEvents implements EventSink {
  readonly #connection: LaneConnection;
  #listeners: (() => void)[] = [];
  #ended = false;

  constructor(connection: LaneConnection, headers: Readonly<Record<string, string>>) {
    this.#connection = connection;
    connection.beginStream(headers);
  }

  get writableLength(): number {
    return this.#connection.socket.writableLength;
  }

  write(bytes: Buffer | string): void {
    if (!this.#ended) this.#connection.writeChunk(bytes);
  }

  /** Ends the answer; the connection goes on to the next request, so nothing may be written any more. */
  end(): void {
    if (this.#ended) return;
    this.#connection.endStream();
    this.onClose();
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
