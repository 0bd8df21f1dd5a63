import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { withDeadline } from '../core/scope.ts';
import type { CallEnd, CallStart, LedgerRecord, LedgerStore } from '../store/store-ports.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import type { Ledger } from './ledger-ports.ts';
import { replay, segmentsIn } from './replay.ts';
import { Segment } from './segment.ts';

export interface LedgerOptions {
  readonly store: LedgerStore;
  /** Holds the spool. */
  readonly folder: string;
  /** Unlike that of any other process, past ones included. */
  readonly writer: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Records waiting in memory for the store; beyond it they wait on the disk alone. */
  readonly memoryRowsMax: number;
  readonly diskBytesMax: number;
}

const SEGMENT_BYTES = 8 * 1024 * 1024;
const SHIP_EVERY_MS = 50;
const BATCH_ROWS = 500;
const RETRY_MS = [100, 500, 2_000, 5_000] as const;
const CLOSE_MS = 5_000;
const WARN_SHARE = 0.8;
const TEXT_CHARACTERS_MAX = 200;

interface Waiting {
  readonly line: string;
  readonly seq: number;
  readonly resolve: (() => void) | undefined;
  readonly reject: ((error: GatewayError) => void) | undefined;
}

/**
 * Records of calls, durable before the call: a record is appended to a spool file, all that arrive while one write is under way share
 * the next (group commit), and the store gets them from there in batches. A store that is down costs nothing but disk.
 */
export class SpooledLedger implements Ledger {
  readonly #options: LedgerOptions;
  readonly #folder: string;
  readonly #open = new Set<string>();
  readonly #full: Segment[] = [];
  #segment: Segment | undefined;
  #segments = 0;
  #seq = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #queue: LedgerRecord[] = [];
  /** Records left out of memory; they are read back from the files. */
  #overflowed = false;
  #shipping: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #storeFailures = 0;
  #warned = false;
  #closed = false;
  #begun = 0;
  #ended = 0;
  #stored = 0;

  private constructor(options: LedgerOptions) {
    this.#options = options;
    this.#folder = join(options.folder, 'spool');
  }

  /** Opens the spool; brings what earlier processes left in it into the store and closes their unfinished calls. */
  static async open(options: LedgerOptions): Promise<SpooledLedger> {
    const ledger = new SpooledLedger(options);
    const left = await segmentsIn(ledger.#folder);
    if (left.length > 0) {
      const records = await replay(ledger.#folder, left, options.store, options.log);
      options.log.info('the spool of an earlier run was replayed', { records, files: left.length });
    }
    const orphans = await options.store.closeOrphans(options.writer, options.clock.now());
    if (orphans > 0) options.log.warn('calls of an earlier run have no end and were closed as unknown', { calls: orphans });
    return ledger;
  }

  begin(start: CallStart): Promise<void> {
    if (this.#closed) return Promise.reject(new GatewayError('shutting-down'));
    const spooled = this.#spooledBytes();
    const { diskBytesMax } = this.#options;
    if (spooled >= diskBytesMax) return Promise.reject(new GatewayError('ledger-unavailable', { reason: `the spool has reached ${diskBytesMax} bytes (limits.ledger_disk_bytes_max) while the store takes nothing` }));
    if (spooled > diskBytesMax * WARN_SHARE && !this.#warned) {
      this.#warned = true;
      this.#options.log.error('the ledger spool is nearly full', { bytes: spooled, max: diskBytesMax });
    }
    const record: LedgerRecord = { phase: 'received', writer: this.#options.writer, seq: ++this.#seq, start: { ...start, toolName: clean(start.toolName), client: clean(start.client), originalName: clean(start.originalName) } };
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        line: JSON.stringify(record),
        seq: record.seq,
        resolve: () => {
          this.#open.add(start.id);
          this.#begun++;
          this.#enqueue(record);
          resolve();
        },
        reject,
      });
      this.#writing ??= this.#write();
    });
  }

