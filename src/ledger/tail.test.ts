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
  folder = await mkdtemp(join(tmpdir(), 'ledger-tail-'));
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
    const note = (): number => kills.push({ disk: new Map(disk), ended: [...ended] });
    await Promise.all([`a${at}`, `b${at}`].map((id) => ledger.begin(callStart(id))));
    // One that waits for the disk when the others end.
    const begun = ledger.begin(callStart(`c${at}`));
    note();
    for (const id of [`a${at}`, `b${at}`]) {
      ledger.end(callEnd(id));
      ended.push(id);
      note();
    }
    await begun;
  }
  expect(kills.length).toBeGreaterThan(50);
  for (const kill of kills) {
    const later = new LedgerMemoryStore();
    await afterKill(kill.disk, later);
    const statuses = statusOf(later);
    expect(kill.ended.filter((id) => statuses[id] !== 'ok')).toEqual([]);
    // Once each, in the order they came in, and no number is missing: nobody shall take it for a record that was removed.
    expect(later.arrived.map(({ seq }) => seq)).toEqual(later.arrived.map((_, at) => at + 1));
  }
  store.up();
});

it('files of ends go when the disk has their ends with the other records, and the last one when all is stored', async () => {
  const { files, disk } = faultySpool(() => undefined);
  const store = new LedgerMemoryStore();
  store.down();
  const ledger = await open(store, files);
  const tailFiles = (): string[] => [...disk.keys()].filter((name) => name.includes('-tail-'));
  const made = new Set<string>();
  const details = 'x'.repeat(2_000);
  for (let at = 0; at < 600; at++) {
    await ledger.begin(callStart(`c${at}`));
    ledger.end(callEnd(`c${at}`, { details }));
    for (const name of tailFiles()) made.add(name);
    // One that is written, and one whose last end waits for its group.
    expect(tailFiles().length).toBeLessThanOrEqual(2);
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

it('an end that went to the store alone, because the disk failed once, is not passed over by the next start', async () => {
  let full = false;
  const { files, disk } = faultySpool((_at, name) => (full && name === 'append' ? diskFull() : undefined));
  const store = new LedgerMemoryStore();
  const ledger = await open(store, files, { closeMs: 10 });
  await ledger.begin(callStart('a'));
  await ledger.flush();
  full = true;
  ledger.end(callEnd('a'));
  // The store is thought to be there when the end is handed to it, and is not.
  store.down();
  await expect(ledger.begin(callStart('b'))).rejects.toMatchObject({ code: 'ledger-unavailable' });
  full = false;
  await ledger.begin(callStart('c'));
  ledger.end(callEnd('c'));
  const killed = new LedgerMemoryStore();
  await afterKill(new Map(disk), killed);
  expect(statusOf(killed)).toMatchObject({ a: 'ok', c: 'ok' });
  expect(killed.starts.has('b')).toBe(false);
  await ledger[Symbol.asyncDispose]();
  expect(ledger.stats().dropped).toBe(0);
  const closed = new LedgerMemoryStore();
  await afterKill(disk, closed);
  expect(statusOf(closed)).toMatchObject({ a: 'ok', c: 'ok' });
  store.up();
});

it('what cannot be kept is said once in a while, not with every record', async () => {
  const { files } = faultySpool((_at, name) => (name === 'create-loose' ? diskFull() : undefined));
  const said: string[] = [];
  const store = new LedgerMemoryStore();
  const writer = `w${++writers}`;
  const log = { ...silentLog, warn: (message: string) => void said.push(message) };
  const ledger = await createLedger({ store, folder, writer, clock: systemClock, log, files });
  opened.push(ledger);
  for (let at = 0; at < 90; at++) {
    await ledger.begin(callStart(`s${at}`));
    ledger.end(callEnd(`s${at}`));
  }
  await ledger.flush();
  expect(
    said.filter((message) => message.startsWith('records reach the disk with their group')),
  ).toHaveLength(1);
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
