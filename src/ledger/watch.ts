import type { Clock } from '../core/clock.ts';
import { withDeadline } from '../core/scope.ts';
import type { Closing, LedgerStore, WriterIdentity } from '../store/store-ports.ts';
import type { CallEnd } from '../store/call-records.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import { type ChainKey, closingHash } from './chain-key.ts';
import type { LedgerBounds } from './ledger-bounds.ts';
import { RecordWriter } from './record-writer.ts';

/** What a watch needs. */
export interface WatchOptions {
  readonly store: LedgerStore;
  readonly identity: WriterIdentity;
  readonly key: ChainKey;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds: Pick<LedgerBounds, 'beatMs' | 'silentMs' | 'appendMs'>;
}

const CLOSE_ROWS = 1_000;
const GOODBYE_MS = 2_000;

/**
 * Says again and again in the store that this writer lives, and closes the calls that writers left open which do not: at the start those of
 * earlier runs on this data folder, later those of other gateways too that have fallen silent.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #records: RecordWriter;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  /** Since when every beat has come in time. While the store was away nobody beat, and silence means nothing. */
  #steadySinceMs: number | undefined;
  #stopped = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#records = new RecordWriter(options.identity.writer);
  }

  /** Whether every beat has come in time for so long that the silence of others says something. */
  get isSteady(): boolean {
    const { clock, bounds } = this.#options;
    return this.#steadySinceMs !== undefined && clock.monotonicMs() - this.#steadySinceMs >= bounds.silentMs;
  }

  /** Begins to beat. */
  start(): void {
    void this.#beat();
  }

  /** Ends beating; with `orderly` the others need not wait for the silence. Never rejects. */
  async stop(orderly: boolean): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#beating;
    const { store, identity, log } = this.#options;
    if (!orderly) return;
    try {
      await withDeadline(store.beat(identity, false), GOODBYE_MS, 'saying goodbye to the store');
    } catch (error) {
      log.warn('the store was not told that this ledger is closed; others will notice its silence', {
        reason: errorChain(error),
      });
    }
  }

  /** Closes calls of writers that have ended. Rejects when the store cannot. */
  async closeOrphans(silentMs = Number.POSITIVE_INFINITY): Promise<number> {
    const { store, identity, clock, bounds } = this.#options;
    let closed = 0;
    for (;;) {
      const finding = store.orphans(identity, silentMs, CLOSE_ROWS);
      const orphans = await withDeadline(finding, bounds.appendMs, 'finding unfinished calls');
      const closings = orphans.map((call): Closing => {
        const end = unknownEnd(call.id, clock.now());
        const hash = closingHash(this.#options.key, this.#records.end(0, end).line);
        return { call, end, writer: identity.writer, hash };
      });
      if (closings.length === 0) return closed;
      const done = await withDeadline(store.close(closings), bounds.appendMs, 'closing unfinished calls');
      closed += done;
      // Those that are left are being closed by somebody else.
      if (done === 0 || orphans.length < CLOSE_ROWS) return closed;
    }
  }

  #beat(): Promise<void> {
    this.#beating ??= this.#beatOnce().finally(() => {
      this.#beating = undefined;
      if (!this.#stopped)
        this.#timer = setTimeout(() => void this.#beat(), this.#options.bounds.beatMs).unref();
    });
    return this.#beating;
  }

  async #beatOnce(): Promise<void> {
    const { store, identity, clock, log, bounds } = this.#options;
    try {
      await withDeadline(store.beat(identity, true), bounds.beatMs, 'saying that this writer lives');
      this.#steadySinceMs ??= clock.monotonicMs();
      if (this.#stopped || !this.isSteady) return;
      const calls = await this.closeOrphans(bounds.silentMs);
      if (calls > 0) log.warn('calls of a gateway that has fallen silent were closed as unknown', { calls });
    } catch (error) {
      if (this.#steadySinceMs !== undefined)
        log.warn('the store does not hear that this ledger lives', { reason: errorChain(error) });
      this.#steadySinceMs = undefined;
    }
  }
}

/** What is known of the end of a call whose gateway died. */
function unknownEnd(id: string, endedAt: number): CallEnd {
  return {
    id,
    endedAt,
    status: 'unknown',
    errorCode: 'gateway-died',
    totalMs: 0,
    upstreamMs: undefined,
    bytesOut: 0,
    promptTokens: undefined,
    completionTokens: undefined,
    cost: undefined,
  };
}
