import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/scope.ts';
import type { LedgerStore } from '../store/store-ports.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import type { Anchors } from './anchors.ts';
import type { Chains } from './chains.ts';
import type { Segment, SegmentFate, Spool } from './spool.ts';
import { isTail, type SpoolFiles, writerOf } from './spool-files.ts';
import { type ReadRecord, SegmentReader } from './segment-reader.ts';
import { RecordReader, readRecord, type SpooledRecord, type WrittenGroup } from './spooled-record.ts';

/** What the shipper needs. */
export interface ShipperOptions {
  readonly store: LedgerStore;
  readonly files: SpoolFiles;
  readonly spool: Spool;
  /** Of this run's records. */
  readonly writer: string;
  readonly log: Log;
  /** Records that wait in memory; beyond it they wait on the disk alone. */
  readonly memoryRowsMax: number;
  /** Longest that the store may take for one batch, in milliseconds. */
  readonly appendMs: number;
  readonly clock: Clock;
  readonly chains: Chains;
  readonly anchors: Anchors;
}

const BATCH_ROWS = 1_000;
const READ_BYTES = 512 * 1024;
/**
 * From the third failure on, and then at every eighth, it is tested whether single records are to blame. A store that takes longer than `rowMs`
 * for each of a large batch is one that fails.
 */
const ISOLATE = { first: 3, every: 8, attempts: 5, rowMs: 60 } as const;

/** Failures in a row after which a file that cannot be read is passed over. */
const READ_ATTEMPTS = 3;

