import { withDeadline } from '../core/scope.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import { type SpoolFile, type SpoolFiles, segmentName } from './spool-files.ts';

/** A segment that is being written. */
export interface OpenSegment {
  readonly name: string;
  readonly file: SpoolFile;
  /** What the file has room for; it may grow beyond that. */
  readonly room: number;
  bytes: number;
  lastSeq: number;
}

/** What a stock needs. */
export interface SegmentStockOptions {
  readonly files: SpoolFiles;
  readonly writer: string;
  /** Longest that one file may take to be made, in milliseconds. */
  readonly writeMs: number;
  /** The most room that a file is given, in bytes. */
  readonly roomBytesMax: number;
  readonly log: Log;
}

/** Each file has twice the room of the one before: a ledger that records little reserves little. */
const FIRST_ROOM_BYTES = 64 * 1024;

/**
 * Makes the files that the spool writes into, each one before it is needed: to make a file, and to make one longer, waits for the file system's
 * journal; to write into one that is there does not. They are handed out in the order of their numbers.
 */
export class SegmentStock {
  readonly #options: SegmentStockOptions;
  #count = 0;
  #room = FIRST_ROOM_BYTES / 2;
  /** The next segment; never rejects. `undefined`: the disk is full or fails. */
  #next: Promise<OpenSegment | undefined> | undefined;
  #isReady = false;
  /** The segment whose successor was asked for last: once each, so that a disk that is full is not asked again and again. */
  #asker: OpenSegment | undefined;
  /** Work on files that nobody waits for. */
  readonly #work = new Set<Promise<void>>();

  constructor(options: SegmentStockOptions) {
    this.#options = options;
  }

  /** Whether there is one that can be written into at once. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** This one is being written: has the next one made, unless that was asked for before. */
  follow(current: OpenSegment): void {
    if (current === this.#asker) return;
    this.#asker = current;
    this.#prepare();
  }

  /** The next segment: the one that was made, or one without room ahead. Rejects with what the disk says. */
  async take(): Promise<OpenSegment> {
    this.#prepare();
    const next = this.#next!;
    this.#next = undefined;
    this.#isReady = false;
    return (await this.#inTime(next)) ?? (await this.#inTime(this.#make(0)));
  }

  /** Lets `work` on a file that is no longer written go on by itself; `close` waits for it. */
  cleanUp(name: string, work: Promise<unknown>): void {
    const done = work
      .then(() => undefined)
      .catch((error: unknown) =>
        this.#options.log.warn('a file of the ledger spool could not be closed cleanly', {
          file: name,
          reason: errorChain(error),
        }),
      )
      .finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  /** Removes what was made and not used. */
  async close(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    this.#isReady = false;
    if (next !== undefined) this.#discard(next);
    await Promise.all(this.#work);
  }

  #prepare(): void {
    if (this.#next !== undefined) return;
    this.#room = Math.min(this.#room * 2, this.#options.roomBytesMax);
    // What is appended will tell what is wrong with the disk; it needs no room ahead.
    const next = this.#make(this.#room).catch(() => undefined);
    this.#next = next;
    void next.then((segment) => {
      if (this.#next === next) this.#isReady = segment !== undefined;
    });
  }

  async #make(room: number): Promise<OpenSegment> {
    const { files, writer } = this.#options;
    const name = segmentName(writer, ++this.#count);
    return { name, file: await files.create(name, room), room, bytes: 0, lastSeq: 0 };
  }

  /** A file that comes too late is not written into any more: one with a higher number may have been. */
  async #inTime<T extends OpenSegment | undefined>(making: Promise<T>): Promise<T> {
    try {
      return await withDeadline(making, this.#options.writeMs, 'opening a file');
    } catch (error) {
      this.#discard(making);
      throw error;
    }
  }

  #discard(making: Promise<OpenSegment | undefined>): void {
    const { files } = this.#options;
    this.cleanUp(
      'the next segment',
      making.then(
        async (segment) => {
          if (segment === undefined) return;
          await segment.file.close();
          await files.remove(segment.name);
        },
        () => undefined,
      ),
    );
  }
}
