import type { Clock } from '../core/clock.ts';
import type { ChainRun, LedgerArchive, ManifestRow } from '../store/archive-ports.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import type { ChainKey } from './chain-key.ts';
import { dropOf, type ManifestBody, manifestFiles, sealOf } from './manifest.ts';
import { retireWriters } from './retire.ts';

/** What is done about old days, and how it went last. */
export interface RetentionState {
  /** Records that belong to no day: there should be none. Counted to 1,000. */
  readonly strays: number;
  /** Why the last round did not do all of its work. */
  readonly failure: string | undefined;
  /** The oldest day that there is. */
  readonly oldestDay: string | undefined;
}

export interface RetentionOptions {
  readonly archive: LedgerArchive;
  /** The ledger's folder, which gets the manifests. */
  readonly folder: string;
  readonly key: ChainKey;
  readonly clock: Clock;
  readonly log: Log;
  /** Days older than this are removed; `undefined`: none. Milliseconds. */
  readonly retentionMs: number | undefined;
  /** How often old days are looked for. */
  readonly retentionIntervalMs: number;
  /** The same for the sums of what was used. */
  readonly rollupRetentionMs: number;
  /** Hears of what was removed, after it was: a full disk, on which nothing can be recorded, must not keep old days. */
  readonly onPurged?: (what: Purged) => void;
}

/** What was removed because it was old. */
export type Purged =
  | { readonly table: 'ledger_calls'; readonly days: readonly string[] }
  /** Of writers that have ended, when all their days were removed. */
  | { readonly table: 'ledger_writers'; readonly rows: number }
  /** `before`: of hours that began earlier. Milliseconds since the Unix epoch. */
  | { readonly table: 'ledger_usage'; readonly rows: number; readonly before: number };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A day is sealed when it has been over for so long. */
const SEAL_AFTER_MS = HOUR_MS;
/** Calls that are still open then do not hold it up. */
const SEAL_AT_LAST_MS = 2 * DAY_MS;
const STRAYS_MAX = 1_000;

/** Prepares days, seals those that are over, removes those that are old: once an hour, so that midnight never comes as a surprise. */
export class Retention implements AsyncDisposable {
  readonly #options: RetentionOptions;
  /** Days that have been sealed, by whomever. */
  readonly #sealed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #state: RetentionState = { strays: 0, failure: undefined, oldestDay: undefined };

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  get state(): RetentionState {
    return this.#state;
  }

  /** Begins with a round now. */
  start(): void {
    this.#timer = setInterval(() => void this.run(), HOUR_MS).unref();
    void this.run();
  }

  /** One round; one at a time. Never rejects: what went wrong is logged and in `state`. */
  run(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #round(): Promise<void> {
    const { archive, clock, log } = this.#options;
    try {
      await archive.prepareAhead(clock.now());
      const strays = await archive.strays(STRAYS_MAX);
      if (strays > 0)
        log.error(
          'ledger records belong to no day and will not be removed by age: their clock was wrong, or their day could not be prepared',
          {
            records: strays,
            table: 'ledger_calls_default',
          },
        );
      await this.#sealDays();
      await this.#removeOld();
      this.#state = { strays, failure: undefined, oldestDay: (await archive.days())[0] };
    } catch (error) {
      this.#state = { ...this.#state, failure: errorChain(error) };
      log.error(
        'days of the ledger could not be prepared, sealed or removed; it is tried again within the hour',
        {
          reason: errorChain(error),
        },
      );
    }
  }

  async #sealDays(): Promise<void> {
    const { archive, clock } = this.#options;
    for (const day of await archive.days()) {
      const overMs = clock.now() - Date.parse(day) - DAY_MS;
      if (overMs < SEAL_AFTER_MS || this.#sealed.has(day)) continue;
      if (!(await archive.manifests({ day })).some(({ kind }) => kind === 'sealed')) {
        if (overMs < SEAL_AT_LAST_MS && (await archive.openCalls(day)) > 0) continue;
        await this.#seal(day, []);
      }
      this.#sealed.add(day);
    }
  }

  async #removeOld(): Promise<void> {
    const { archive, folder, key, clock, retentionMs, retentionIntervalMs, rollupRetentionMs, onPurged } =
      this.#options;
    const now = clock.now();
    if (now - this.#lookedAtMs < retentionIntervalMs) return;
    const before = now - rollupRetentionMs;
    const rows = await archive.dropUsage(before);
    if (rows > 0) onPurged?.({ table: 'ledger_usage', rows, before });
    if (retentionMs !== undefined) await this.#removeDays(now - retentionMs);
    const writers = await retireWriters({
      archive,
      folder,
      key,
      now,
      save: (day, statements) => this.#save(day, statements),
    });
    if (writers > 0) onPurged?.({ table: 'ledger_writers', rows: writers });
    this.#lookedAtMs = now;
  }

  /** Removes the days that had ended at `before`. */
  async #removeDays(before: number): Promise<void> {
    const { archive, clock, log, key, onPurged } = this.#options;
    const removed: string[] = [];
    try {
      for (const day of await archive.days()) {
        if (Date.parse(day) + DAY_MS > before) break;
        // Records may have come after the day was sealed: they are vouched for too before they go.
        await this.#seal(day, await archive.manifests({ day }));
        await this.#save(day, [dropOf(key, day, clock.now())]);
        await archive.drop(day);
        this.#sealed.delete(day);
        removed.push(day);
        log.info('a day of the ledger was removed because it is old', { day });
      }
    } finally {
      if (removed.length > 0) onPurged?.({ table: 'ledger_calls', days: removed });
    }
  }

  /** Signs what the day holds, of each writer of whom that is not what was signed before. */
  async #seal(day: string, before: readonly ManifestRow[]): Promise<void> {
    const { archive, clock, key } = this.#options;
    const newest = new Map<string, ManifestRow>();
    for (const row of before)
      if (row.kind === 'sealed' && row.revision > (newest.get(row.writer)?.revision ?? 0))
        newest.set(row.writer, row);
    const seals: ManifestRow[] = [];
    for (const [writer, runs] of byWriter(await archive.runs(day))) {
      const last = newest.get(writer);
      if (last !== undefined && saysOf(last) === JSON.stringify(runs.map(edgesOf))) continue;
      seals.push(sealOf(key, day, runs, (last?.revision ?? 0) + 1, clock.now()));
    }
    await this.#save(day, seals);
  }

  /** Another gateway may have signed the same a moment before: what the database has counts. */
  async #save(day: string, rows: readonly ManifestRow[]): Promise<void> {
    if (rows.length === 0) return;
    const { archive, folder } = this.#options;
    await archive.saveManifests(rows);
    const stored = new Set((await archive.manifests({ day })).map(({ mac }) => mac.toString('hex')));
    manifestFiles(folder).save(rows.filter(({ mac }) => stored.has(mac.toString('hex'))));
  }
}

const edgesOf = ({ first, last, hash }: ChainRun): readonly [number, number, string] => [first, last, hash];

const saysOf = ({ body }: ManifestRow): string => JSON.stringify((JSON.parse(body) as ManifestBody).runs);

function byWriter(runs: readonly ChainRun[]): ReadonlyMap<string, ChainRun[]> {
  const all = new Map<string, ChainRun[]>();
  for (const run of runs) {
    const known = all.get(run.writer);
    if (known === undefined) all.set(run.writer, [run]);
    else known.push(run);
  }
  return all;
}
