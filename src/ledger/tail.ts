import { errorChain, type Log } from '../telemetry/log.ts';
import type { DraftRecord } from './record-writer.ts';
import { type LooseFile, type SpoolFiles, tailName } from './spool-files.ts';

/** What a tail needs. */
export interface TailOptions {
  readonly files: SpoolFiles;
  readonly writer: string;
  /** Of the spool; a file of the tail is smaller. */
  readonly segmentBytes: number;
  readonly log: Log;
}

interface TailFile {
  readonly name: string;
  readonly file: LooseFile;
  bytes: number;
  lastSeq: number;
}

const FILE_BYTES_MAX = 256 * 1024;
/** Of failures in a row the first is logged, and then every so many. */
const FAILURES_LOGGED = 100;

/**
 * Keeps records until they are on the disk: each is handed to the system at once, and so outlives this process, though not the machine. That is
 * before the call of which it tells is answered, and costs no wait for a healthy disk. It takes no place in the spool: there a record comes with
 * its group. The next start reads these files after the segments, and passes over what it has from those, so that a killed process leaves neither
 * an answered call without its end nor a number that is missing.
 */
export class Tail {
  readonly #options: TailOptions;
  readonly #fileBytes: number;
  #current: TailFile | undefined;
  /** Closed files that hold records which are nowhere else, as far as is known; oldest first. */
  #closed: TailFile[] = [];
  #count = 0;
  #closedBytes = 0;
  /** Set by a failure: nothing is kept until the disk takes something. */
  #failing = false;
  /** Failures in a row. */
  #failures = 0;
  /** Sequence numbers of records that no file holds. */
  readonly #missed = new Set<number>();
  readonly #removals = new Set<Promise<void>>();

  constructor(options: TailOptions) {
    this.#options = options;
    this.#fileBytes = Math.min(FILE_BYTES_MAX, options.segmentBytes / 4);
  }

  /** Size of the closed files. */
  get bytes(): number {
    return this.#closedBytes;
  }

  /** Keeps a record. Never throws: what cannot be kept is no worse off than one that waits for its group alone. */
  keep({ seq, line }: DraftRecord): void {
    if (this.#failing) {
      this.#missed.add(seq);
      return;
    }
    try {
      if (this.#current !== undefined && this.#current.bytes >= this.#fileBytes) this.#closeCurrent();
      this.#current ??= this.#open();
      this.#current.lastSeq = seq;
      this.#current.bytes += this.#current.file.append(`${line}\n`);
      this.#failures = 0;
    } catch (error) {
      this.#missed.add(seq);
      this.#failing = true;
      this.#closeCurrent();
      const reason = errorChain(error);
      if (this.#failures++ % FAILURES_LOGGED === 0)
        this.#options.log.warn(
          'records reach the disk with their group alone; a kill may lose ends of calls',
          {
            reason,
            failures: this.#failures,
          },
        );
    }
  }

  /** The disk takes records again, and has every one up to `seq`. */
  written(seq: number): void {
    this.#failing = false;
    if (this.#missed.size === 0) return;
    for (const missed of this.#missed) if (missed <= seq) this.#missed.delete(missed);
  }

  /** Of all that was kept, these alone still count: others were refused, and must not be read by the next start. */
  restart(records: readonly DraftRecord[]): void {
    this.#closeCurrent();
    this.forget(Number.POSITIVE_INFINITY);
    this.#failing = false;
    this.#missed.clear();
    for (const record of records) this.keep(record);
  }

  /** Whether a record outlives this process. */
  holds(seq: number): boolean {
    return !this.#missed.has(seq);
  }

  /** Deletes the closed files whose every record has a sequence number up to `seq`. */
  forget(seq: number): void {
    while (this.#closed[0] !== undefined && this.#closed[0].lastSeq <= seq) {
      const { name, bytes } = this.#closed.shift()!;
      this.#closedBytes -= bytes;
      this.#remove(name);
    }
  }

  /** Closes the files, and deletes those whose every record has a sequence number up to `seq`; the next start reads the others. */
  async close(seq: number): Promise<void> {
    this.#closeCurrent();
    this.forget(seq);
    await Promise.all(this.#removals);
  }

  #open(): TailFile {
    const name = tailName(this.#options.writer, ++this.#count);
    return { name, file: this.#options.files.createLoose(name), bytes: 0, lastSeq: 0 };
  }

  #closeCurrent(): void {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return;
    this.#closed.push(current);
    this.#closedBytes += current.bytes;
    current.file.close();
  }

  #remove(name: string): void {
    const { files, log } = this.#options;
    const removal = files
      .remove(name)
      .catch((error: unknown) =>
        log.warn('a file of the ledger spool stays where it is', { file: name, reason: errorChain(error) }),
      )
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }
}
