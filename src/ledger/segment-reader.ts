import type { SpooledRecord } from './spooled-record.ts';

const LINE_FEED = 0x0a;

/** Reads the record in `bytes` from `from` to before `to`; `undefined` when there is none whole. */
export type ReadRecord = (bytes: Buffer, from: number, to: number) => SpooledRecord | undefined;

/** Reads the records of a spool file in batches, and tells afterwards what was wrong with it. */
export class SegmentReader {
  readonly #pieces: AsyncIterable<Buffer>;
  readonly #read: ReadRecord;
  /** Lines that do not hold a record. */
  badLines = 0;
  /** Whether the last line is one of them, as after a crash. */
  lastIsBad = false;
  /** Why reading ended before the end of the file. */
  failure: unknown;

  constructor(pieces: AsyncIterable<Buffer>, read: ReadRecord) {
    this.#pieces = pieces;
    this.#read = read;
  }

  /** The wanted records, at most `rows` at a time. A file that cannot be read further ends, and `failure` says why. */
  async *batches(
    rows: number,
    wanted: (record: SpooledRecord) => boolean,
  ): AsyncGenerator<readonly SpooledRecord[]> {
    const pieces = this.#pieces[Symbol.asyncIterator]();
    let batch: SpooledRecord[] = [];
    let rest: Buffer | undefined;
    try {
      for (let piece = await this.#next(pieces); piece !== undefined; piece = await this.#next(pieces)) {
        const bytes: Buffer = rest === undefined ? piece : Buffer.concat([rest, piece]);
        let at = 0;
        for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, at)) {
          const record = this.#record(bytes, at, end);
          if (record !== undefined && wanted(record)) batch.push(record);
          at = end + 1;
          // Room that was reserved and never used is nothing but line feeds.
          while (bytes[at] === LINE_FEED) at++;
          if (batch.length < rows) continue;
          yield batch;
          batch = [];
        }
        rest = at < bytes.length ? bytes.subarray(at) : undefined;
      }
      // A last line without its end is one that was cut; whether it is whole all the same, its own form tells.
      const last = rest === undefined ? undefined : this.#record(rest, 0, rest.length);
      if (last !== undefined && wanted(last)) batch.push(last);
      if (batch.length > 0) yield batch;
    } finally {
      await pieces.return?.();
    }
  }

  #record(bytes: Buffer, from: number, to: number): SpooledRecord | undefined {
    if (from === to) return undefined;
    const record = this.#read(bytes, from, to);
    this.lastIsBad = record === undefined;
    if (record === undefined) this.badLines++;
    return record;
  }

  async #next(pieces: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
    try {
      const next = await pieces.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      this.failure = error;
      return undefined;
    }
  }
}
