import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  LedgerMemoryStore,
  callEnd,
  callStart,
  codeOf,
  diskFull,
  faultySpool,
} from '../../test/support/ledger-fakes.ts';
import { systemClock } from '../core/clock.ts';
import { type Log, silentLog } from '../telemetry/log.ts';
import { createLedger } from './ledger.ts';
import type { LedgerBounds } from './ledger-bounds.ts';
import type { Ledger } from './ledger-ports.ts';
import type { SpoolFiles } from './spool-files.ts';

let folder: string;
let store: LedgerMemoryStore;
let logged: string[];
let writers = 0;
const opened: Ledger[] = [];
const note = (message: string) => void logged.push(message);
const log: Log = { ...silentLog, info: note, warn: note, error: note };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-disk-'));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => {
  store = new LedgerMemoryStore();
  logged = [];
});
afterEach(async () => {
  store.up();
  await Promise.all(opened.splice(0).map((ledger) => ledger[Symbol.asyncDispose]()));
});

async function open(bounds: Partial<LedgerBounds>, files: SpoolFiles): Promise<Ledger> {
  const ledger = await createLedger({
    store,
    folder,
    writer: `w${++writers}`,
    clock: systemClock,
    log,
    bounds: { closeMs: 200, ...bounds },
    files,
  });
  opened.push(ledger);
  return ledger;
}

