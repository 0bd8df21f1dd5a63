import { GatewayError } from '../core/errors.ts';
import { withDeadline } from '../core/scope.ts';
import { Watchdog } from '../core/watchdog.ts';
import type { DraftRecord } from './record-writer.ts';
import { WrittenGroup } from './spooled-record.ts';
import { Tail } from './tail.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import { type OpenSegment, SegmentStock } from './segment-stock.ts';
import type { SpoolFiles } from './spool-files.ts';

/** A closed file of the spool that holds records the store may not have yet. */
export interface Segment {
  readonly name: string;
  /** Written durably; what may stand behind it was never acknowledged. */
  readonly bytes: number;
  /** Sequence number of the last record in it; `undefined` for a segment of an earlier run, which is read whole. */
  readonly lastSeq: number | undefined;
}

/** What becomes of a segment's file: a file that is left is found again by the next start. */
export type SegmentFate = 'delete' | 'set-aside' | 'leave';

/** What the spool needs, and whom it tells. */
export interface SpoolOptions {
  readonly files: SpoolFiles;
  readonly writer: string;
  readonly segmentBytes: number;
  /** The most room that is reserved in one of them. */
  readonly roomBytesMax: number;
  /** Longest that one write may take, in milliseconds. */
  readonly writeMs: number;
  readonly log: Log;
  /** Records that are on the disk now, in order of their sequence numbers. */
  readonly onWritten: (group: WrittenGroup) => void;
  /** Starts that could not be written; those who wait for them hear of it next. */
  readonly onRefused: (records: readonly DraftRecord[]) => void;
  /** Ends that could not be written. `false`: they are written with a later group. */
  readonly onStranded: (records: readonly DraftRecord[]) => boolean;
}

/** Of failures in a row the first is logged, and then every so many. */
const FAILURES_LOGGED = 100;
/** Turns of the event loop that a group may grow for. */
const GATHER_TURNS_MAX = 16;

/** Records that go to the disk with one write. */
class Group {
  readonly records: DraftRecord[] = [];
  text = '';
  /** For all who wait for one of its starts. */
  waiter: PromiseWithResolvers<void> | undefined;

  add(record: DraftRecord): void {
    this.records.push(record);
    this.text += `${record.line}\n`;
  }
}

/**
 * The durable side of the ledger: appends records to segment files. All records that arrive while one write is under way share the
 * next one (group commit); records that arrive in one turn of the event loop share one too.
 */