  end(end: CallEnd): void {
    if (!this.#open.delete(end.id)) return;
    this.#ended++;
    const record: LedgerRecord = { phase: 'ended', writer: this.#options.writer, seq: ++this.#seq, end };
    this.#waiting.push({ line: JSON.stringify(record), seq: record.seq, resolve: undefined, reject: undefined });
    this.#enqueue(record);
  }

  stats(): { begun: number; ended: number; stored: number; spooledBytes: number; dropped: number } {
    return { begun: this.#begun, ended: this.#ended, stored: this.#stored, spooledBytes: this.#spooledBytes(), dropped: 0 };
  }

  async flush(signal?: AbortSignal): Promise<void> {
    while (this.#waiting.length > 0 || this.#queue.length > 0 || this.#overflowed) {
      signal?.throwIfAborted();
      this.#writing ??= this.#waiting.length > 0 ? this.#write() : undefined;
      await this.#writing;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      const failures = this.#storeFailures;
      await this.#ship();
      if (this.#storeFailures > failures) throw new Error('the store takes no records; they wait in the spool');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await withDeadline(this.flush(), CLOSE_MS, 'storing the last records').catch((error: unknown) =>
      this.#options.log.warn('records stay in the spool for the next start', { reason: errorChain(error) }),
    );
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment === undefined) return;
    await segment.close();
    if (this.#queue.length === 0 && !this.#overflowed && this.#waiting.length === 0) await unlink(segment.path);
  }

  /** Writes groups until nothing waits. Never rejects. */
  async #write(): Promise<void> {
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        const segment = await this.#current();
        await segment.append(Buffer.from(`${group.map((one) => one.line).join('\n')}\n`));
        segment.lastSeq = group.at(-1)!.seq;
        for (const one of group) one.resolve?.();
      } catch (error) {
        await this.#abandonSegment();
        const reason = errorChain(error);
        this.#options.log.error('the ledger spool cannot be written', { reason });
        for (const one of group) one.reject?.(new GatewayError('ledger-unavailable', { reason: 'its spool cannot be written' }, { cause: error, operatorText: reason }));
        // Ends are kept: they go with the next group, and to the store in any case.
        this.#waiting.unshift(...group.filter((one) => one.reject === undefined));
        if (!this.#waiting.some((one) => one.reject !== undefined)) break;
      }
    }
    this.#writing = undefined;
  }

  async #current(): Promise<Segment> {
    if (this.#segment !== undefined && this.#segment.bytes >= SEGMENT_BYTES) await this.#abandonSegment();
    this.#segment ??= await Segment.create(this.#folder, `${this.#options.writer}-${String(++this.#segments).padStart(8, '0')}.jsonl`);
    return this.#segment;
  }

  async #abandonSegment(): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    if (segment === undefined) return;
    this.#full.push(segment);
    await segment.close().catch(() => undefined);
  }

  #enqueue(record: LedgerRecord): void {
    if (this.#overflowed || this.#queue.length >= this.#options.memoryRowsMax) this.#overflowed = true;
    else this.#queue.push(record);
    if (!this.#closed) this.#timer ??= setTimeout(() => this.#tick(), this.#delay()).unref();
  }

  #delay(): number {
    return this.#storeFailures === 0 ? SHIP_EVERY_MS : RETRY_MS[Math.min(this.#storeFailures, RETRY_MS.length) - 1]!;
  }

  #tick(): void {
    this.#timer = undefined;
    // Ends wait for no one; this is where they reach the disk when no new call takes them along.
    if (this.#waiting.length > 0) this.#writing ??= this.#write();
    void this.#ship().then(() => {
      if (this.#queue.length > 0 && !this.#closed) this.#timer ??= setTimeout(() => this.#tick(), this.#delay()).unref();
    });
  }

  #ship(): Promise<void> {
    this.#shipping ??= this.#shipAll().finally(() => {
      this.#shipping = undefined;
    });
    return this.#shipping;
  }

  /** Hands records to the store until none is left or it refuses. Never rejects. */
  async #shipAll(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue.slice(0, BATCH_ROWS);
        await this.#options.store.append(batch);
        this.#queue.splice(0, batch.length);
        this.#stored += batch.length;
        this.#storeFailures = 0;
        await this.#forget(batch.at(-1)!.seq);
      }
      if (this.#overflowed) await this.#catchUp();
    } catch (error) {
      this.#storeFailures++;
      if (this.#storeFailures === 1 || this.#storeFailures % 20 === 0) this.#options.log.error('the store takes no ledger records; they wait in the spool', { reason: errorChain(error), failures: this.#storeFailures });
    }
  }

  /** Reads back from the files what was left out of memory. */
  async #catchUp(): Promise<void> {
    await this.#writing;
    await this.#abandonSegment();
    this.#overflowed = false;
    const files = this.#full.splice(0);
    try {
      await replay(this.#folder, files.map((segment) => segment.path.slice(this.#folder.length + 1)), this.#options.store, this.#options.log);
    } catch (error) {
      this.#full.unshift(...files);
      this.#overflowed = true;
      throw error;
    }
  }

  /** Deletes the files whose every record the store has. */
  async #forget(seq: number): Promise<void> {
    if (this.#overflowed) return;
    const current = this.#segment;
    if (current !== undefined && current.bytes > SEGMENT_BYTES / 8 && current.lastSeq <= seq && this.#writing === undefined) await this.#abandonSegment();
    for (const segment of [...this.#full]) {
      if (segment.lastSeq > seq) break;
      this.#full.shift();
      await unlink(segment.path);
    }
  }

  #spooledBytes(): number {
    return (this.#segment?.bytes ?? 0) + this.#full.reduce((sum, segment) => sum + segment.bytes, 0);
  }
}

/** Text from strangers, bounded and without control characters. */
function clean(text: string | undefined): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text?.slice(0, TEXT_CHARACTERS_MAX).replaceAll(/[\u0000-\u001f\u007f]/g, '?');
}
