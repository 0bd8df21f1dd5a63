import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { ACQUIRE, REPORT } from './scripts.ts';

/** How long a process may keep what it holds without a sign of life. */
export const LEASE_MS = 10_000;
/** How long what was granted for a minute's limit may be used: a window counts so much longer than a minute. */
export const GRANT_MS = 1_000;
/** A minute, the time that a grant may be used, and the rest of the second in which it was granted. */
const WINDOW_S = 62;
/** Longer than the longest budget period that people write, so that what was spent in it is forgotten by no accident. */
const LIFE_S = 100 * 86_400;
const PREFIX = '{lanport-limits}:';
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
}

interface Scripted extends Redis {
  lanportAcquire(keys: number, ...rest: string[]): Promise<string[]>;
  lanportReport(keys: number, ...rest: string[]): Promise<string[]>;
}

/** Counters in Redis or Valkey, which several processes share. */
export class SharedCounters implements AsyncDisposable {
  readonly #redis: Scripted;
  readonly #process = randomBytes(9).toString('base64url');
  #sequence = 0;

  /** `onConnected`: each time that commands can be sent again; `onLost`: when they cannot any more, with the reason. Connects by itself. */
  constructor(url: string, events: { onConnected(): void; onLost(reason: string): void }) {
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
      },
    }) as Scripted;
    this.#redis.on('ready', () => events.onConnected());
    this.#redis.on('error', (error: Error) => events.onLost(error.message));
    this.#redis.on('close', () => events.onLost('the connection was closed'));
    this.#redis.connect().catch(() => undefined);
  }

  async acquire(list: readonly Wanted[]): Promise<Acquired> {
    const reply = await this.#redis.lanportAcquire(
      list.length,
      ...list.map(({ name }) => PREFIX + name),
      ...this.#facts(),
      ...list.flatMap(({ kind, max, need, want, from, spent }) => [
        kind,
        whole(max),
        whole(need),
        whole(want),
        whole(from),
        whole(spent),
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

  /** The number of the next report: one that is told again keeps its number, and counts once. */
  nextReport(): number {
    return ++this.#sequence;
  }

  /** Resolves with how many processes there are. */
  async report(sequence: number, list: readonly Told[]): Promise<number> {
    const reply = await this.#redis.lanportReport(
      list.length + 2,
      `${PREFIX}told:${this.#process}`,
      `${PREFIX}processes`,
      ...list.map(({ name }) => PREFIX + name),
      ...this.#facts(),
      String(sequence),
      ...list.flatMap(({ kind, back, second, used, from, holds }) => [
        kind,
        whole(back),
        whole(second),
        whole(used),
        whole(from),
        holds === undefined ? '-1' : whole(holds),
      ]),
    );
    return Number(reply[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis.quit().catch(() => undefined);
    this.#redis.disconnect();
  }

  #facts(): string[] {
    return [this.#process, String(LEASE_MS), String(WINDOW_S), String(LIFE_S)];
  }
}

/** Lua reads no `1e+21`; more than this is as good as no limit. */
function whole(amount: number): string {
  return String(Math.round(Math.min(amount, 1e20)));
}
