import { Redis } from 'ioredis';
import { ACQUIRE, COUNT_LEFT, REPORT } from './scripts.ts';

/** How long a process may keep what it holds without a sign of life. */
export const LEASE_MS = 10_000;
/** How long what was granted for a minute's limit may be used: a window counts so much longer than a minute. */
export const GRANT_MS = 1_000;
/** A minute, the time that a grant may be used, and the rest of the second in which it was granted. */
const WINDOW_S = 62;
/** Longer than the longest budget period that people write, so that what was spent in it is forgotten by no accident. */
const LIFE_S = 100 * 86_400;
/** How long a process is remembered that is gone without a word. */
const REMEMBERED_MS = 3 * 86_400_000;
const PREFIX = '{lanport-limits}:';
/** Processes that live, by when their leases end; and all of the last days, by when they reported last. */
const LIVE = `${PREFIX}processes`;
const ALL = `${PREFIX}runs`;
const COMMAND_MS = 1_000;
const CONNECT_MS = 2_000;
const RETRY_MS_MAX = 2_000;

/** One limit of which something is wanted. */
export interface Wanted {
  readonly name: string;
  readonly kind: 'w' | 's' | 'b';
  readonly max: number;
  readonly need: number;
  /** As much more as may be had, for requests to come. */
  readonly want: number;
  /** Of a budget: when its period began, and what was spent in it by all that is known here. */
  readonly from: number;
  readonly spent: number;
  /** Of a budget: what it is to be found by when this process is dead; `undefined`: that was said before. */
  readonly label: string | undefined;
}

export interface Granted {
  readonly amount: number;
  readonly left: number;
  /** Of a budget: by all processes. */
  readonly spent: number;
}

export interface Lacking {
  readonly free: number;
  readonly used: number;
  readonly reserved: number;
  readonly waitMs: number;
}

export type Acquired =
  | { readonly ok: true; readonly second: number; readonly granted: readonly Granted[] }
  | { readonly ok: false; readonly lacking: readonly Lacking[] };

/** What became of something that was taken of one limit. */
export interface Told {
  readonly name: string;
  readonly kind: 'w' | 's' | 'b';
  readonly back: number;
  /** Of a window: when that was granted. */
  readonly second: number;
  readonly used: number;
  readonly from: number;
  /** What this process holds in all; `undefined`: not told. */
  readonly holds: number | undefined;
  /** As of `Wanted`. */
  readonly label: string | undefined;
}

/** A report as it is sent, and sent again until it is answered. */
export interface Report {
  /** One that is told again keeps its number, and counts once. */
  readonly number: number;
  readonly list: readonly Told[];
  /** How many records of this run it includes. */
  readonly through: number;
  /** Whether nothing will be told any more. */
  readonly isLast: boolean;
}

/** A run that has reported within the last days, as Redis knows it. */
export interface KnownRun {
  readonly name: string;
  /** When it last did, by Redis's clock. Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Whether it says so again and again. */
  readonly isLive: boolean;
}

export interface KnownBudget {
  readonly name: string;
  readonly label: string;
  /** When its period began. */
  readonly from: number;
}

interface Scripted extends Redis {
  lanportAcquire(keys: number, ...rest: string[]): Promise<string[]>;
  lanportReport(keys: number, ...rest: string[]): Promise<string[]>;
  lanportCountLeft(keys: number, ...rest: string[]): Promise<number>;
}

/** Counters in Redis or Valkey, which several processes share. */
export class SharedCounters implements AsyncDisposable {
  readonly #redis: Scripted;
  readonly #process: string;

