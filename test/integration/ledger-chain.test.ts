import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { createIdSource } from '../../src/core/ids.ts';
import { chainKey, chainKeyFile } from '../../src/ledger/chain-key.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { Retention } from '../../src/ledger/retention.ts';
import { verifyAgainst } from '../../src/ledger/verify-folder.ts';
import type { Verification } from '../../src/ledger/verify-ports.ts';
import { openPgStore } from '../../src/store/pg/pg-store.ts';
import type { Store } from '../../src/store/store-ports.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const DAY_MS = 86_400_000;
/** Midnight in UTC; the calls are of the days before and after it. */
const MIDNIGHT = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const YESTERDAY = new Date(MIDNIGHT - DAY_MS).toISOString().slice(0, 10);
const TODAY = new Date(MIDNIGHT).toISOString().slice(0, 10);
const newId = createIdSource();

let folder: string;
let postgres: TestPostgres;
/** A database with an intact ledger; each test works on a copy. */
let template: string;
let ids: string[];

const open = (url: string): Promise<Store> =>
  openPgStore({
    kind: 'external',
    describe: 'the test database',
    connection: { connectionString: url },
    log: silentLog,
    responseBytesPerKeyMax: 1_000,
  });

/** Sixty calls around midnight, twenty of which are ended after it, by a writer that ends, and five of another one. */
async function fill(url: string, home: string): Promise<string[]> {
  const store = await open(url);
  let now = MIDNIGHT - 5_000;
  const clock: Clock = { now: () => now, monotonicMs: () => performance.now() };
  const made: string[] = [];
  for (const [writer, calls] of [
    ['one', 60],
    ['two', 5],
  ] as const) {
    const ledger = await createLedger({ store: store.ledger, folder: home, writer, clock, log: silentLog });
    const late: string[] = [];
    for (let at = 0; at < calls; at++) {
      now = MIDNIGHT + (at - 30) * 1_000;
      const id = newId();
      made.push(id);
      await ledger.begin(
        callStart(id, {
          startedAt: now,
          keyAlias: 'ü"\\',
          user: at % 2 === 0 ? 'ann' : undefined,
          parentId: at % 3 === 0 ? newId() : undefined,
        }),
      );
      const end = () =>
        ledger.end(
          callEnd(id, { endedAt: now, totalMs: 1.25 + at, cost: at / 1e9, deployment: 'd', attempts: 1 }),
        );
      if (at >= 10 && at < 30) late.push(id);
      else end();
      if (at === 40) for (const one of late) ledger.end(callEnd(one, { endedAt: now, totalMs: 20_000 }));
      if (at % 9 === 0) await ledger.flush();
    }
    await ledger[Symbol.asyncDispose]();
  }
  await store[Symbol.asyncDispose]();
  return made;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-chain-'));
  postgres = await startTestPostgres();
  template = await postgres.createDatabase();
  ids = await fill(template, join(folder, 'template'));
}, 60_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let copies = 0;
/** A copy of the ledger and of its folder. */
async function copy(): Promise<{
  url: string;
  home: string;
  sql: (text: string) => Promise<Record<string, unknown>[]>;
}> {
  const name = `copy_${++copies}`;
  const home = join(folder, name);
  await cp(join(folder, 'template'), home, { recursive: true });
  await postgres.query(
    postgres.url,
    `CREATE DATABASE ${name} TEMPLATE ${new URL(template).pathname.slice(1)}`,
  );
  const url = template.replace(new URL(template).pathname, `/${name}`);
  return { url, home, sql: (text) => postgres.query(url, text) };
}

