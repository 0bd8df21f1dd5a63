import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  LedgerMemoryStore,
  callEnd,
  callStart,
  diskFull,
  faultySpool,
} from '../../test/support/ledger-fakes.ts';
import { systemClock } from '../core/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { createLedger } from './ledger.ts';
import type { LedgerBounds } from './ledger-bounds.ts';
import type { Ledger } from './ledger-ports.ts';
import type { SpoolFiles } from './spool-files.ts';

let folder: string;
let writers = 0;
const opened: Ledger[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-ends-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  await Promise.all(opened.splice(0).map((ledger) => ledger[Symbol.asyncDispose]()));
});

async function open(
  store: LedgerMemoryStore,
  files: SpoolFiles,
  bounds: Partial<LedgerBounds> = {},
): Promise<Ledger> {
  const writer = `w${++writers}`;
  const options = { store, folder, writer, clock: systemClock, log: silentLog, files };
  const ledger = await createLedger({ ...options, bounds: { closeMs: 200, ...bounds } });
  opened.push(ledger);
  return ledger;
}

/** What the next start makes of the files as they are at this moment. */
async function afterKill(disk: ReadonlyMap<string, Buffer>, store: LedgerMemoryStore): Promise<void> {
  const left = faultySpool(() => undefined);
  for (const [name, bytes] of disk) left.disk.set(name, bytes);
  const next = await open(store, left.files);
  await next.flush();
  await next[Symbol.asyncDispose]();
  expect([...left.disk.keys()]).toEqual([]);
}

const statusOf = (store: LedgerMemoryStore): Record<string, string> =>
  Object.fromEntries([...store.ends].map(([id, { status }]) => [id, status]));

it('an end outlives the process from the moment it is told, whatever the disk and the store have by then', async () => {
  const { files, disk } = faultySpool(() => undefined);
  const store = new LedgerMemoryStore();
  store.down();
  const ledger = await open(store, files, { segmentBytes: 2_000 });
  const kills: { readonly disk: Map<string, Buffer>; readonly ended: readonly string[] }[] = [];
  const ended: string[] = [];
  for (let at = 0; at < 20; at++) {
    await Promise.all([`a${at}`, `b${at}`].map((id) => ledger.begin(callStart(id))));
    for (const id of [`a${at}`, `b${at}`]) {
      ledger.end(callEnd(id));
      ended.push(id);
      kills.push({ disk: new Map(disk), ended: [...ended] });
    }
  }
  for (const kill of kills) {
    const later = new LedgerMemoryStore();
    await afterKill(kill.disk, later);
    const statuses = statusOf(later);
    expect(kill.ended.filter((id) => statuses[id] !== 'ok')).toEqual([]);
    // Once each, and in the order they came in.
    const seqs = later.arrived.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  }
  store.up();
});

it('files of ends go when the disk has their ends with the other records, and the last one when all is stored', async () => {
  const { files, disk } = faultySpool(() => undefined);
  const store = new LedgerMemoryStore();
  store.down();
  const ledger = await open(store, files);
  const endFiles = (): string[] => [...disk.keys()].filter((name) => name.includes('-ends-'));
  const made = new Set<string>();
  const details = 'x'.repeat(2_000);
  for (let at = 0; at < 600; at++) {
    await ledger.begin(callStart(`c${at}`));
    ledger.end(callEnd(`c${at}`, { details }));
    for (const name of endFiles()) made.add(name);
    // One that is written, and one whose last end waits for its group.
    expect(endFiles().length).toBeLessThanOrEqual(2);
  }
  expect(made.size).toBeGreaterThan(3);
  store.up();
  await ledger[Symbol.asyncDispose]();
  expect([...disk.keys()]).toEqual([]);
  expect(Object.values(statusOf(store)).filter((status) => status === 'ok')).toHaveLength(600);
});

it('an end that neither the disk nor the store takes before closing is there for the next start', async () => {
  let full = false;
  const { files, disk } = faultySpool((_at, name) => (full && name === 'append' ? diskFull() : undefined));
  const store = new LedgerMemoryStore();
  const ledger = await open(store, files, { memoryRowsMax: 1, closeMs: 10 });
  store.down();
  await ledger.begin(callStart('a'));
  await ledger.begin(callStart('b'));
  full = true;
  ledger.end(callEnd('a'));
  ledger.end(callEnd('b'));
  await ledger[Symbol.asyncDispose]();
  expect(ledger.stats().dropped).toBe(0);
  store.up();
  await afterKill(disk, store);
  expect(statusOf(store)).toEqual({ a: 'ok', b: 'ok' });
});

it('an end that a failing disk did not take is written with the next records when the store is away, too', async () => {
  let full = false;
  const { files, disk } = faultySpool((_at, name) => (full && name === 'append' ? diskFull() : undefined));
  const store = new LedgerMemoryStore();
  const ledger = await open(store, files);
  await ledger.begin(callStart('a'));
  await ledger.flush();
  store.down();
  await ledger.begin(callStart('b'));
  await expect.poll(() => ledger.stats().storeFailures).toBeGreaterThan(0);
  full = true;
  ledger.end(callEnd('a'));
  await expect(ledger.begin(callStart('c'))).rejects.toMatchObject({ code: 'ledger-unavailable' });
  full = false;
  await ledger.begin(callStart('d'));
  const later = new LedgerMemoryStore();
  await afterKill(new Map(disk), later);
  expect(later.arrived.map(({ seq, phase }) => `${seq} ${phase}`)).toEqual([
    '1 received',
    '2 received',
    '3 ended',
    '5 received',
  ]);
  store.up();
});