export class Spool {
  readonly #options: SpoolOptions;
  #waiting = new Group();
  /** What is being written. */
  #group: Group | undefined;
  #current: OpenSegment | undefined;
  #writing: Promise<void> | undefined;
  #closed: readonly Segment[] = [];
  #closedBytes = 0;
  #lastSeq = 0;
  /** Failures in a row. */
  #failures = 0;
  /** Set in closing: nothing is written any more. */
  #sealed = false;
  #rotations: ((lastSeq: number) => void)[] = [];
  readonly #watchdog: Watchdog;
  readonly #tail: Tail;
  readonly #stock: SegmentStock;
  /** Sequence number up to which the store has everything. */
  #storedThrough = 0;
  /** Ends that were handed over for the store and are in no segment; the next group takes them along. */
  #stranded: readonly DraftRecord[] = [];

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog(options.writeMs, 'writing');
    this.#tail = new Tail(options);
    this.#stock = new SegmentStock(options);
  }

  /** Closed segments, oldest first. */
  get segments(): readonly Segment[] {
    return this.#closed;
  }

  /** Bytes of records on the disk and on their way to it; room that is reserved for others does not count. */
  get bytes(): number {
    return this.#closedBytes + (this.#current?.bytes ?? 0) + this.#waiting.text.length + this.#tail.bytes;
  }

  /** Sequence number of the last record on the disk. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Sequence number of the oldest record that is not on the disk yet. */
  get pendingFrom(): number | undefined {
    return (this.#group ?? this.#waiting).records[0]?.seq;
  }

  /** Resolves when the record is durable; rejects with `ledger-unavailable`, and then it is in no file that is read. */
  write(record: DraftRecord): Promise<void> {
    this.#waiting.add(record);
    this.#tail.keep(record);
    this.#waiting.waiter ??= Promise.withResolvers();
    const { promise } = this.#waiting.waiter;
    this.#start();
    return promise;
  }

  /** Takes an end along with the next group; until then it outlives this process, though not the machine. */
  writeLater(record: DraftRecord): void {
    this.#waiting.add(record);
    this.#tail.keep(record);
  }

  /** Writes what waits, once. Resolves when it is on the disk or has failed; never rejects. */
  async settle(): Promise<void> {
    await this.#writing;
    if (this.#waiting.records.length === 0) return;
    this.#start();
    await this.#writing;
  }

  /** Closes the current segment between two writes; `then` is called at that very moment with the last sequence number before it. */
  rotate(then: (lastSeq: number) => void): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#rotations.push((lastSeq) => {
        then(lastSeq);
        resolve();
      });
    });
    if (this.#writing === undefined) this.#rotate();
    return done;
  }

  /** Whether so much of the current segment is used that the next one may be begun in a quiet moment. */
  get isWellUsed(): boolean {
    const current = this.#current;
    if (current === undefined) return false;
    if (current.room === 0) return current.bytes >= this.#options.segmentBytes / 2;
    return this.#stock.isReady && current.bytes >= current.room / 2;
  }

  /** The store has every record up to `seq`: deletes the closed segments that hold no other. */
  async forget(seq: number): Promise<void> {
    this.#storedThrough = seq;
    this.#tail.forget(this.#safeThrough);
    while (this.#closed[0]?.lastSeq !== undefined && this.#closed[0].lastSeq <= seq)
      await this.drop(this.#closed[0]);
  }

  /** Adds a segment that an earlier run left. */
  adopt(segment: Segment): void {
    this.#setClosed([...this.#closed, segment]);
  }

  /** Takes a closed segment from the list, and does with its file as told. */
  async drop(segment: Segment, fate: SegmentFate = 'delete'): Promise<void> {
    this.#setClosed(this.#closed.filter((one) => one !== segment));
    const { files, log } = this.#options;
    try {
      if (fate === 'delete') await files.remove(segment.name);
      if (fate === 'set-aside') await files.setAside(segment.name);
    } catch (error) {
      log.warn('a file of the ledger spool stays where it is', {
        file: segment.name,
        reason: errorChain(error),
      });
    }
  }

  /** Writes what waits and closes the files; deletes them when `stored`. Returns how many records are in no file. */
  async close(stored: () => boolean): Promise<number> {
    this.#stock.stop();
    await this.settle();
    this.#sealed = true;
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined) {
      await current.file.close();
      if (stored()) await this.#options.files.remove(current.name);
    }
    const unwritten = [...this.#unstored(), ...this.#waiting.records];
    await this.#tail.close(this.#safeThrough);
    const { writeMs, log } = this.#options;
    await withDeadline(this.#stock.close(), writeMs, 'closing its files').catch((error: unknown) =>
      log.warn('files of the ledger spool may stay where they are', { reason: errorChain(error) }),
    );
    return unwritten.filter(({ seq }) => !this.#tail.holds(seq)).length;
  }

  /** What was stranded stands before what is written next: it has smaller numbers. */
  #withStranded(bytes: Buffer): Buffer {
    const ahead = this.#unstored();
    if (ahead.length === 0) return bytes;
    return Buffer.concat([Buffer.from(ahead.map(({ line }) => `${line}\n`).join('')), bytes]);
  }

  /** Sequence number of the last record that is, with all before it, on the disk or in the store. */
  get #safeThrough(): number {
    return this.#unstored().length > 0 ? this.#storedThrough : Math.max(this.#lastSeq, this.#storedThrough);
  }

  /** Of the ends that are in no segment, those that the store does not have yet. */
  #unstored(): readonly DraftRecord[] {
    return this.#stranded.length === 0
      ? this.#stranded
      : this.#stranded.filter(({ seq }) => seq > this.#storedThrough);
  }

  #start(): void {
    if (!this.#sealed) this.#writing ??= this.#writeGroups();
  }

  /** Writes groups while someone waits for one. Never rejects. */
  async #writeGroups(): Promise<void> {
    do {
      await this.#gather();
      this.#rotate();
      const group = this.#waiting;
      this.#group = group;
      this.#waiting = new Group();
      try {
        const bytes = Buffer.from(group.text);
        await this.#append(group, this.#withStranded(bytes));
        this.#group = undefined;
        group.waiter?.resolve();
        this.#options.onWritten(new WrittenGroup(group.records, bytes, bytes.length === group.text.length));
      } catch (error) {
        this.#group = undefined;
        this.#fail(group, error);
      }
    } while (this.#waiting.waiter !== undefined);
    // In the same step as the look at what waits: whoever comes now starts the next round.
    this.#writing = undefined;
    this.#rotate();
  }

  /** Lets a group grow while each turn of the event loop brings more: a group costs one write to the disk, however large it is. */
  async #gather(): Promise<void> {
    for (let turns = 0; turns < GATHER_TURNS_MAX; turns++) {
      const before = this.#waiting.records.length;
      await turn();
      if (this.#waiting.records.length === before) return;
    }
  }

  async #append(group: Group, bytes: Buffer): Promise<void> {
    if (this.#isFull(bytes.length)) this.#closeCurrent();
    this.#current ??= await this.#stock.take();
    const current = this.#current;
    const writing = current.file.append(bytes);
    try {
      await this.#watchdog.watch(writing);
    } catch (error) {
      this.#abandon(current, writing);
      throw error;
    }
    this.#failures = 0;
    current.bytes += bytes.length;
    this.#stock.follow(current);
    current.lastSeq = this.#lastSeq = group.records.at(-1)!.seq;
    this.#stranded = [];
    this.#tail.written(this.#lastSeq);
    this.#tail.forget(this.#safeThrough);
  }

  /** Whether the next `bytes` go into another file: there is one, and this has no more room for them; or it is long enough. */
  #isFull(bytes: number): boolean {
    const current = this.#current;
    if (current === undefined || current.bytes === 0) return false;
    if (current.bytes >= this.#options.segmentBytes) return true;
    return this.#stock.isReady && current.bytes + bytes > current.room;
  }

  #fail(group: Group, error: unknown): void {
    const reason = errorChain(error);
    const { log, onStranded, onRefused } = this.#options;
    if (this.#failures++ % FAILURES_LOGGED === 0)
      log.error('the ledger spool cannot be written', { reason, failures: this.#failures });
    const code = (error as NodeJS.ErrnoException).code ?? 'no answer from the disk';
    const failure = new GatewayError(
      'ledger-unavailable',
      { reason: `its spool cannot be written (${code})` },
      { cause: error, operatorText: reason },
    );
    onRefused(group.records.filter((record) => record.phase === 'received'));
    group.waiter?.reject(failure);
    const ends = group.records.filter((record) => record.phase === 'ended');
    if (ends.length > 0 && onStranded(ends)) this.#stranded = [...this.#unstored(), ...ends];
    else {
      const later = this.#waiting;
      this.#waiting = new Group();
      for (const record of [...ends, ...later.records]) this.#waiting.add(record);
      this.#waiting.waiter = later.waiter;
    }
    this.#tail.restart([...this.#unstored(), ...this.#waiting.records]);
  }

  /** Gives up a file after a failed write. What was not acknowledged is cut off, so that it is not replayed. */
  #abandon(segment: OpenSegment, writing: Promise<void>): void {
    const { name, bytes, lastSeq } = segment;
    this.#current = undefined;
    if (bytes > 0) this.adopt({ name, bytes, lastSeq });
    this.#stock.cleanUp(name, this.#cut(segment, writing));
  }

  async #cut({ name, bytes, file }: OpenSegment, writing: Promise<void>): Promise<void> {
    await writing.catch(() => undefined);
    try {
      await (bytes > 0 ? file.truncate(bytes) : this.#options.files.remove(name));
    } finally {
      await file.close();
    }
  }

  #closeCurrent(): void {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return;
    const { name, bytes, lastSeq, file } = current;
    this.adopt({ name, bytes, lastSeq });
    this.#stock.cleanUp(name, file.close());
  }

  #setClosed(segments: readonly Segment[]): void {
    this.#closed = segments;
    this.#closedBytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  #rotate(): void {
    if (this.#rotations.length === 0) return;
    this.#closeCurrent();
    for (const rotation of this.#rotations.splice(0)) rotation(this.#lastSeq);
  }
}

/** The end of this turn of the event loop: what arrives within it is one group. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
