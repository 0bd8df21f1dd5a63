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
  /** Longest that a file without room may take to be made, in milliseconds. */
  readonly writeMs: number;
  /** The most room that a file is given, in bytes. */
  readonly roomBytesMax: number;
  readonly log: Log;
}

interface Making {
  readonly name: string;
  readonly segment: Promise<OpenSegment>;
}

/** Each file has twice the room of the one before: a ledger that records little reserves little. */
const FIRST_ROOM_BYTES = 64 * 1024;
/** Less room than this is used up by a few records, and a file for each few of them costs more than it saves. */
const ROOM_BYTES_MIN = 4 * 1024;

/**
 * Makes the files that the spool writes into, each one before it is needed: to make a file, and to make one longer, waits for the file system's
 * journal; to write into one that is there does not. Nobody ever waits for room that is being written: who needs a file before it is ready gets one
 * without. Files are handed out in the order of their numbers; one that comes too late is removed.
 */
export class SegmentStock {
  readonly #options: SegmentStockOptions;
  #count = 0;
  #room = FIRST_ROOM_BYTES / 2;
  #next: Making | undefined;
  #ready: OpenSegment | undefined;
  /** The segment whose successor was asked for last: once each, so that a disk that is full is not asked again and again. */
  #asker: OpenSegment | undefined;
  /** Whether the last file could not be given its room. */
  #failed = false;
  #closed = false;
  /** Work on files that nobody waits for. */
  readonly #work = new Set<Promise<void>>();

  constructor(options: SegmentStockOptions) {
    this.#options = options;
  }

  /** Whether there is one that can be written into at once. */
  get isReady(): boolean {
    return this.#ready !== undefined;
  }

  /** This one is being written: has the next one made, unless that was asked for before. */
  follow(current: OpenSegment): void {
    if (current === this.#asker || this.#closed) return;
    this.#asker = current;
    if (this.#next === undefined && this.#options.roomBytesMax >= ROOM_BYTES_MIN) this.#prepare();
  }

  /** The next segment: the one that is ready, or one without room ahead. Rejects with what the disk says. */
  async take(): Promise<OpenSegment> {
    const ready = this.#ready;
    if (ready !== undefined) {
      this.#next = this.#ready = undefined;
      return ready;
    }
    this.#giveUpNext();
    const making = this.#make(0);
    let bare: OpenSegment;
    try {
      bare = await withDeadline(making.segment, this.#options.writeMs, 'opening a file');
    } catch (error) {
      this.#discard(making);
      throw error;
    }
    // What room there is on a disk that is nearly full, is this one's: the one after it may ask again.
    if (this.#failed) this.#asker = bare;
    this.#failed = false;
    return bare;
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

  /** Makes no more. */
  stop(): void {
    this.#closed = true;
  }

  /** Removes what was made and not used; resolves when all work on files has ended. */
  async close(): Promise<void> {
    this.stop();
    this.#giveUpNext();
    await Promise.all(this.#work);
  }

  #prepare(): void {
    this.#room = Math.min(this.#room * 2, this.#options.roomBytesMax);
    const next = this.#make(this.#room);
    this.#next = next;
    next.segment.then(
      (segment) => {
        if (this.#next === next) this.#ready = segment;
      },
      (error: unknown) => {
        if (this.#next !== next) return;
        this.#next = undefined;
        this.#failed = true;
        this.#options.log.warn(
          'the next file of the ledger spool has no room written ahead; calls may wait for the file system',
          { file: next.name, bytes: this.#room, reason: errorChain(error) },
        );
        this.#room = FIRST_ROOM_BYTES / 2;
      },
    );
  }

  #giveUpNext(): void {
    const next = this.#next;
    if (next === undefined) return;
    // A disk that is not done with it yet is slow.
    if (this.#ready === undefined) this.#room = FIRST_ROOM_BYTES / 2;
    this.#next = this.#ready = undefined;
    this.#discard(next);
  }

  #make(room: number): Making {
    const { files, writer } = this.#options;
    const name = segmentName(writer, ++this.#count);
    const segment = files.create(name, room).then((file) => ({ name, file, room, bytes: 0, lastSeq: 0 }));
    return { name, segment };
  }

  #discard({ name, segment }: Making): void {
    const { files } = this.#options;
    const removal = segment.then(
      async ({ file }) => {
        try {
          await file.close();
        } finally {
          await files.remove(name);
        }
      },
      () => undefined,
    );
    this.cleanUp(name, removal);
  }
}