  /** `process`: names this one, and never another. `onConnected`: each time that commands can be sent again; `onLost`: when they cannot any more, with the reason. Connects by itself. */
  constructor(url: string, process: string, events: { onConnected(): void; onLost(reason: string): void }) {
    this.#process = process;
    this.#redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_MS,
      commandTimeout: COMMAND_MS,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      // What was sent and not answered may have been done: it is never sent again by the client.
      autoResendUnfulfilledCommands: false,
      retryStrategy: (attempt) => Math.min(100 * attempt, RETRY_MS_MAX),
      scripts: {
        lanportAcquire: { lua: ACQUIRE },
        lanportReport: { lua: REPORT },
        lanportCountLeft: { lua: COUNT_LEFT },
      },
    }) as Scripted;
    this.#redis.on('ready', () => events.onConnected());
    this.#redis.on('error', (error: Error) => events.onLost(error.message));
    this.#redis.on('close', () => events.onLost('the connection was closed'));
    this.#redis.connect().catch(() => undefined);
  }

  async acquire(list: readonly Wanted[]): Promise<Acquired> {
    const reply = await this.#redis.lanportAcquire(
      list.length + 1,
      budgetsOf(this.#process),
      ...list.map(({ name }) => PREFIX + name),
      ...this.#facts(),
      ...list.flatMap(({ kind, max, need, want, from, spent, label }) => [
        kind,
        whole(max),
        whole(need),
        whole(want),
        whole(from),
        whole(spent),
        label ?? '',
      ]),
    );
    const [ok, ...rest] = reply.map(Number);
    if (ok === 0)
      return {
        ok: false,
        lacking: list.map((_, at) => ({
          free: rest[4 * at]!,
          used: rest[4 * at + 1]!,
          reserved: rest[4 * at + 2]!,
          waitMs: rest[4 * at + 3]!,
        })),
      };
    const [second, ...facts] = rest;
    return {
      ok: true,
      second: second!,
      granted: list.map((_, at) => ({
        amount: facts[3 * at]!,
        left: facts[3 * at + 1]!,
        spent: facts[3 * at + 2]!,
      })),
    };
  }

  /** Resolves with how many processes live, and how many are gone without a last report. */
  async report(report: Report): Promise<{ readonly processes: number; readonly departed: number }> {
    const { number, list, through, isLast } = report;
    const reply = await this.#redis.lanportReport(
      list.length + 4,
      ...keysOf(this.#process),
      ...list.map(({ name }) => PREFIX + name),
      ...this.#facts(),
      whole(number),
      whole(through),
      isLast ? '1' : '0',
      ...list.flatMap(({ kind, back, second, used, from, holds, label }) => [
        kind,
        whole(back),
        whole(second),
        whole(used),
        whole(from),
        holds === undefined ? '-1' : whole(holds),
        label ?? '',
      ]),
    );
    const [processes, departed] = reply.map(Number);
    return { processes: processes!, departed: departed! };
  }

  /** The runs that have not said that they ended, but for this one. */
  async runs(): Promise<readonly KnownRun[]> {
    const [live, all] = await Promise.all([
      this.#redis.zrange(LIVE, '0', '-1'),
      this.#redis.zrange(ALL, '0', '-1', 'WITHSCORES'),
    ]);
    return all
      .flatMap((name, at) =>
        at % 2 === 0 ? [{ name, at: Number(all[at + 1]), isLive: live.includes(name) }] : [],
      )
      .filter(({ name }) => name !== this.#process);
  }

  /** How many of a run's records are included in what it told. `undefined`: it is not known any more. */
  async positionOf(run: string): Promise<number | undefined> {
    const position = await this.#redis.hget(runOf(run), 'position');
    return position === null ? undefined : Number(position);
  }

  /** What a run has spent from. */
  async budgetsOf(run: string): Promise<readonly KnownBudget[]> {
    const labels = Object.entries(await this.#redis.hgetall(budgetsOf(run)));
    const pipeline = this.#redis.pipeline();
    for (const [key] of labels) pipeline.hget(key, 'from');
    const replies = (await pipeline.exec()) ?? [];
    return labels.flatMap(([key, label], at) => {
      const [error, from] = replies[at] ?? [];
      if (error) throw error;
      return typeof from === 'string' ? [{ name: key.slice(PREFIX.length), label, from: Number(from) }] : [];
    });
  }

  /** Adds what a dead run had not told to its budgets, unless somebody has since `positionOf`; `isWhole`: no more will come, so that it can be forgotten. */
  async countLeft(
    run: string,
    { position, through, isWhole }: { position: number; through: number; isWhole: boolean },
    left: readonly (Pick<KnownBudget, 'name' | 'from'> & { readonly amount: number })[],
  ): Promise<boolean> {
    const done = await this.#redis.lanportCountLeft(
      left.length + 4,
      ...keysOf(run),
      ...left.map(({ name }) => PREFIX + name),
      run,
      ...[position, through].map(whole),
      isWhole ? '1' : '0',
      ...left.flatMap(({ amount, from }) => [whole(amount), whole(from)]),
    );
    return done === 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis.quit().catch(() => undefined);
    this.#redis.disconnect();
  }

  #facts(): string[] {
    return [this.#process, ...[LEASE_MS, WINDOW_S, LIFE_S, REMEMBERED_MS].map(whole)];
  }
}

const runOf = (run: string): string => `${PREFIX}run:${run}`;
const budgetsOf = (run: string): string => `${PREFIX}budgets:${run}`;
const keysOf = (run: string): string[] => [runOf(run), LIVE, ALL, budgetsOf(run)];

/** Lua reads no `1e+21`; more than this is as good as no limit. */
function whole(amount: number): string {
  return String(Math.round(Math.min(amount, 1e20)));
}