describe('a disk that fails', () => {
  it('refuses the call by name, and makes the next one as soon as it works again', async () => {
    let full = true;
    const { files } = faultySpool((_at, name) => (full && name === 'append' ? diskFull() : undefined));
    const ledger = await open({}, files);
    const error = await ledger.begin(callStart('a')).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'ledger-unavailable', status: 503 });
    expect((error as Error).message).toContain('its spool cannot be written (ENOSPC)');
    full = false;
    await ledger.begin(callStart('b'));
    await ledger.flush();
    expect([...store.starts.keys()]).toEqual(['b']);
    expect(ledger.stats()).toMatchObject({ begun: 1, refusedCalls: 1, dropped: 0 });
  });

  it('does not lose the ends of calls that were made before', async () => {
    let full = false;
    const { files } = faultySpool((_at, name) => (full && name === 'append' ? diskFull() : undefined));
    const ledger = await open({}, files);
    await ledger.begin(callStart('a'));
    full = true;
    ledger.end(callEnd('a'));
    expect(await codeOf(ledger.begin(callStart('b')))).toBe('ledger-unavailable');
    await ledger.flush();
    expect(store.ends.get('a')?.status).toBe('ok');
    expect(store.starts.has('b')).toBe(false);
  });

  it('together with a store that is down loses ends only in closing, and counts and reports them', async () => {
    let full = false;
    const isWrite = (name: string): boolean => name === 'append' || name === 'create-loose';
    const { files } = faultySpool((_at, name) => (full && isWrite(name) ? diskFull() : undefined));
    const ledger = await open({ memoryRowsMax: 1, closeMs: 10 }, files);
    store.down();
    await ledger.begin(callStart('a'));
    await ledger.begin(callStart('b'));
    full = true;
    ledger.end(callEnd('a'));
    await ledger[Symbol.asyncDispose]();
    expect(ledger.stats().dropped).toBe(1);
    expect(logged.some((message) => message.startsWith('ends of calls could be written nowhere'))).toBe(true);
  });

  it('that does not answer refuses the call within its deadline', async () => {
    const { files, disk } = faultySpool(() => undefined);
    let release: (() => void) | undefined;
    const hung = new Promise<void>((resolve) => {
      release = resolve;
    });
    const hanging: SpoolFiles = {
      ...files,
      create: async (name, room) => {
        const file = await files.create(name, room);
        return { ...file, append: (bytes) => hung.then(() => file.append(bytes)) };
      },
    };
    const ledger = await open({ writeMs: 20 }, hanging);
    expect(await codeOf(ledger.begin(callStart('a')))).toBe('ledger-unavailable');
    release?.();
    await ledger.begin(callStart('b'));
    await ledger[Symbol.asyncDispose]();
    expect([...store.starts.keys()]).toEqual(['b']);
    expect([...disk.keys()]).toEqual([]);
  });

  it('that cannot read a file of an earlier run goes on without it, and leaves it to the next start', async () => {
    const { files, disk } = faultySpool((_at, name) =>
      name === 'read' ? new Error('input/output error') : undefined,
    );
    disk.set('old-00000001.jsonl', Buffer.from('unread'));
    const ledger = await open({ replayMs: 10 }, files);
    await ledger.begin(callStart('a'));
    await ledger.flush();
    expect([...store.starts.keys()]).toEqual(['a']);
    expect([...disk.keys()]).toContain('old-00000001.jsonl');
    expect(logged).toContain('a ledger spool file cannot be read; it is left to the next start');
  });

  it('that has room left of a killed run is not fuller for it', async () => {
    const { files, disk } = faultySpool(() => undefined);
    const killed = await open({}, files);
    store.down();
    await killed.begin(callStart('a'));
    await killed.begin(callStart('b'));
    const left = faultySpool(() => undefined);
    for (const [name, bytes] of disk) left.disk.set(name, bytes);
    left.disk.set('other-00000001.jsonl', Buffer.alloc(200_000, '\n'));
    const onDisk = [...left.disk.values()].reduce((sum, { length }) => sum + length, 0);
    expect(onDisk).toBeGreaterThan(200_000 + 64 * 1024);
    const next = await open({ replayMs: 10 }, left.files);
    expect(next.stats().spooledBytes).toBeGreaterThan(0);
    expect(next.stats().spooledBytes).toBeLessThan(4_000);
    expect(logged).not.toContain(
      'a ledger spool file is damaged; what is readable was stored, the file was put aside',
    );
    store.up();
    await next.flush();
    expect([...store.starts.keys()]).toEqual(['a', 'b']);
    expect([...left.disk.keys()].filter((name) => !name.startsWith(`w${writers}`))).toEqual([]);
  });

  it.each([
    ['without room ahead', 1_000],
    ['with room ahead', 6_000],
  ])(
    'at any single operation neither loses an acknowledged record nor stores a refused one, %s',
    async (_what, segmentBytes) => {
      const seen = new Set<string>();
      const run = async (broken: number): Promise<number> => {
        const { files, operations, disk } = faultySpool((at, name) => {
          seen.add(name);
          return at === broken ? diskFull() : undefined;
        });
        store = new LedgerMemoryStore();
        const ledger = await open({ segmentBytes, memoryRowsMax: 6 }, files);
        const made: string[] = [];
        for (const [at, id] of Array.from({ length: 24 }, (_, index) => `c${index}`).entries()) {
          if ((await codeOf(ledger.begin(callStart(id)))) === 'made') {
            made.push(id);
            ledger.end(callEnd(id));
          }
          if (at === 8) store.down();
          if (at === 8 || at === 16) await ledger.flush(AbortSignal.abort()).catch(() => undefined);
          if (at === 16) store.up();
        }
        await ledger.flush();
        await ledger[Symbol.asyncDispose]();
        // What a failed deletion or a failed reading left behind.
        const unread = [...disk].filter(([, bytes]) => bytes.length > 0);
        const next = await open(
          {},
          {
            ...files,
            list: () => Promise.resolve(unread.map(([name, { length }]) => ({ name, bytes: length }))),
          },
        );
        await next.flush();
        const ended = [...store.ends].filter(([, { status }]) => status === 'ok').map(([id]) => id);
        expect([...store.starts.keys()].sort(), `operation ${broken}`).toEqual([...made].sort());
        expect(ended.sort(), `operation ${broken}`).toEqual([...made].sort());
        await Promise.all(opened.splice(0).map((one) => one[Symbol.asyncDispose]()));
        return operations();
      };
      const operations = await run(0);
      expect(operations).toBeGreaterThan(40);
      for (let broken = 1; broken <= operations; broken++) await run(broken);
      expect([...seen].sort()).toEqual([
        'append',
        'close',
        'create',
        'create-loose',
        'keep',
        'read',
        'remove',
        'truncate',
      ]);
    },
  );
});