/**
 * Takes records from the spool to the store, in order. What is new waits in memory, up to a bound; beyond it the shipper reads it back
 * from the segments. `position` tells how far the store has this run's records.
 */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #readOwn: ReadRecord;
  /** What files are read into, one after the other. */
  #buffer: Buffer | undefined;
  #queue: SpooledRecord[] = [];
  /** Records after those in the queue are on the disk alone. */
  #spilled = false;
  /** Records up to here, and after `#position`, are on the disk alone and come before the queue. */
  #backlogThrough = 0;
  #position = 0;
  #shipping: Promise<boolean> | undefined;
  #stopped = false;
  #failures = 0;
  #delivered = 0;
  #refused = 0;
  #replayed = 0;
  /** How far each earlier run's records have been read. */
  readonly #readThrough = new Map<string, number>();
  /** Earlier runs of which a file was left: what came after it would be stored before it. */
  readonly #left = new Set<string>();
  /** Calls whose start the store refused: it has nothing that their end could be put to. */
  readonly #refusedCalls = new Set<string>();
  /** Records that were put into the file of refused ones. */
  readonly #kept = new Set<string>();

  constructor(options: ShipperOptions) {
    this.#options = options;
    const own = new RecordReader(options.writer);
    this.#readOwn = own.read.bind(own);
  }

  /** Records of this run that the store has. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Records that the store refuses though it takes others; they are kept in a file of their own. */
  get refused(): number {
    return this.#refused;
  }

  /** Records of earlier runs that the store has got from this one. */
  get replayed(): number {
    return this.#replayed;
  }

  /** Every record of this run with a sequence number up to here has left the spool. */
  get position(): number {
    return this.#position;
  }

  /** Sequence number of the newest record that waits in memory. */
  get lastQueued(): number {
    return this.#queue.at(-1)?.seq ?? this.#position;
  }

  /** Whether segments of earlier runs wait for the store. */
  get hasLeftovers(): boolean {
    return this.#leftover !== undefined;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether there is anything to take to the store. */
  get idle(): boolean {
    return this.#queue.length === 0 && !this.#spilled && !this.#hasBacklog && this.#leftover === undefined;
  }

  /** Whether enough has gathered for a batch. */
  get hasBatch(): boolean {
    return this.#queue.length >= Math.min(BATCH_ROWS, this.#options.memoryRowsMax);
  }

  /** Takes records that are on the disk now. */
  push(group: WrittenGroup): void {
    if (this.#spilled) return;
    const room = this.#options.memoryRowsMax - this.#queue.length;
    group.queue(this.#queue, room);
    this.#spilled = group.size > room;
  }

  /** Takes ends that are not on the disk; `false` when they would overtake what is, or wait for a store that is away. */
  pushUnwritten(records: readonly SpooledRecord[]): boolean {
    if (
      this.#failures > 0 ||
      this.#spilled ||
      this.#queue.length + records.length > this.#options.memoryRowsMax
    )
      return false;
    this.#queue.push(...records);
    return true;
  }

  /** Takes everything that there is to the store; of what comes meanwhile whole batches alone. Resolves with `false` when the store would not have it; never rejects. */
  ship(): Promise<boolean> {
    this.#shipping ??= this.#ship();
    return this.#shipping;
  }

  /** Nothing is taken or deleted any more once the batch that is under way has ended. */
  stop(): void {
    this.#stopped = true;
  }

  async #ship(): Promise<boolean> {
    const through = this.#queue.at(-1)?.seq ?? 0;
    try {
      while (!this.#stopped && (await this.#step(through))) this.#failures = 0;
      return !this.#stopped;
    } catch (error) {
      this.#failures++;
      if (this.#failures === 1 || this.#failures % 20 === 0)
        this.#options.log.error('ledger records cannot be brought to the store; they wait in the spool', {
          reason: errorChain(error),
          failures: this.#failures,
        });
      return false;
    } finally {
      this.#shipping = undefined;
    }
  }

  /** Delivers one batch or one file. Returns whether there was one. `through`: of smaller batches, the last record to take. */
  async #step(through: number): Promise<boolean> {
    const { spool } = this.#options;
    if (this.#leftover !== undefined) await this.#deliverLeftover(this.#leftover);
    else if (this.#hasBacklog) await this.#deliverBacklog();
    else if (this.#isDue(through)) {
      const batch = this.#queue.slice(0, BATCH_ROWS);
      const refused = await this.#deliver(batch);
      this.#queue.splice(0, batch.length);
      this.#advance(batch, refused);
      if (!this.#stopped) await spool.forget(this.#position);
    } else if (this.#spilled) {
      // From the very moment of the rotation on, new records wait in memory again.
      await spool.rotate((lastSeq) => {
        this.#backlogThrough = lastSeq;
        this.#spilled = false;
      });
    } else return false;
    return true;
  }

  /** Few records that come while others are stored gather for a moment: each batch costs the store a wait for its disk. */
  #isDue(through: number): boolean {
    const [first] = this.#queue;
    return first !== undefined && (this.#spilled || this.hasBatch || first.seq <= through);
  }

  get #hasBacklog(): boolean {
    return this.#position < this.#backlogThrough;
  }

  get #leftover(): Segment | undefined {
    const [first] = this.#options.spool.segments;
    return first !== undefined && first.lastSeq === undefined ? first : undefined;
  }

  async #deliverLeftover(segment: Segment): Promise<void> {
    const writer = writerOf(segment.name);
    const fate = this.#left.has(writer) ? 'leave' : await this.#deliverFile(segment);
    if (fate === 'leave') this.#left.add(writer);
    if (fate !== undefined) await this.#options.spool.drop(segment, fate);
  }

  async #deliverBacklog(): Promise<void> {
    const { spool } = this.#options;
    const through = this.#backlogThrough;
    for (const segment of spool.segments) {
      const { lastSeq = 0 } = segment;
      if (lastSeq <= this.#position || lastSeq > through) continue;
      const fate = await this.#deliverFile(segment);
      if (fate === undefined) return;
      await spool.drop(segment, fate);
    }
    this.#position = through;
    await spool.forget(through);
  }

  /** Delivers a closed file, except what the store has from it already. Returns what is to become of it; `undefined` when stopped. */
  async #deliverFile(segment: Segment): Promise<SegmentFate | undefined> {
    const own = segment.lastSeq !== undefined;
    const { files } = this.#options;
    const { name, bytes } = segment;
    this.#buffer ??= Buffer.allocUnsafeSlow(READ_BYTES);
    const reader = new SegmentReader(
      { bytes, read: (position, into) => files.read(name, position, into) },
      own ? this.#readOwn : readRecord,
      this.#buffer,
    );
    const from = own
      ? () => this.#position
      : ({ writer }: SpooledRecord) => this.#readThrough.get(writer) ?? -1;
    for await (const batch of reader.batches(BATCH_ROWS, (record) => record.seq > from(record))) {
      if (this.#stopped) return undefined;
      const refused = await this.#deliver(batch);
      if (own) this.#advance(batch, refused);
      else {
        this.#replayed += batch.length;
        for (const { writer, seq } of batch) this.#readThrough.set(writer, seq);
      }
    }
    return this.#judge(segment, reader);
  }

  #judge({ name: file }: Segment, { badLines, lastIsBad, failure }: SegmentReader): SegmentFate {
    const { log } = this.#options;
    if (failure !== undefined) {
      if (this.#failures < READ_ATTEMPTS) throw new Error(`${file} cannot be read`, { cause: failure });
      log.error('a ledger spool file cannot be read; it is left to the next start', {
        file,
        reason: errorChain(failure),
      });
      return 'leave';
    }
    if (badLines > 1 || (badLines === 1 && !lastIsBad)) {
      log.error('a ledger spool file is damaged; what is readable was stored, the file was put aside', {
        file,
        lines: badLines,
      });
      return 'set-aside';
    }
    if (badLines === 1)
      log.warn(
        isTail(file)
          ? 'the last line of a ledger tail was never written whole'
          : 'the last line of a ledger spool file was never written whole; its call was never made',
        { file },
      );
    return 'delete';
  }

  /** The store has these records of this run, but for those it refused. */
  #advance(batch: readonly SpooledRecord[], refused: number): void {
    this.#position = batch.at(-1)?.seq ?? this.#position;
    this.#failures = 0;
    this.#delivered += batch.length - refused;
  }

  /** Resolves when the store has the batch, with how many single records of it the store refuses for good. */
  async #deliver(all: readonly SpooledRecord[]): Promise<number> {
    const batch = await this.#withoutRefusedCalls(all);
    try {
      await this.#append(batch);
      return all.length - batch.length;
    } catch (error) {
      const due = this.#failures >= ISOLATE.first && (this.#failures - ISOLATE.first) % ISOLATE.every === 0;
      if (!due || batch.length === 1) throw error;
      return (await this.#isolate(batch, error)) + all.length - batch.length;
    }
  }

  async #withoutRefusedCalls(batch: readonly SpooledRecord[]): Promise<readonly SpooledRecord[]> {
    if (this.#refusedCalls.size === 0) return batch;
    const lost = batch.filter(({ phase, id }) => phase === 'ended' && this.#refusedCalls.has(id));
    if (lost.length === 0) return batch;
    await this.#keepRefused(lost);
    return batch.filter((record) => !lost.includes(record));
  }

  /** Once each, although a batch that fails after this comes again. */
  async #keepRefused(refused: readonly SpooledRecord[]): Promise<void> {
    const fresh = refused.filter(({ writer, seq }) => !this.#kept.has(`${writer} ${seq}`));
    if (fresh.length > 0) await this.#options.files.keepRefused(fresh.map((record) => record.line));
    for (const { phase, id, writer, seq } of fresh) {
      this.#kept.add(`${writer} ${seq}`);
      if (phase === 'received') this.#refusedCalls.add(id);
    }
    this.#refused += fresh.length;
  }

  /**
   * Finds out whether single records are to blame: those that the store refuses again and again, while it takes another one before and
   * after, are kept aside, and the rest goes on. Anything less certain is a store that fails, and rejects.
   */
  async #isolate(batch: readonly SpooledRecord[], cause: unknown): Promise<number> {
    const { clock, appendMs, log } = this.#options;
    const endMs = clock.monotonicMs() + Math.max(appendMs, batch.length * ISOLATE.rowMs);
    const suspects: SpooledRecord[] = [];
    let control: SpooledRecord | undefined;
    for (const record of batch) {
      if (this.#stopped || clock.monotonicMs() > endMs) throw cause;
      if (await this.#takes(record)) control = record;
      else suspects.push(record);
    }
    if (control === undefined) throw cause;
    const refused: SpooledRecord[] = [];
    for (const suspect of suspects) if (await this.#refusesForGood(suspect, control)) refused.push(suspect);
    if (refused.length > 0) await this.#keepRefused(refused);
    if (refused.length > 0)
      log.error('the store refuses ledger records; they are kept in refused.jsonl beside the spool', {
        records: refused.length,
        reason: errorChain(cause),
      });
    const good = batch.filter((one) => !refused.includes(one));
    const rest = await this.#withoutRefusedCalls(good);
    // One by one, as they were tried: what fails then is found here again, after all those before it.
    for (const record of rest) await this.#append([record]);
    return batch.length - rest.length;
  }

  /** Rejects when the store fails on `control`, which it has taken before. */
  async #refusesForGood(suspect: SpooledRecord, control: SpooledRecord): Promise<boolean> {
    for (let attempt = 0; attempt < ISOLATE.attempts; attempt++) {
      await this.#try(control);
      if (await this.#takes(suspect)) return false;
    }
    await this.#try(control);
    return true;
  }

  #takes(record: SpooledRecord): Promise<boolean> {
    return this.#try(record).then(
      () => true,
      () => false,
    );
  }

  #try(record: SpooledRecord): Promise<void> {
    const { store, appendMs } = this.#options;
    return withDeadline(store.accepts(record), appendMs, 'trying a ledger record');
  }

  /** In the order of the records: each one's hash goes on from the one before. */
  async #append(batch: readonly SpooledRecord[]): Promise<void> {
    const { store, appendMs, chains, anchors } = this.#options;
    const { records, tips } = await chains.link(batch);
    if (records.length > 0)
      await withDeadline(store.append(records, tips), appendMs, 'storing ledger records');
    chains.commit(tips);
    anchors.note(tips);
  }
}
