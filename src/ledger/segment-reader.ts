import type { LedgerRecord } from '../store/store-ports.ts';
import { parseRecord } from './spool-record.ts';

/** Reads the records of a spool file in batches, and tells afterwards what was wrong with it. */
export class SegmentReader {
  readonly #lines: AsyncIterable<string>;
  /** Lines that do not hold a record. */
  badLines = 0;
  /** Whether the last line is one of them, as after a crash. */
  lastIsBad = false;
  /** Why reading ended before the end of the file. */
  failure: unknown;

  constructor(lines: AsyncIterable<string>) {
    this.#lines = lines;
  }

  /** The wanted records, at most `rows` at a time. A file that cannot be read further ends, and `failure` says why. */
  async *batches(
    rows: number,
    wanted: (record: LedgerRecord) => boolean,
  ): AsyncGenerator<readonly LedgerRecord[]> {
    const lines = this.#lines[Symbol.asyncIterator]();
    let batch: LedgerRecord[] = [];
    try {
      for (let line = await this.#next(lines); line !== undefined; line = await this.#next(lines)) {
        const record = parseRecord(line);
        this.lastIsBad = record === undefined;
        if (record === undefined) this.badLines++;
        else if (wanted(record)) batch.push(record);
        if (batch.length >= rows) {
          yield batch;
          batch = [];
        }
      }
      if (batch.length > 0) yield batch;
    } finally {
      await lines.return?.();
    }
  }

  async #next(lines: AsyncIterator<string>): Promise<string | undefined> {
    try {
      const next = await lines.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      this.failure = error;
      return undefined;
    }
  }
}
