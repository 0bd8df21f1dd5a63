import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createIdSource } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import { chainKey } from '../../src/ledger/chain-key.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { RecordWriter } from '../../src/ledger/record-writer.ts';
import { type Purged, Retention } from '../../src/ledger/retention.ts';
import { segmentName } from '../../src/ledger/spool-files.ts';
import { verifyAgainst } from '../../src/ledger/verify-folder.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store-ports.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const DAY_MS = 86_400_000;
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2;
const KEY = chainKey('a key for the tests of retired writers');

let folder: string;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-retire-'));
  postgres = await startTestPostgres();
}, 60_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let homes = 0;

/** A ledger in a database and a folder of its own. */
class Bench implements AsyncDisposable {
  readonly home = join(folder, `home-${++homes}`);
  readonly purged: Purged[] = [];
  readonly #store: Store;
  readonly #url: string;

  private constructor(url: string, store: Store) {
    this.#url = url;
    this.#store = store;
  }

  static async open(): Promise<Bench> {
    const url = await postgres.createDatabase();
    return new Bench(url, (await openStore({ kind: 'external', url: new Secret(url) }, silentLog)).store);
  }

  sql(text: string): Promise<Record<string, unknown>[]> {
    return postgres.query(this.#url, text);
  }

  /** A run of a gateway on the day of `at`, with so many calls, the last of which it leaves open on demand. */
  async run(
    writer: string,
    at: number,
    calls: number,
    { open = false, home = this.home } = {},
  ): Promise<void> {
    const clock = { now: () => at, monotonicMs: () => performance.now() };
    const newId = createIdSource(() => at);
    const options = { store: this.#store.ledger, folder: home, clock, log: silentLog, key: KEY };
    await using ledger = await createLedger({ ...options, writer });
    for (let call = 0; call < calls; call++) {
      const id = newId();
      await ledger.begin(callStart(id, { startedAt: at + call }));
      if (!open || call < calls - 1) ledger.end(callEnd(id, { endedAt: at + call }));
    }
    await ledger.flush();
  }

  /** A round of sealing and removing, `at` a moment, of what is older than a day. */
  async keepDays(at: number, key = KEY): Promise<void> {
    const retention = new Retention({
      archive: this.#store.archive,
      folder: this.home,
      key,
      clock: { now: () => at, monotonicMs: () => at },
      log: silentLog,
      retentionMs: DAY_MS,
      retentionIntervalMs: 0,
      rollupRetentionMs: 400 * DAY_MS,
      onPurged: (what) => this.purged.push(what),
    });
    await retention.run();
    if (retention.state.failure !== undefined) throw new Error(retention.state.failure);
  }

  /** What a check finds, and the writers of which it cannot tell whether their newest records are gone. */
  async check(): Promise<unknown[]> {
    const { findings, withoutAnchor, withoutKey } = await verifyAgainst(
      this.#store.archive,
      [this.home],
      [KEY],
    );
    return [
      ...findings.map(({ kind, writer, detail }) => `${kind} ${writer}: ${detail}`),
      ...[...withoutAnchor, ...withoutKey].map((writer) => `unproven ${writer}`),
    ];
  }

  async left(): Promise<{ writers: unknown[]; anchors: string[] }> {
    const rows = await this.sql('SELECT writer FROM ledger_writers ORDER BY 1');
    const files = await readdir(join(this.home, 'chain'));
    return {
      writers: rows.map(({ writer }) => writer),
      anchors: files.map((name) => name.replace('.tip.json', '')).sort(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}

test('a writer goes when all of its days are gone, and a check is clean before and after', async () => {
  verifies('ledger:writers-retired');
  await using bench = await Bench.open();
  await bench.run('old', NOON, 5);
  await bench.run('idle', NOON, 0);
  await bench.run('new', NOON + DAY_MS, 5);
  expect(await bench.check()).toEqual([]);
  await bench.keepDays(NOON + DAY_MS);
  // One that has never written anything has nothing to wait for.
  expect(await bench.left()).toEqual({ writers: ['new', 'old'], anchors: ['new', 'old'] });
  await bench.keepDays(NOON + 2 * DAY_MS);
  expect(await bench.left()).toEqual({ writers: ['new'], anchors: ['new'] });
  expect(await bench.check()).toEqual([]);
  await bench.keepDays(NOON + 3 * DAY_MS);
  expect(await bench.left()).toEqual({ writers: [], anchors: [] });
  expect(await bench.check()).toEqual([]);
  expect(bench.purged.filter(({ table }) => table === 'ledger_writers')).toEqual(
    Array.from({ length: 3 }, () => ({ table: 'ledger_writers', rows: 1 })),
  );
  // The statement is of the day on which it was made, and does not stand for the seal of that day.
  await bench.run('last', NOON + 3 * DAY_MS, 2);
  await bench.keepDays(NOON + 4 * DAY_MS);
  expect(
    await bench.sql("SELECT DISTINCT writer FROM ledger_manifests WHERE kind = 'sealed' ORDER BY 1"),
  ).toEqual([{ writer: 'last' }, { writer: 'new' }, { writer: 'old' }]);
});

test('a row that somebody else deleted is found, and so are records that went with it', async () => {
  verifies('ledger:writers-retired');
  await using bench = await Bench.open();
  await bench.run('both', NOON, 5);
  await bench.run('new', NOON + DAY_MS, 5);
  await bench.sql("DELETE FROM ledger_writers WHERE writer = 'new'");
  expect(await bench.check()).toEqual(['tip new: the table ledger_writers does not know this writer']);
  await bench.keepDays(NOON + 2 * DAY_MS);
  expect(await bench.left()).toEqual({ writers: [], anchors: ['new'] });
  expect(await bench.check()).toEqual(['tip new: the table ledger_writers does not know this writer']);
  // As if it had been retired: its records go, and a statement that nobody has signed.
  await bench.sql(`DELETE FROM ledger_calls;
    INSERT INTO ledger_manifests SELECT day, 'new', kind, revision, replace(body, '"both"', '"new"'), key_id, mac FROM ledger_manifests WHERE kind = 'retired'`);
  const found = await bench.check();
  expect(found).toContainEqual(expect.stringContaining('it was not signed with its key'));
  expect(found).toContainEqual(expect.stringContaining('missing new'));
});

test('of a writer that nobody has let go, and of which this folder knows nothing, that is said', async () => {
  await using bench = await Bench.open();
  await bench.run('elsewhere', NOON, 5, { home: join(folder, 'another home') });
  await bench.keepDays(NOON);
  expect(await bench.check()).toEqual(['unproven elsewhere']);
  await bench.sql('DELETE FROM ledger_calls');
  expect(await bench.check()).toEqual([
    'missing elsewhere: the end of the chain is cut off',
    'unproven elsewhere',
  ]);
});

test('the statement about a retired writer cannot be removed unseen', async () => {
  verifies('ledger:writers-retired');
  await using bench = await Bench.open();
  await bench.run('old', NOON, 5);
  await bench.keepDays(NOON + 2 * DAY_MS);
  await bench.sql("DELETE FROM ledger_manifests WHERE kind = 'retired'");
  expect(await bench.check()).toEqual([
    'manifest old: the manifest (retired) of this day: the database does not have it any more; its file is used',
  ]);
});

test('a writer that comes back after all goes on where it was', async () => {
  verifies('ledger:writers-retired');
  await using bench = await Bench.open();
  await bench.run('old', NOON, 5);
  await bench.keepDays(NOON + 2 * DAY_MS);
  expect((await bench.left()).writers).toEqual([]);
  // Its spool was on a disk that was away, and holds a call that the database has not seen.
  const at = NOON + 2 * DAY_MS;
  const records = new RecordWriter('old');
  const id = createIdSource(() => at)();
  const lines = [
    records.start(11, callStart(id, { startedAt: at })),
    records.end(12, callEnd(id, { endedAt: at })),
  ].map(({ line }) => `${line}\n`);
  await writeFile(join(bench.home, 'spool', segmentName('old', 2)), lines.join(''));
  await bench.run('next', at, 0);
  expect(await bench.left()).toMatchObject({ writers: ['next', 'old'], anchors: ['old'] });
  expect(await bench.check()).toEqual([]);
});

test('a writer stays while it lives, while a call that it closed is there, and when its records are not all vouched for', async () => {
  verifies('ledger:writers-retired');
  await using bench = await Bench.open();
  await bench.run('lives', NOON, 2);
  await bench.run('cut', NOON, 3);
  await bench.run('foreign', NOON - DAY_MS, 2);
  await bench.sql(`UPDATE ledger_writers SET alive_at = now() WHERE writer = 'lives';
    DELETE FROM ledger_calls WHERE writer = 'cut' AND seq = 3`);
  // The day of this one is sealed with another key, and removed with ours.
  await bench.keepDays(NOON, chainKey('the key of another gateway'));
  await bench.keepDays(NOON + 2 * DAY_MS);
  expect((await bench.left()).writers).toEqual(['cut', 'foreign', 'lives']);
  expect(await bench.check()).toContainEqual(expect.stringContaining('missing cut'));

  await using second = await Bench.open();
  await second.run('dies', NOON + DAY_MS, 1, { open: true });
  // It has records of its own on the day before alone, and closed a call of the day after.
  await second.run('closes', NOON, 1);
  await second.keepDays(NOON + DAY_MS);
  expect(await second.sql('SELECT end_writer FROM ledger_calls WHERE end_seq IS NULL')).toEqual([
    { end_writer: 'closes' },
  ]);
  await second.keepDays(NOON + 2 * DAY_MS);
  expect((await second.left()).writers).toEqual(['closes', 'dies']);
  expect(await second.check()).toEqual([]);
  await second.keepDays(NOON + 3 * DAY_MS);
  expect((await second.left()).writers).toEqual([]);
  expect(await second.check()).toEqual([]);
});
