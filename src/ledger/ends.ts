import { errorChain, type Log } from '../telemetry/log.ts';
import type { DraftRecord } from './record-writer.ts';
import { endsName, type LooseFile, type SpoolFiles } from './spool-files.ts';

/** What the ends need. */
export interface EndsOptions {
  readonly files: SpoolFiles;
  readonly writer: string;
  /** Of the spool; a file of ends is smaller. */
  readonly segmentBytes: number;
  readonly log: Log;
}

interface EndsFile {
  readonly name: string;
  readonly file: LooseFile;
  bytes: number;
  lastSeq: number;
}

const FILE_BYTES_MAX = 256 * 1024;

/**
 * Keeps the ends of calls until they are on the disk: each is handed to the system at once, before its call is answered, and so outlives
 * this process, though not the machine. It costs no wait for the disk, and takes no place in the spool: there an end comes with the next
 * group. The next start reads these files after the segments, and passes over what it has from those.
 */
export class Ends {
  readonly #options: EndsOptions;
  readonly #fileBytes: number;
  #current: EndsFile | undefined;
  /** Closed files that hold ends which are nowhere else, as far as is known; oldest first. */
  #closed: EndsFile[] = [];
  #count = 0;
  #closedBytes = 0;
  /** Set by a failure: nothing is kept until the disk takes something. */
  #failing = false;
  /** Sequence numbers of ends that no file holds. */
  readonly #missed = new Set<number>();
  readonly #removals = new Set<Promise<void>>();

  constructor(options: EndsOptions) {
    this.#options = options;
    this.#fileBytes = Math.min(FILE_BYTES_MAX, options.segmentBytes / 4);
  }

  /** Size of the closed files. */
  get bytes(): number {
    return this.#closedBytes;
  }

  /** Keeps an end. Never throws: what cannot be kept is no worse off than one that waits for its group alone. */
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
    } catch (error) {
      this.#missed.add(seq);
      this.#failing = true;
      this.#closeCurrent();
      const reason = errorChain(error);
      this.#options.log.warn('ends of calls reach the disk with the next records alone', { reason });
    }
  }

  /** The disk takes records again, and has every end up to `seq`. */
  written(seq: number): void {
    this.#failing = false;
    if (this.#missed.size === 0) return;
    for (const missed of this.#missed) if (missed <= seq) this.#missed.delete(missed);
  }

  /** Whether an end outlives this process. */
  holds(seq: number): boolean {
    return !this.#missed.has(seq);
  }

  /** Deletes the closed files whose every end has a sequence number up to `seq`. */
  forget(seq: number): void {
    while (this.#closed[0] !== undefined && this.#closed[0].lastSeq <= seq) {
      const { name, bytes } = this.#closed.shift()!;
      this.#closedBytes -= bytes;
      this.#remove(name);
    }
  }

  /** Closes the files, and deletes those whose every end has a sequence number up to `seq`; the next start reads the others. */
  async close(seq: number): Promise<void> {
    this.#closeCurrent();
    this.forget(seq);
    await Promise.all(this.#removals);
  }

  #open(): EndsFile {
    const name = endsName(this.#options.writer, ++this.#count);
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
