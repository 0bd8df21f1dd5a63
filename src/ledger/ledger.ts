import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { IdSet } from '../core/id-set.ts';
import { withDeadline } from '../core/scope.ts';
import type { LedgerStore, WriterIdentity } from '../store/store-ports.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import { Anchors } from './anchors.ts';
import { type ChainKey, chainKeyFile, homeName } from './chain-key.ts';
import { Chains } from './chains.ts';
import { LEDGER_BOUNDS, type LedgerBounds } from './ledger-bounds.ts';
import type { CallEnd, CallStart, Ledger, LedgerRun, LedgerStats } from './ledger-ports.ts';
import { RecordWriter } from './record-writer.ts';
import { usedBytes } from './segment-reader.ts';
import { Shipper } from './shipper.ts';
import { Spool } from './spool.ts';
import { type SpoolFiles, spoolFolder } from './spool-files.ts';
import { unspooledRecord } from './spooled-record.ts';
import { Watch } from './watch.ts';

/** What `createLedger` needs. */
export interface LedgerOptions {
  readonly store: LedgerStore;
  /** Holds the spool, in a folder `spool` of its own. No other process writes there. */
  readonly folder: string;
  /** Letters, digits, `.`, `_`, `-`; unlike that of any other process, past ones included. */
  readonly writer: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds?: Partial<LedgerBounds>;
  /** The spool's files, when they are not those of `folder`. */
  readonly files?: SpoolFiles;
  /** What hashes are made with; else a key is kept in `folder`. */
  readonly key?: ChainKey;
}

const WRITER = /^[\w.-]{1,80}$/;
const SHIP_EVERY_MS = 50;
const RETRY_MS = [100, 500, 2_000, 5_000] as const;
const TRIM_BYTES = 64 * 1024;
const SEGMENTS_MIN = 8;
const ROOM_BYTES_MAX = 4 * 1024 * 1024;
/** At most so small a share of the spool is reserved for one file; there are two of them. */
const ROOMS_MIN = 64;
const WARN_SHARE = 0.8;
const QUIET_SHARE = 0.6;

/**
 * Opens the ledger: a record is on the disk before its call is made, the store gets the records from there in batches, and a store that
 * is away costs nothing but disk. What earlier runs left is stored first, and their unfinished calls are closed as `unknown`. Rejects
 * when the folder cannot be used, not when the store is away.
 */
export async function createLedger(options: LedgerOptions): Promise<Ledger & LedgerRun> {
  const bounds = { ...LEDGER_BOUNDS, ...options.bounds };
  if (!WRITER.test(options.writer)) throw new Error(`"${options.writer}" cannot be a ledger writer's name`);
  const files = options.files ?? spoolFolder(join(options.folder, 'spool'));
  const leftovers = await files.list();
  if (leftovers.some(({ name }) => name.startsWith(`${options.writer}-`)))
    throw new Error(
      `the ledger writer "${options.writer}" has run before; every run needs a name of its own`,
    );
  const ledger = new SpooledLedger(options, bounds, files);
  await ledger.recover(leftovers);
  return ledger;
}

class SpooledLedger implements Ledger, LedgerRun {
  readonly identity: WriterIdentity;
  readonly #options: LedgerOptions;
  readonly #bounds: LedgerBounds;
  readonly #files: SpoolFiles;
  readonly #spool: Spool;
  readonly #shipper: Shipper;
  readonly #records: RecordWriter;
  readonly #anchors: Anchors;
  readonly #watch: Watch;
  /** Calls that were begun and not ended. */
  readonly #open = new IdSet();
  #seq = 0;
  #timer: NodeJS.Timeout | undefined;
  #attempts: (() => void)[] = [];
  #orphansClosed = false;
  #warned = false;
  #closing: Promise<void> | undefined;
  #stopped = false;
  #begun = 0;
  #ended = 0;
  #ignored = 0;
  #refusedCalls = 0;
  #lost = 0;

