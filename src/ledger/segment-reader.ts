import type { SpooledRecord } from './spooled-record.ts';

/** Reads the record in `bytes` from `from` to before `to`; `undefined` when there is none whole. */
export type ReadRecord = (bytes: Buffer, from: number, to: number) => SpooledRecord | undefined;

/** A file of the spool, for reading. */
export interface SegmentSource {
  /** How much of it counts. */
  readonly bytes: number;
  /** Fills `into` from `position` on; resolves with how many bytes there were. */
  read(position: number, into: Buffer): Promise<number>;
}

const LINE_FEED = 0x0a;

/**
 * Reads the records of a spool file in batches, and tells afterwards what was wrong with it. It reads into one buffer that it is given:
 * the records of a batch are in that buffer, so they are to be done with before the next batch is asked for.
 */
export class SegmentReader {
  readonly #source: SegmentSource;
  readonly #readRecord: ReadRecord;
  readonly #buffer: Buffer;
  /** Lines that do not hold a record. */
  badLines = 0;
  /** Whether the last line is one of them, as after a crash. */
  lastIsBad = false;
  /** Why reading ended before the end of the file. */
  failure: unknown;

  constructor(source: SegmentSource, readRecord: ReadRecord, buffer: Buffer) {
    this.#source = source;
    this.#readRecord = readRecord;
    this.#buffer = buffer;
  }

  /** The wanted records, at most `rows` at a time. A file that cannot be read further ends, and `failure` says why. */
  async *batches(
    rows: number,
    wanted: (record: SpooledRecord) => boolean,
  ): AsyncGenerator<readonly SpooledRecord[]> {
    const buffer = this.#buffer;
    let position = 0;
    /** Bytes of a line that has not ended yet, at the buffer's beginning. */
    let rest = 0;
    for (let read = await this.#fill(position, rest); read > 0; read = await this.#fill(position, rest)) {
      position += read;
      const filled = rest + read;
      let batch: SpooledRecord[] = [];
      let at = 0;
      for (let end = indexOf(buffer, at, filled); end >= 0; end = indexOf(buffer, at, filled)) {
        const record = this.#record(at, end);
        if (record !== undefined && wanted(record)) batch.push(record);
        at = end + 1;
        // Room that was reserved and never used is nothing but line feeds.
        while (at < filled && buffer[at] === LINE_FEED) at++;
        if (batch.length < rows) continue;
        yield batch;
        batch = [];
      }
      // A last line without its end was cut; whether it is whole all the same, its own form tells. One that fills the buffer is none.
      const isLast = position >= this.#source.bytes || (at === 0 && filled === buffer.length);
      const last = isLast ? this.#record(at, filled) : undefined;
      if (last !== undefined && wanted(last)) batch.push(last);
      if (batch.length > 0) yield batch;
      rest = isLast ? 0 : buffer.copy(buffer, 0, at, filled);
    }
  }

  #record(from: number, to: number): SpooledRecord | undefined {
    if (from >= to) return undefined;
    const record = this.#readRecord(this.#buffer, from, to);
    this.lastIsBad = record === undefined;
    if (record === undefined) this.badLines++;
    return record;
  }

  /** Resolves with 0 at the end, and after a failure. */
  async #fill(position: number, rest: number): Promise<number> {
    const left = this.#source.bytes - position;
    if (left <= 0) return 0;
    try {
      const into = this.#buffer.subarray(rest, Math.min(this.#buffer.length, rest + left));
      const read = await this.#source.read(position, into);
      if (read === 0) throw new Error('the file is shorter than it was');
      return read;
    } catch (error) {
      this.failure = error;
      return 0;
    }
  }
}

/**
 * How much of a file counts that a killed process left: up to its last line. What is behind that is room which was never used. `buffer` is what
 * is read into. Of a file that cannot be read, all counts.
 */
export async function usedBytes({ bytes, read }: SegmentSource, buffer: Buffer): Promise<number> {
  try {
    for (let end = bytes; end > 0; ) {
      const from = Math.max(0, end - buffer.length);
      const part = buffer.subarray(0, end - from);
      if ((await read(from, part)) < part.length) return bytes;
      for (let at = part.length - 1; at >= 0; at--)
        if (part[at] !== LINE_FEED) return Math.min(bytes, from + at + 2);
      end = from;
    }
    return 0;
  } catch {
    return bytes;
  }
}

function indexOf(buffer: Buffer, from: number, to: number): number {
  const at = buffer.indexOf(LINE_FEED, from);
  return at < to ? at : -1;
}
