import { Pool, type PoolClient } from 'pg';
import type { ConnectorLog } from '../connector-log.ts';
import { Backoff } from './backoff.ts';
import { type ConnectionTarget, isPreferredTls, poolConfig, type Reach } from './connection.ts';
import { DatabaseBusy, DatabaseUnavailable, describeConnectError } from './errors.ts';

export interface PoolsOptions {
  readonly connection: ConnectionTarget;
  /** Sessions for work at a time. */
  readonly sessionsMax: number;
  /** How long one is waited for. Milliseconds. */
  readonly waitMs: number;
  readonly log: ConnectorLog;
}

const CONTROL_SESSIONS = 2;

/** `work`: for calls; `control`: for cancelling and for health, when every session for work is busy. */
type Purpose = 'work' | 'control';

/** The sessions with one database: it learns how the server can be reached, and does not storm one that is down. */
export class Pools implements AsyncDisposable {
  readonly #options: PoolsOptions;
  readonly #backoff = new Backoff();
  #reach: Reach;
  #pools: Readonly<Record<Purpose, Pool>>;

  /** Opens nothing yet. Throws one sentence when the connection URL is none. */
  constructor(options: PoolsOptions) {
    this.#options = options;
    this.#reach = { tls: true, startupSettings: true };
    this.#pools = this.#open();
  }

  /** A session. Rejects with DatabaseUnavailable or DatabaseBusy. */
  async checkout(purpose: Purpose): Promise<PoolClient> {
    const early = purpose === 'work' ? this.#backoff.refusal() : undefined;
    if (early !== undefined) throw new DatabaseUnavailable(early);
    const pool = this.#pools[purpose];
    try {
      const client = await pool.connect();
      this.#backoff.succeeded();
      return client;
    } catch (error) {
      const reach = this.#otherReach(error);
      if (reach !== undefined) {
        this.#change(pool, reach);
        return this.checkout(purpose);
      }
      if (pool.totalCount >= pool.options.max) {
        const busy = `all ${pool.options.max} sessions of this connector are busy; try again in a moment`;
        throw new DatabaseBusy(busy, { cause: error });
      }
      const message = `the database cannot be reached: ${describeConnectError(error)}`;
      this.#backoff.failed(message);
      throw new DatabaseUnavailable(message, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#pools.work.end(), this.#pools.control.end()]);
  }

  /** What else to try after this error, once each; `undefined` when nothing. */
  #otherReach(error: unknown): Reach | undefined {
    const message = error instanceof Error ? error.message : '';
    if (this.#reach.tls && isPreferredTls(this.#options.connection) && /does not support SSL/.test(message))
      return { ...this.#reach, tls: false };
    // A pooler (PgBouncer) that knows no start-up options. Each transaction sets what matters, too.
    if (this.#reach.startupSettings && /unsupported startup parameter.*options/.test(message))
      return { ...this.#reach, startupSettings: false };
    return undefined;
  }

  #change(failed: Pool, reach: Reach): void {
    // Another call may have noticed the same before.
    if (failed !== this.#pools.work && failed !== this.#pools.control) return;
    const before = this.#pools;
    this.#reach = reach;
    this.#pools = this.#open();
    void before.work.end();
    void before.control.end();
  }

  #open(): Readonly<Record<Purpose, Pool>> {
    const open = (max: number): Pool => {
      const pool = new Pool(poolConfig(this.#options.connection, max, this.#options.waitMs, this.#reach));
      pool.on('error', (error) => {
        if (!pool.ending) this.#options.log.warn('an idle database connection broke', { reason: error });
      });
      // The pool's own listener is off before whoever asked for the session has theirs: a server that ends the session in between would end
      // this process. The next statement fails anyway.
      pool.on('connect', (client) => client.on('error', () => undefined));
      return pool;
    };
    return { work: open(this.#options.sessionsMax), control: open(CONTROL_SESSIONS) };
  }
}
