// What the ledger's database side does: how fast it takes calls, and how long reading, removing and checking take with a million of them.
import { join } from 'node:path';
import { createIdSource } from '../../src/core/ids.ts';
import { chainKey, chainKeyFile } from '../../src/ledger/chain-key.ts';
import { Chains } from '../../src/ledger/chains.ts';
import { RecordWriter } from '../../src/ledger/record-writer.ts';
import { Retention } from '../../src/ledger/retention.ts';
import { type SpooledRecord, unspooledRecord } from '../../src/ledger/spooled-record.ts';
import { verifyAgainst } from '../../src/ledger/verify-folder.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store-ports.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callOf } from './calls.ts';
import type { LedgerMeasure } from './measures.ts';

const DAY_MS = 86_400_000;
/** Days that the calls are of. */
export const DAYS = 10;
const BATCH_CALLS = 250;
const REPEATS = 5;
/** The aims: docs/guide/ledger.md. */
const QUERY_MS_MAX = 200;
const INGEST_MIN = 5_000;

/** Fills an embedded database with `rows` calls of ten days, a real chain included, and measures what is done with them. */
export async function measureLedger(
  folder: string,
  rows: number,
  say: (text: string) => void,
): Promise<readonly LedgerMeasure[]> {
  const { store } = await openStore(
    { kind: 'embedded', dataFolder: join(folder, 'ledger-database') },
    silentLog,
  );
  try {
    const home = join(folder, 'ledger');
    const now = Date.now();
    say(`storing ${rows} calls`);
    const ingest = await fill(store, home, rows, now);
    say('asking');
    return [
      {
        what: 'stored',
        value: ingest,
        unit: 'rows/s',
        aim: `at least ${INGEST_MIN}`,
        isMet: ingest >= INGEST_MIN,
      },
      ...(await queries(store, now)),
      ...(await upkeep(store, home, rows, now)),
    ];
  } finally {
    await store[Symbol.asyncDispose]();
  }
}

/** Rows a second, one batch after the other, as the shipper does it. */
async function fill(store: Store, home: string, rows: number, now: number): Promise<number> {
  const identity = { writer: 'bench', home: 'bench', keyId: chainKeyFile(home).id };
  const chains = new Chains(store.ledger, identity, chainKeyFile(home));
  const records = new RecordWriter('bench');
  const first = now - DAYS * DAY_MS;
  let clock = first;
  const newId = createIdSource(() => clock);
  let seq = 0;
  let storingMs = 0;
  for (let done = 0; done < rows; done += BATCH_CALLS) {
    const batch: SpooledRecord[] = [];
    for (let at = done; at < done + BATCH_CALLS; at++) {
      clock = first + Math.floor((at / rows) * (DAYS * DAY_MS - 1));
      const { start, end } = callOf(newId(), clock, at);
      batch.push(unspooledRecord(records.start(++seq, start)), unspooledRecord(records.end(++seq, end)));
    }
    const startedMs = performance.now();
    const { records: linked, tips } = await chains.link(batch);
    await store.ledger.append(linked, tips);
    chains.commit(tips);
    storingMs += performance.now() - startedMs;
  }
  return rows / (storingMs / 1_000);
}

async function queries(store: Store, now: number): Promise<LedgerMeasure[]> {
  const { spend } = store;
  const month = { from: now - 30 * DAY_MS + 12_345, to: now, limit: 1_000 };
  const page = async (): Promise<void> => {
    const rows = await spend.find({ limit: 50 });
    await spend.find({ limit: 50, before: rows.at(-1)! });
  };
  return [
    await timed('newest page, and the one after it', page),
    await timed("one key's last week, 100 rows", () =>
      spend.find({ filter: { key: 'key-7', from: now - 7 * DAY_MS }, limit: 100 }),
    ),
    await timed('spent by one key since a week ago, to the millisecond', () =>
      spend.spentSince('key', 'key-7', now - 7 * DAY_MS),
    ),
    await timed('spent by one team since yesterday, to the millisecond', () =>
      spend.spentSince('team', 'team-1', now - DAY_MS - 1_234),
    ),
    await timed('spend by key for a month', () => spend.usage({ ...month, groupBy: ['key'] })),
    await timed('spend by day and tool for a month', () =>
      spend.usage({ ...month, groupBy: ['day', 'tool'] }),
    ),
  ];
}

async function upkeep(store: Store, home: string, rows: number, now: number): Promise<LedgerMeasure[]> {
  const beforeMib = process.memoryUsage().rss / 2 ** 20;
  let peakMib = beforeMib;
  const sampler = setInterval(() => (peakMib = Math.max(peakMib, process.memoryUsage().rss / 2 ** 20)), 50);
  const startedMs = performance.now();
  const { findingsCount, calls } = await verifyAgainst(store.archive, [home], []);
  clearInterval(sampler);
  const verifyS = (performance.now() - startedMs) / 1_000;
  if (findingsCount > 0 || calls !== rows)
    throw new Error(`the check found ${findingsCount} things in ${calls} calls`);
  const retention = (retentionMs: number | undefined): Retention =>
    new Retention({
      archive: store.archive,
      folder: home,
      key: chainKey('bench'),
      clock: { now: () => now, monotonicMs: () => performance.now() },
      log: silentLog,
      retentionMs,
      retentionIntervalMs: 0,
      rollupRetentionMs: 400 * DAY_MS,
    });
  const sealing = retention(undefined);
  const sealMs = await once(() => sealing.run());
  const [oldest = ''] = await store.archive.days();
  const dropMs = await once(() => store.archive.drop(oldest));
  return [
    {
      what: 'removal of a day',
      value: dropMs,
      unit: 'ms',
      aim: `at most ${QUERY_MS_MAX}`,
      isMet: dropMs <= QUERY_MS_MAX,
    },
    { what: `sealing of ${DAYS} days`, value: sealMs / 1_000, unit: 's', aim: '', isMet: true },
    { what: 'check of all of it (lanport ledger verify)', value: verifyS, unit: 's', aim: '', isMet: true },
    {
      what: 'memory that the check took at most',
      value: peakMib - beforeMib,
      unit: 'MiB',
      aim: '',
      isMet: true,
    },
  ];
}

async function once(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** The slowest of a few, the first of which is not counted. */
async function timed(what: string, work: () => Promise<unknown>): Promise<LedgerMeasure> {
  await work();
  let value = 0;
  for (let repeat = 0; repeat < REPEATS; repeat++) value = Math.max(value, await once(work));
  return { what, value, unit: 'ms', aim: `at most ${QUERY_MS_MAX}`, isMet: value <= QUERY_MS_MAX };
}
