import type { Clock } from '../../core/clock.ts';
import type { Body } from '../../gateway/exchange.ts';
import type { SlowAnswers } from '../edge-exchange.ts';
import type { EventStreams } from '../event-stream.ts';

/** What an exchange needs of the edge. */
export interface ExchangeShared {
  readonly clock: Clock;
  readonly newId: () => string;
  readonly streams: EventStreams;
  readonly slow: SlowAnswers;
}

/** Who waits for a body; `reject` is told how many bytes came before the connection ended. */
export interface BodyReader {
  resolve(body: Buffer): void;
  reject(received: number): void;
}

/** The connection, as the exchange on it sees it. */
export interface Carrier {
  readonly remoteAddress: string;
  /** Bytes that wait for a slow reader. */
  readonly writableLength: number;
  /** The body when all of it has come; `undefined`: it is to be waited for. */
  takeBody(): Buffer | undefined;
  readBody(reader: BodyReader): void;
  /** Writes a whole answer. Throws on a header that cannot be sent, before anything is. */
  answer(
    status: number,
    headers: Readonly<Record<string, string>>,
    body: Body | undefined,
    bytes: number,
  ): void;
  /** Writes the head of an answer that comes in pieces; each of them; its end. */
  beginStream(headers: Readonly<Record<string, string>>): void;
  writeChunk(bytes: Buffer | string): void;
  endStream(): void;
  /** Ends the connection without what still waits. */
  destroy(): void;
}