async function verify(url: string, home: string): Promise<Verification> {
  const store = await open(url);
  try {
    return await verifyAgainst(store.archive, [home], []);
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

/** Seals and, with a retention, removes days, two days later. */
async function keepDays(
  url: string,
  home: string,
  retentionMs?: number,
  key = chainKeyFile(home),
): Promise<void> {
  const store = await open(url);
  const retention = new Retention({
    archive: store.archive,
    folder: home,
    key,
    clock: { now: () => MIDNIGHT + DAY_MS + 7_200_000, monotonicMs: () => 0 },
    log: silentLog,
    retentionMs,
    retentionIntervalMs: 0,
    rollupRetentionMs: 400 * DAY_MS,
  });
  await retention.run();
  expect(retention.state.failure).toBeUndefined();
  await store[Symbol.asyncDispose]();
}

const told = ({ findings }: Verification): unknown[] =>
  findings.map(({ kind, writer, seq, through, id, day }) => [
    kind,
    writer,
    seq,
    ...(through === undefined ? [] : [through]),
    id,
    day,
  ]);

describe('a check of the ledger', () => {
  it('finds nothing wrong with what the ledger wrote, before and after its days are sealed and old ones are removed', async () => {
    verifies('ledger:A5');
    const { url, home, sql } = await copy();
    expect(await verify(url, home)).toMatchObject({
      findings: [],
      records: 130,
      calls: 65,
      writers: 2,
      unchained: 0,
      withoutKey: [],
      withoutAnchor: [],
    });
    await keepDays(url, home);
    expect(
      await sql("SELECT DISTINCT day::text FROM ledger_manifests WHERE kind = 'sealed' ORDER BY 1"),
    ).toEqual([{ day: YESTERDAY }, { day: TODAY }]);
    expect((await verify(url, home)).findings).toEqual([]);
    await keepDays(url, home, DAY_MS);
    expect(await sql(`SELECT to_regclass('ledger_calls_${YESTERDAY.replaceAll('-', '')}') AS gone`)).toEqual([
      { gone: null },
    ]);
    expect(await verify(url, home)).toMatchObject({ findings: [], daysDropped: 1, calls: 30 });
    await keepDays(url, home, 1);
    expect(await verify(url, home)).toMatchObject({ findings: [], daysDropped: 2, calls: 0 });
  });

  it('names the record of which any column was changed', async () => {
    const { url, home, sql } = await copy();
    const columns = (await sql(
      `SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = 'ledger_calls' ORDER BY ordinal_position`,
    )) as { name: string; type: string }[];
    expect(columns.length).toBeGreaterThan(30);
    const missed: string[] = [];
    for (const { name, type } of columns) {
      const id = ids[45]!;
      const before = await sql(`SELECT ${name}::text AS value FROM ledger_calls WHERE id = '${id}'`);
      const other =
        name === 'id' || type === 'uuid'
          ? `'${newId()}'`
          : type === 'text'
            ? `coalesce(${name}, '') || 'x'`
            : type === 'bytea'
              ? `'\\x00'::bytea`
              : type.startsWith('timestamp')
                ? `${name} + interval '1 microsecond'`
                : type === 'boolean'
                  ? `NOT coalesce(${name}, true)`
                  : type === 'numeric'
                    ? `${name} + 1e-30`
                    : `coalesce(${name}, 0) + 1`;
      await sql(`UPDATE ledger_calls SET ${name} = ${other} WHERE id = '${id}'`);
      const { findings } = await verify(url, home);
      if (
        !findings.some(
          (one) => (one.id === id || name === 'id') && one.kind !== 'missing' && one.kind !== 'tip',
        )
      )
        missed.push(name);
      const where = name === 'id' ? other : `'${id}'`;
      const value = before[0]?.['value'];
      await sql(
        `UPDATE ledger_calls SET ${name} = ${value === null ? 'NULL' : `'${String(value)}'::${type}`} WHERE id = ${where}`,
      );
    }
    expect(missed).toEqual([]);
    expect((await verify(url, home)).findings).toEqual([]);
  });

  it('says no more than what is wrong', async () => {
    const { url, home, sql } = await copy();
    await sql(`UPDATE ledger_calls SET cost = 100 WHERE id = '${ids[45]}'`);
    await sql(`UPDATE ledger_calls SET hash = end_hash WHERE id = '${ids[50]}'`);
    const rows = await sql(
      `SELECT seq::int, end_seq::int FROM ledger_calls WHERE id IN ('${ids[45]}', '${ids[50]}') ORDER BY seq`,
    );
    expect(told(await verify(url, home))).toEqual([
      ['changed', 'one', rows[0]!['end_seq'], ids[45], TODAY],
      ['changed', 'one', rows[1]!['seq'], ids[50], TODAY],
    ]);
  });

  it('names what was removed: in the middle, at the beginning, at the end, a whole writer', async () => {
    const middle = await copy();
    await middle.sql(`DELETE FROM ledger_calls WHERE id = '${ids[45]}'`);
    const found = told(await verify(middle.url, middle.home)) as [string, string, number, number][];
    expect(found.map(([kind, writer, from, through]) => [kind, writer, through - from])).toEqual([
      ['missing', 'one', 1],
    ]);

    const head = await copy();
    await head.sql(`DELETE FROM ledger_calls WHERE id IN ('${ids[0]}', '${ids[1]}')`);
    expect(told(await verify(head.url, head.home))).toEqual([['missing', 'one', 1, 4, undefined, YESTERDAY]]);

    // The note in the database is set back too: the one in the data folder is not.
    const tail = await copy();
    await tail.sql(`DELETE FROM ledger_calls WHERE id IN ('${ids[59]}', '${ids[58]}')`);
    await tail.sql(
      `UPDATE ledger_writers AS w SET (seq, hash) = (SELECT end_seq, end_hash FROM ledger_calls WHERE id = '${ids[57]}') WHERE writer = 'one'`,
    );
    expect(told(await verify(tail.url, tail.home))).toEqual([['missing', 'one', 117, 120, undefined, TODAY]]);

    const all = await copy();
    await all.sql(
      "DELETE FROM ledger_calls WHERE writer = 'two'; DELETE FROM ledger_writers WHERE writer = 'two'",
    );
    expect(told(await verify(all.url, all.home))).toEqual([['missing', 'two', 1, 10, undefined, undefined]]);
  });

  it('names what was put in, whether in a place of its own, in one that is taken, or in none', async () => {
    const columns = 'operation, kind, key_id, address, decision, bytes_in, started_at, id, writer, seq, hash';
    for (const [seq, hash] of [
      ['120 + 1', "'\\x01'"],
      ['1000', "'\\x01'"],
      ['90', "'\\x01'"],
      ['90', 'hash'],
      ['90', 'NULL'],
    ] as const) {
      const { url, home, sql } = await copy();
      const id = newId();
      await sql(
        `INSERT INTO ledger_calls (${columns}) SELECT 'tools/call', 'mcp', 'k', 'a', 'allowed', 1, started_at + interval '1 second', '${id}', 'one', ${seq}, ${hash}
         FROM ledger_calls WHERE id = '${ids[45]}'`,
      );
      expect(told(await verify(url, home)), `${seq} ${hash}`).toEqual([
        ['inserted', 'one', seq === '120 + 1' ? 121 : Number(seq), id, TODAY],
      ]);
    }
  });

  it('names the end of a call that another gateway has closed, when it was changed', async () => {
    const { url, home, sql } = await copy();
    const store = await open(url);
    const options = { store: store.ledger, folder: home, clock: systemClock, log: silentLog };
    const dies = await createLedger({ ...options, writer: 'dies' });
    const id = newId();
    await dies.begin(callStart(id, { startedAt: MIDNIGHT }));
    await dies[Symbol.asyncDispose]();
    const closes = await createLedger({ ...options, writer: 'closes' });
    await closes.flush();
    await closes[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    expect(await sql(`SELECT status, end_seq FROM ledger_calls WHERE id = '${id}'`)).toEqual([
      { status: 'unknown', end_seq: null },
    ]);
    expect((await verify(url, home)).findings).toEqual([]);
    for (const change of [
      "ended_at = ended_at + interval '1 second'",
      'cost = 1',
      "status = 'ok'",
      'end_hash = NULL',
      "end_writer = 'one'",
    ]) {
      await sql(
        `CREATE TABLE kept AS SELECT * FROM ledger_calls WHERE id = '${id}'; UPDATE ledger_calls SET ${change} WHERE id = '${id}'`,
      );
      const found = (await verify(url, home)).findings.map(({ kind, id: call, day }) => [kind, call, day]);
      expect(found, change).toEqual([['changed', id, TODAY]]);
      await sql(
        `DELETE FROM ledger_calls WHERE id = '${id}'; INSERT INTO ledger_calls SELECT * FROM kept; DROP TABLE kept`,
      );
    }
  });

  it('names records that were put in each other’s places', async () => {
    const { url, home, sql } = await copy();
    const [a, b] = (await sql(
      `SELECT id, seq::int FROM ledger_calls WHERE id IN ('${ids[42]}', '${ids[52]}') ORDER BY seq`,
    )) as { id: string; seq: number }[];
    await sql(
      `UPDATE ledger_calls SET seq = CASE WHEN seq = ${a!.seq} THEN ${b!.seq} ELSE ${a!.seq} END WHERE id IN ('${a!.id}', '${b!.id}')`,
    );
    const { findings } = await verify(url, home);
    expect(findings.filter(({ kind }) => kind === 'reordered').map(({ id, detail }) => [id, detail])).toEqual(
      [
        [b!.id, `it was recorded as number ${b!.seq}`],
        [a!.id, `it was recorded as number ${a!.seq}`],
      ],
    );
  });

  it('names a day that was removed by somebody else, and days that were exchanged', async () => {
    const gone = await copy();
    await keepDays(gone.url, gone.home);
    await gone.sql(`DROP TABLE ledger_calls_${YESTERDAY.replaceAll('-', '')}`);
    const found = (await verify(gone.url, gone.home)).findings;
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found.map(({ kind, day }) => `${kind} ${day}`))).toEqual(
      new Set([`missing ${YESTERDAY}`]),
    );

    // Nor does it help to say that it was old.
    await gone.sql(
      `INSERT INTO ledger_manifests SELECT day, '', 'dropped', 1, replace(body, 'sealed', 'dropped'), key_id, mac FROM ledger_manifests WHERE writer = 'one' AND day = '${YESTERDAY}'`,
    );
    const forged = (await verify(gone.url, gone.home)).findings;
    expect(new Set(forged.map(({ kind }) => kind))).toEqual(new Set(['missing', 'manifest']));

    const swapped = await copy();
    const [y, t] = [YESTERDAY, TODAY].map((day) => `ledger_calls_${day.replaceAll('-', '')}`);
    await swapped.sql(`
      ALTER TABLE ledger_calls DETACH PARTITION ${y}; ALTER TABLE ledger_calls DETACH PARTITION ${t};
      UPDATE ${y} SET started_at = started_at + interval '1 day'; UPDATE ${t} SET started_at = started_at - interval '1 day';
      ALTER TABLE ${y} RENAME TO other; ALTER TABLE ${t} RENAME TO ${y}; ALTER TABLE other RENAME TO ${t};
      ALTER TABLE ledger_calls ATTACH PARTITION ${y} FOR VALUES FROM ('${YESTERDAY} 00:00+00') TO ('${TODAY} 00:00+00');
      ALTER TABLE ledger_calls ATTACH PARTITION ${t} FOR VALUES FROM ('${TODAY} 00:00+00') TO ('${new Date(MIDNIGHT + DAY_MS).toISOString().slice(0, 10)} 00:00+00')`);
    const exchanged = (await verify(swapped.url, swapped.home)).findings;
    expect(new Set(exchanged.map(({ id }) => id)).size).toBeGreaterThanOrEqual(65);
  });

  it('uses the manifests in the data folder when those in the database were removed', async () => {
    const { url, home, sql } = await copy();
    await keepDays(url, home, DAY_MS);
    await sql('DELETE FROM ledger_manifests');
    const { findings } = await verify(url, home);
    expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(['manifest']));
  });

  it('believes a day that a gateway with another key has removed, and says that it cannot prove it', async () => {
    const { url, home } = await copy();
    await keepDays(url, home, DAY_MS, chainKey('the key of another gateway'));
    await rm(join(home, 'manifests'), { recursive: true });
    const { findings, withoutKey, daysDropped } = await verify(url, home);
    expect([findings, daysDropped]).toEqual([[], 1]);
    expect(withoutKey).toEqual([expect.stringMatching(/^manifests with key [0-9a-f]{16}$/)]);
  });

  it('says what it cannot tell without the key of a writer, and still finds what is gone', async () => {
    const { url, home, sql } = await copy();
    await rm(join(home, 'chain.key'));
    await rm(join(home, 'chain'), { recursive: true });
    await sql(`DELETE FROM ledger_calls WHERE id = '${ids[45]}'`);
    const store = await open(url);
    const verification = await verifyAgainst(store.archive, [home], [chainKey('another one')]);
    await store[Symbol.asyncDispose]();
    expect(verification).toMatchObject({ withoutKey: ['one', 'two'], withoutAnchor: ['one', 'two'] });
    expect(verification.findings.map(({ kind }) => kind)).toEqual(['gap']);
  });
});
