import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createIdSource } from '../../src/core/ids.ts';
import { Partitions } from '../../src/store/pg/ledger-partitions.ts';
import { PgLedgerStore } from '../../src/store/pg/pg-ledger-store.ts';
import { openPgStore } from '../../src/store/pg/pg-store.ts';
import type { LedgerRecord } from '../../src/store/call-records.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres, testPool } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const DAY_MS = 86_400_000;
const DAYS = 60;
const CALLS = 100;
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Plan[];
  /** Of a change: the tables that it opens. */
  readonly 'Target Tables'?: readonly { readonly 'Relation Name': string }[];
}

let postgres: TestPostgres;
let pool: Pool;
let newId: () => string;
/** What the last statement planned to read or change, by day's table: rows that it looked at. */
let looked = new Map<string, number>();

function look(plan: Plan, into: Map<string, number>): Map<string, number> {
  const name = plan['Relation Name'];
  const tables = [
    ...(name === undefined ? [] : [name]),
    ...(plan['Target Tables'] ?? []).map((target) => target['Relation Name']),
  ];
  for (const table of tables.filter((one) => one.startsWith('ledger_calls_'))) {
    const {
      'Actual Rows': rows = 0,
      'Rows Removed by Filter': removed = 0,
      'Rows Removed by Index Recheck': rechecked = 0,
    } = plan;
    const count = plan['Node Type'] === 'ModifyTable' ? 0 : rows + removed + rechecked;
    into.set(table, (into.get(table) ?? 0) + count * (plan['Actual Loops'] ?? 1));
  }
  for (const inner of plan.Plans ?? []) look(inner, into);
  return into;
}

/** A store whose statements are explained, on what they really do, before they are run. A plan that is kept under a name is not that. */
function explaining(): PgLedgerStore {
  const query = async (text: unknown, values: unknown[]) => {
    if (typeof text !== 'string') throw new Error('a statement with a name may have a plan of its own');
    await pool.query('BEGIN');
    const { rows } = await pool.query<{ 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
      values,
    );
    await pool.query('ROLLBACK');
    looked = look(rows[0]!['QUERY PLAN'][0]!.Plan, new Map());
    return pool.query(text, values);
  };
  return new PgLedgerStore({ query } as unknown as Pool, new Partitions(pool));
}

const tableOf = (ms: number): string =>
  `ledger_calls_${new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')}`;

let seq = 0;
const startOf = (id: string, startedAt: number): LedgerRecord => ({
  phase: 'received',
  writer: 'w',
  seq: ++seq,
  start: callStart(id, { startedAt }),
});
const endOf = (id: string): LedgerRecord => ({
  phase: 'ended',
  writer: 'w',
  seq: ++seq,
  end: callEnd(id, { endedAt: NOON + 1_000, totalMs: 7 }),
});
const idsOf = (count: number): string[] => Array.from({ length: count }, () => newId());
const ended = async (ids: readonly string[]): Promise<number> =>
  Number(
    (
      await pool.query<{ count: string }>(
        "SELECT count(*) FROM ledger_calls WHERE id = ANY ($1::uuid[]) AND status = 'ok' AND total_ms = 7",
        [ids],
      )
    ).rows[0]!.count,
  );

beforeAll(async () => {
  postgres = await startTestPostgres();
  const url = await postgres.createDatabase();
  const store = await openPgStore({
    kind: 'external',
    describe: 'the test database',
    connection: { connectionString: url },
    log: silentLog,
    responseBytesPerKeyMax: 1_000,
  });
  for (let day = 0; day < DAYS; day++) {
    newId = createIdSource(() => NOON - day * DAY_MS);
    await store.ledger.append(idsOf(CALLS).flatMap((id) => [startOf(id, NOON - day * DAY_MS), endOf(id)]));
  }
  await store[Symbol.asyncDispose]();
  newId = createIdSource(() => NOON);
  pool = testPool(url, 1);
}, 120_000);
afterAll(async () => {
  await pool?.end();
  await postgres?.[Symbol.asyncDispose]();
});