  constructor(options: LedgerOptions, bounds: LedgerBounds, files: SpoolFiles) {
    const { writer, log, store, clock } = options;
    this.#options = options;
    this.#bounds = bounds;
    this.#files = files;
    this.#records = new RecordWriter(writer);
    this.#spool = new Spool({
      files,
      writer,
      log,
      writeMs: bounds.writeMs,
      segmentBytes: Math.min(bounds.segmentBytes, bounds.diskBytesMax / SEGMENTS_MIN),
      roomBytesMax: Math.min(ROOM_BYTES_MAX, bounds.segmentBytes, bounds.diskBytesMax / ROOMS_MIN),
      onWritten: (group) => {
        this.#begun += group.starts;
        this.#shipper.push(group);
        this.#schedule();
      },
      onRefused: (starts) => {
        for (const { id } of starts) this.#open.delete(id);
        this.#refusedCalls += starts.length;
      },
      onStranded: (records) => {
        this.#schedule();
        return this.#shipper.pushUnwritten(records.map(unspooledRecord));
      },
    });
    const key = options.key ?? chainKeyFile(options.folder);
    const identity = { writer, home: homeName(options.folder), keyId: key.id };
    this.identity = identity;
    this.#anchors = new Anchors(options.folder, log);
    this.#watch = new Watch({ store, identity, key, clock, log, bounds });
    const { memoryRowsMax, appendMs } = bounds;
    this.#shipper = new Shipper({
      store,
      files,
      spool: this.#spool,
      writer,
      log,
      memoryRowsMax,
      appendMs,
      clock,
      chains: new Chains(store, identity, key),
      anchors: this.#anchors,
    });
  }

  /** Stores what earlier runs left, as far as that goes within `replayMs`; the rest follows in the background. */
  async recover(leftovers: readonly { readonly name: string; readonly bytes: number }[]): Promise<void> {
    const buffer = Buffer.allocUnsafe(TRIM_BYTES);
    for (const { name, bytes } of leftovers) {
      const source = { bytes, read: this.#files.read.bind(this.#files, name) };
      this.#spool.adopt({ name, bytes: await usedBytes(source, buffer), lastSeq: undefined });
    }
    const attempt = this.#attempt();
    await withDeadline(attempt, this.#bounds.replayMs, 'storing what earlier runs left').catch(
      () => undefined,
    );
    const { log } = this.#options;
    const { replayed, hasLeftovers } = this.#shipper;
    if (replayed > 0 || hasLeftovers)
      log.info('the ledger spool of earlier runs is being stored', {
        files: leftovers.length,
        records: replayed,
        done: !hasLeftovers,
      });
    if (!this.#isSettled()) this.#schedule();
    this.#watch.start();
  }

  get position(): number {
    return this.#seq;
  }

  get isSteady(): boolean {
    return this.#watch.isSteady;
  }

  begin(start: CallStart): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new GatewayError('shutting-down'));
    const full = this.#fullness();
    if (full !== undefined) {
      this.#refusedCalls++;
      return Promise.reject(full);
    }
    this.#open.add(start.id);
    return this.#spool.write(this.#records.start(++this.#seq, start));
  }

  end(end: CallEnd): void {
    if (this.#stopped || !this.#open.delete(end.id)) {
      this.#ignored++;
      return;
    }
    this.#ended++;
    this.#spool.writeLater(this.#records.end(++this.#seq, end));
    this.#schedule();
  }

  stats(): LedgerStats {
    return {
      begun: this.#begun,
      ended: this.#ended,
      stored: this.#shipper.delivered,
      spooledBytes: this.#spool.bytes,
      dropped: this.#lost + this.#shipper.refused,
      open: this.#open.size,
      ignoredEnds: this.#ignored,
      refusedCalls: this.#refusedCalls,
      storeFailures: this.#shipper.failures,
    };
  }

  async flush(signal?: AbortSignal): Promise<void> {
    const through = this.#seq;
    while (!this.#isStored(through)) {
      if (this.#stopped) throw new Error('the ledger was closed before the store took every record');
      await abortable(this.#attempt(), signal);
      if (this.#isStored(through)) return;
      const next = new Promise<void>((resolve) => {
        this.#attempts.push(resolve);
      });
      this.#schedule();
      await abortable(next, signal);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { log } = this.#options;
    try {
      await withDeadline(this.flush(), this.#bounds.closeMs, 'storing the last records');
    } catch (error) {
      log.warn('ledger records stay in the spool for the next start', {
        reason: errorChain(error),
        bytes: this.#spool.bytes,
      });
    }
    this.#stopped = true;
    this.#shipper.stop();
    clearTimeout(this.#timer);
    this.#wake();
    await this.#anchors.flush();
    await this.#watch.stop(this.#shipper.failures === 0);
    try {
      const closed = this.#spool.close(() => this.#isSettled());
      this.#lost = await withDeadline(closed, this.#bounds.writeMs * 2, 'closing the spool');
    } catch (error) {
      log.error('the ledger spool could not be closed', { reason: errorChain(error) });
    }
    if (this.#lost > 0)
      log.error('ends of calls could be written nowhere; the next start closes their calls as unknown', {
        records: this.#lost,
      });
    if (this.#open.size > 0)
      log.warn('calls were still open when the ledger was closed; the next start closes them as unknown', {
        calls: this.#open.size,
      });
  }

  /** Why no call may be made now, or `undefined`. */
  #fullness(): GatewayError | undefined {
    const { diskBytesMax } = this.#bounds;
    const { bytes } = this.#spool;
    if (bytes < diskBytesMax * QUIET_SHARE) this.#warned = false;
    if (bytes < diskBytesMax * WARN_SHARE) return undefined;
    if (!this.#warned) {
      this.#warned = true;
      this.#options.log.warn('the ledger spool is nearly full; calls are refused when it is', {
        bytes,
        max: diskBytesMax,
        storeFailures: this.#shipper.failures,
      });
    }
    if (bytes < diskBytesMax) return undefined;
    const reason = `its spool has reached ${diskBytesMax} bytes (limits.ledger_disk_bytes_max) because the store takes too little`;
    return new GatewayError('ledger-unavailable', { reason });
  }

  /** Whether every record with a sequence number up to `through`, and what earlier runs left, is in the store. */
  #isStored(through: number): boolean {
    const { pendingFrom, lastSeq } = this.#spool;
    const { position, lastQueued, hasLeftovers } = this.#shipper;
    if (hasLeftovers || (pendingFrom !== undefined && pendingFrom <= through)) return false;
    return position >= Math.min(through, Math.max(lastSeq, lastQueued));
  }

  #isSettled(): boolean {
    return this.#isStored(this.#seq) && this.#orphansClosed;
  }

  #schedule(): void {
    if (this.#stopped) return;
    if (this.#shipper.hasBatch && this.#shipper.failures === 0) void this.#shipper.ship();
    this.#timer ??= setTimeout(() => this.#tick(), this.#delayMs()).unref();
  }

  #delayMs(): number {
    const { failures } = this.#shipper;
    return failures === 0 ? SHIP_EVERY_MS : RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]!;
  }

  #tick(): void {
    void this.#attempt().then(() => {
      this.#timer = undefined;
      this.#wake();
      if (!this.#isSettled()) this.#schedule();
    });
  }

  /** Brings everything to the disk, and what is there to the store. Never rejects. */
  async #attempt(): Promise<void> {
    await this.#spool.settle();
    const taken = await this.#shipper.ship();
    if (taken && !this.#orphansClosed) await this.#closeOrphans();
    // In a quiet moment the file that is being written may go too.
    if (taken && this.#spool.isWellUsed && this.#isStored(this.#seq)) {
      await this.#spool.rotate(() => undefined);
      await this.#spool.forget(this.#shipper.position);
    }
  }

  async #closeOrphans(): Promise<void> {
    const { log } = this.#options;
    try {
      const calls = await this.#watch.closeOrphans();
      this.#orphansClosed = true;
      if (calls > 0) log.warn('calls of earlier runs have no end and were closed as unknown', { calls });
    } catch (error) {
      log.error('unfinished calls of earlier runs could not be closed', { reason: errorChain(error) });
    }
  }

  #wake(): void {
    for (const resolve of this.#attempts.splice(0)) resolve();
  }
}

/** `promise`, or a rejection with the signal's reason once it is aborted. */
async function abortable(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort!);
  }
}
