import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createIdSource } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import { chainKey } from '../../src/ledger/chain-key.ts';
import { Retention } from '../../src/ledger/retention.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store-ports.ts';
import type { LedgerRecord } from '../../src/store/call-records.ts';
import { type Log, silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const DAY_MS = 86_400_000;
/** 22:00 in UTC. */
const NOW = Math.floor(Date.now() / DAY_MS) * DAY_MS + 22 * 3_600_000;
const newId = createIdSource();
const iso = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

let folder: string;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-days-'));
  postgres = await startTestPostgres();
}, 60_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const openExternal = async (): Promise<Store> =>
  (await openStore({ kind: 'external', url: new Secret(await postgres.createDatabase()) }, silentLog)).store;

/** A retention on a clock of its own. */
function retentionOf(
  store: Store,
  retentionMs: number | undefined,
  log: Log = silentLog,
): { retention: Retention; at: (ms: number) => Promise<void> } {
  let now = NOW;
  const retention = new Retention({
    archive: store.archive,
    folder: join(folder, 'ledger'),
    key: chainKey('a key for tests'),
    clock: { now: () => now, monotonicMs: () => now },
    log,
    retentionMs,
    retentionIntervalMs: DAY_MS,
    rollupRetentionMs: 400 * DAY_MS,
  });
  return {
    retention,
    at: async (ms) => {
      now = ms;
      await retention.run();
      expect(retention.state.failure).toBeUndefined();
    },
  };
}

function call(startedAt: number): LedgerRecord[] {
  const id = newId();
  return [
    { phase: 'received', writer: 'w', seq: 1, start: callStart(id, { startedAt, keyId: 'k' }) },
    { phase: 'ended', writer: 'w', seq: 2, end: callEnd(id, { endedAt: startedAt, cost: 1 }) },
  ];
}

it('the table of a day is there before the day is, also over midnights without a call', async () => {
  verifies('ledger:A8');
  await using store = await openExternal();
  const { at } = retentionOf(store, undefined);
  for (const days of [0, 1, 2, 3, 30]) {
    await at(NOW + days * DAY_MS);
    const there = await store.archive.days();
    expect(there).toEqual(
      expect.arrayContaining([0, 1, 2, 3].map((ahead) => iso(NOW + (days + ahead) * DAY_MS))),
    );
  }
});

it('days are removed when all of them is older than the retention, once an interval; the sums stay 400 days', async () => {
  await using store = await openExternal();
  for (const days of [100, 91, 90, 1]) await store.ledger.append(call(NOW - days * DAY_MS));
  const { at } = retentionOf(store, 90 * DAY_MS);
  const left = async (): Promise<number> => (await store.spend.find({ limit: 10 })).length;
  const spent = async (): Promise<number> =>
    (await store.spend.usage({ from: 0, to: NOW * 2, groupBy: [] }))[0]!.requests;
  await at(NOW);
  expect([await left(), await spent()]).toEqual([2, 4]);
  // Of a part of an hour whose calls are gone, the whole hour counts.
  expect(await store.spend.spentSince('key', 'k', NOW - 100 * DAY_MS + 60_000)).toMatchObject({
    requests: 4,
  });
  expect(await store.spend.spentSince('key', 'k', NOW - 90 * DAY_MS + 60_000)).toMatchObject({ requests: 1 });
  // The day of the third is older now, and is looked for a day after the last look.
  await at(NOW + 3 * 3_600_000);
  expect(await left()).toBe(2);
  await at(NOW + DAY_MS);
  expect([await left(), await spent()]).toEqual([1, 4]);
  await at(NOW + 305 * DAY_MS);
  expect([await left(), await spent()]).toEqual([0, 3]);
});

it('records that belong to no day are an alarm', async () => {
  await using store = await openExternal();
  const alarms: unknown[] = [];
  const log: Log = { ...silentLog, error: (message, fields) => void alarms.push([message, fields]) };
  const { retention, at } = retentionOf(store, 90 * DAY_MS, log);
  await at(NOW);
  expect([alarms, retention.state.strays]).toEqual([[], 0]);
  await store.ledger.append(call(NOW - 20 * 365 * DAY_MS));
  await at(NOW + 1);
  expect(retention.state.strays).toBe(1);
  expect(alarms).toEqual([
    [expect.stringContaining('belong to no day') as string, { records: 1, table: 'ledger_calls_default' }],
  ]);
});

it('files of a ledger without a database are removed by the day of their last record', async () => {
  const dataFolder = join(folder, 'none');
  const { store } = await openStore({ kind: 'none', dataFolder }, silentLog);
  for (const [number, days] of [
    [1, 100],
    [2, 91],
    [3, 89],
  ] as const) {
    const path = join(dataFolder, 'ledger', `ledger-0000000${number}.jsonl`);
    await writeFile(path, '');
    await utimes(path, (NOW - days * DAY_MS) / 1_000, (NOW - days * DAY_MS) / 1_000);
  }
  const { at } = retentionOf(store, 90 * DAY_MS);
  await at(NOW);
  expect(await readdir(join(dataFolder, 'ledger'))).toEqual(['ledger-00000003.jsonl']);
  await store[Symbol.asyncDispose]();
});