it('ends are put to their calls without looking at other days or other calls', async () => {
  verifies('ledger:append-by-day');
  const ledger = explaining();
  const first = idsOf(CALLS);
  await ledger.append([
    ...first.map((id, at) => startOf(id, NOON + at)),
    ...idsOf(CALLS).flatMap((id) => [startOf(id, NOON), endOf(id)]),
  ]);
  // Calls that have ended already are written once, and nothing is looked for.
  expect([...looked]).toEqual([]);
  const second = idsOf(CALLS);
  await ledger.append([...first.map(endOf), ...second.map((id) => startOf(id, NOON + DAY_MS))]);
  expect([...looked]).toEqual([[tableOf(NOON), CALLS]]);
  const third = idsOf(CALLS);
  await ledger.append(third.map((id) => startOf(id, NOON)));
  await ledger.append([...second, ...third].map(endOf));
  expect(looked).toEqual(
    new Map([
      [tableOf(NOON), CALLS],
      [tableOf(NOON + DAY_MS), CALLS],
    ]),
  );
  expect(await ended([...first, ...second, ...third])).toBe(3 * CALLS);
});

it('ends of calls whose beginning is not known come to them all the same', async () => {
  verifies('ledger:append-by-day');
  const others = idsOf(3);
  await explaining().append(others.map((id) => startOf(id, NOON - 40 * DAY_MS)));
  const ledger = explaining();
  const own = idsOf(3);
  await ledger.append(own.map((id) => startOf(id, NOON)));
  await ledger.append([...others, ...own].map(endOf));
  expect(await ended([...others, ...own])).toBe(6);
  expect(looked.size).toBeGreaterThan(DAYS);
  // A clock that is finer than milliseconds.
  const fine = idsOf(2);
  await ledger.append([startOf(fine[0]!, NOON + 0.25), startOf(fine[1]!, NOON)]);
  await ledger.append(fine.map(endOf));
  expect(await ended(fine)).toBe(2);
});

it('a batch that comes again, or whose call another one has closed, changes nothing that is right', async () => {
  verifies('ledger:append-by-day');
  const ledger = explaining();
  const ids = idsOf(2);
  const starts = ids.map((id) => startOf(id, NOON));
  const ends = ids.map(endOf);
  await ledger.append(starts);
  await pool.query(
    "UPDATE ledger_calls SET ended_at = now(), status = 'unknown', total_ms = 0 WHERE started_at > $1 AND id = $2",
    [new Date(NOON - DAY_MS), ids[0]],
  );
  for (const batch of [ends, ends, [...starts, ...ends], starts]) await ledger.append(batch);
  expect(await ended(ids)).toBe(2);
});

it('what a record says of itself is never taken for its place in the chain', async () => {
  const ledger = explaining();
  const [both, late] = idsOf(2) as [string, string];
  const lie = { writer: 'x', seq: 99, hash: '\\xff', end_writer: 'x', end_seq: 99, end_hash: '\\xff' };
  const lying = (record: LedgerRecord): LedgerRecord =>
    record.phase === 'received'
      ? { ...record, hash: '01', start: { ...record.start, ...lie } }
      : { ...record, hash: '02', end: { ...record.end, ...lie } };
  await ledger.append([startOf(both, NOON), endOf(both), startOf(late, NOON)].map(lying));
  await ledger.append([lying(endOf(late))]);
  const { rows } = await pool.query(
    `SELECT writer, end_writer, seq <> 99 AND end_seq <> 99 AS known, encode(hash, 'hex') AS hash, encode(end_hash, 'hex') AS end_hash
     FROM ledger_calls WHERE id = ANY ($1::uuid[])`,
    [[both, late]],
  );
  const place = { writer: 'w', end_writer: 'w', hash: '01', end_hash: '02' };
  expect(rows).toEqual([
    { ...place, known: true },
    { ...place, known: true },
  ]);
});
