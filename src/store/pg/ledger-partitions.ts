import type { Pool } from 'pg';

const DAY_MS = 86_400_000;
const AHEAD_DAYS = 3;
/** A record may be so old, or ahead of its time, that it gets a day's table; anything else is a clock that is wrong. */
const PAST_DAYS_MAX = 3_650;
const FUTURE_DAYS_MAX = 60;
/** Key of the advisory lock under which tables of days are made and removed ("ledger" in ASCII, cut). */
const LOCK = 0x6c656467;
/** Whoever reads a day for long must not hold up everybody who writes: then it is tried again later. */
const LOCK_WAIT_MS = 2_000;
/** check_violation (PostgreSQL, appendix A). */
const ROWS_IN_DEFAULT = '23514';

/** The tables of days that a table consists of. Days are in UTC. */
export class Partitions {
  readonly #pool: Pool;
  readonly #table: DailyTable;
  readonly #known = new Set<number>();

  constructor(pool: Pool, table: DailyTable = 'ledger_calls') {
    this.#pool = pool;
    this.#table = table;
  }

  /** Makes the tables of the days of these moments. */
  async prepare(moments: readonly number[]): Promise<void> {
    const missing = new Set<number>();
    for (const moment of moments) {
      const day = Math.floor(moment / DAY_MS);
      if (!this.#known.has(day)) missing.add(day);
    }
    if (missing.size > 0) await this.#make([...missing].filter(isSane), [...missing]);
  }

  /** Makes the tables of the day of `now` and of the three days after it. */
  async prepareAhead(now: number): Promise<void> {
    const today = Math.floor(now / DAY_MS);
    const days = Array.from({ length: AHEAD_DAYS + 1 }, (_, ahead) => today + ahead);
    await this.#make(days, days);
  }

  /** Days that have a table (`2026-11-21`), oldest first. */
  async days(): Promise<readonly string[]> {
    const { rows } = await this.#pool.query<{ name: string }>(daysOf(this.#table));
    return rows.map(({ name }) => dayOf(name));
  }

  /** Rows that belong to no day's table: there should be none. Counts to `max`. */
  async strays(max: number): Promise<number> {
    const { rows } = await this.#pool.query<{ count: string }>(
      `SELECT count(*) FROM (SELECT 1 FROM ${this.#table}_default LIMIT $1) AS some`,
      [max],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** Removes the table of a day with all its rows. Rejects when somebody reads it for long. */
  async drop(day: string): Promise<void> {
    const name = nameOf(this.#table, Date.parse(day) / DAY_MS);
    await this.#locked(`DROP TABLE IF EXISTS ${name}`);
    this.#known.delete(Date.parse(day) / DAY_MS);
  }

  async #make(days: readonly number[], known: readonly number[]): Promise<void> {
    const { rows } = await this.#pool.query<{ name: string }>(daysOf(this.#table));
    const there = new Set(rows.map(({ name }) => name));
    const missing = days.filter((day) => !there.has(nameOf(this.#table, day)));
    for (const day of missing) await this.#makeOne(day);
    for (const day of known) this.#known.add(day);
  }

  async #makeOne(day: number): Promise<void> {
    try {
      await this.#locked(
        `CREATE TABLE IF NOT EXISTS ${nameOf(this.#table, day)} PARTITION OF ${this.#table} FOR VALUES FROM ('${iso(day)} 00:00+00') TO ('${iso(day + 1)} 00:00+00')`,
      );
    } catch (error) {
      // The default table has rows of that day: more of them go there, and the alarm about them is given elsewhere.
      if ((error as { code?: string }).code !== ROWS_IN_DEFAULT) throw error;
    }
  }

  /** One process at a time: the second of two that make the same table would fail. The statements are one transaction. */
  async #locked(statement: string): Promise<void> {
    await this.#pool.query(
      `SELECT pg_advisory_xact_lock(${LOCK}); SELECT set_config('lock_timeout', '${LOCK_WAIT_MS}', true); ${statement}`,
    );
  }
}

/** Tables with a part for each day. */
type DailyTable = 'ledger_calls' | 'ledger_bodies';

/** Names of the tables of days, oldest first. */
const daysOf = (table: DailyTable): string =>
  `SELECT c.relname AS name FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
  WHERE i.inhparent = '${table}'::regclass AND c.relname ~ '^${table}_[0-9]{8}$' ORDER BY 1`;

/** Names of the tables of the ledger's days, oldest first. */
export const DAYS = daysOf('ledger_calls');

function isSane(day: number): boolean {
  const today = Math.floor(Date.now() / DAY_MS);
  return day > today - PAST_DAYS_MAX && day < today + FUTURE_DAYS_MAX;
}

const iso = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

function nameOf(table: DailyTable, day: number): string {
  return `${table}_${iso(day).replaceAll('-', '')}`;
}

/** The table of a day (`2026-11-21`), or of what belongs to none (`default`). */
export const tableOf = (day: string): string => `ledger_calls_${day.replaceAll('-', '')}`;

/** `2026-11-21` of `ledger_calls_20261121`. */
export function dayOf(name: string): string {
  return `${name.slice(-8, -4)}-${name.slice(-4, -2)}-${name.slice(-2)}`;
}
