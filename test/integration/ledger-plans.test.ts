import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createIdSource } from '../../src/core/ids.ts';
import { openPgStore } from '../../src/store/pg/pg-store.ts';
import { PgSpend } from '../../src/store/pg/pg-spend.ts';
import type { LedgerRecord } from '../../src/store/call-records.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres, testPool } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAYS = 8;
const A_DAY = 3_000;
const KEYS = 30;
const FIRST = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAYS * DAY_MS;
const LAST = FIRST + (DAYS - 1) * DAY_MS;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Plan[];
}

let postgres: TestPostgres;
let pool: Pool;
let spend: PgSpend;
/** What the last statement read: rows of calls, whether they were wanted or not. */
let callsRead = 0;

/** Rows of the ledger's tables that a plan has touched. */
function touched(plan: Plan): number {
  const inner = (plan.Plans ?? []).reduce((sum, one) => sum + touched(one), 0);
  if (plan['Relation Name']?.startsWith('ledger_calls') !== true) return inner;
  const {
    'Actual Rows': rows = 0,
    'Rows Removed by Filter': removed = 0,
    'Rows Removed by Index Recheck': rechecked = 0,
  } = plan;
  return inner + (rows + removed + rechecked) * (plan['Actual Loops'] ?? 1);
}

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
  let seq = 0;
  let now = FIRST;
  const newId = createIdSource(() => now);
  for (let day = 0; day < DAYS; day++) {
    const records: LedgerRecord[] = [];
    for (let at = 0; at < A_DAY; at++) {
      now = FIRST + day * DAY_MS + at * 10_000;
      const id = newId();
      const start = callStart(id, { startedAt: now, keyId: `k${at % KEYS}`, team: 'red' });
      records.push(
        { phase: 'received', writer: 'w', seq: ++seq, start },
        { phase: 'ended', writer: 'w', seq: ++seq, end: callEnd(id, { endedAt: now, cost: 1 }) },
      );
    }
    await store.ledger.append(records);
  }
  await store[Symbol.asyncDispose]();
  await postgres.query(url, 'ANALYZE');
  pool = testPool(url);
  const explaining = {
    query: async (text: string, values: unknown[]) => {
      const { rows } = await pool.query<{ 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(
        `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
        values,
      );
      callsRead = touched(rows[0]!['QUERY PLAN'][0]!.Plan);
      return pool.query(text, values);
    },
  };
  spend = new PgSpend(explaining as unknown as Pool);
}, 120_000);
afterAll(async () => {
  await pool?.end();
  await postgres?.[Symbol.asyncDispose]();
});

it('a page costs what it shows, not what the ledger holds', async () => {
  verifies('ledger:usage');
  const page = await spend.find({ limit: 50 });
  expect(page).toHaveLength(50);
  expect(callsRead).toBeLessThanOrEqual(60);
  await spend.find({ limit: 50, before: page.at(-1)! });
  expect(callsRead).toBeLessThanOrEqual(60);
  expect(await spend.find({ filter: { key: 'k7', from: LAST - 5 * DAY_MS }, limit: 100 })).toHaveLength(100);
  expect(callsRead).toBeLessThanOrEqual(200);
});

it('sums come from the hours, and only what is left of an hour from its calls', async () => {
  const whole = await spend.usage({ from: FIRST, to: FIRST + 30 * DAY_MS, groupBy: ['key'] });
  expect(whole.map(({ requests }) => requests)).toEqual(Array(KEYS).fill((DAYS * A_DAY) / KEYS));
  expect(callsRead).toBe(0);
  await spend.spentSince('key', 'k7', FIRST + 2 * HOUR_MS + 1_000);
  expect(callsRead).toBeLessThanOrEqual(360 / KEYS + 1);
  await spend.spentSince('team', 'red', FIRST + 2 * HOUR_MS + 1_000);
  expect(callsRead).toBeLessThanOrEqual(360 + 1);
});
