import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LedgerMemoryStore, callEnd, callStart, codeOf } from '../../test/support/ledger-fakes.ts';
import { verifies } from '../../test/support/verifies.ts';
import { systemClock } from '../core/clock.ts';
import type { LedgerRecord } from '../store/call-records.ts';
import { type Log, silentLog } from '../telemetry/log.ts';
import { createLedger } from './ledger.ts';
import type { LedgerBounds } from './ledger-bounds.ts';
import type { CallStart, Ledger } from './ledger-ports.ts';
import { isTail, type SpoolFiles, spoolFolder } from './spool-files.ts';

let folder: string;
let store: LedgerMemoryStore;
let logged: string[];
let writers = 0;
const opened: Ledger[] = [];
const note = (message: string) => void logged.push(message);
const log: Log = { ...silentLog, info: note, warn: note, error: note };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-'));
  store = new LedgerMemoryStore();
  logged = [];
});
afterEach(async () => {
  store.up();
  await Promise.all(opened.splice(0).map((ledger) => ledger[Symbol.asyncDispose]()));
  await rm(folder, { recursive: true });
});

async function open(
  bounds: Partial<LedgerBounds> = {},
  files?: SpoolFiles,
  writer = `w${++writers}`,
): Promise<Ledger> {
  const ledger = await createLedger({
    store,
    folder,
    writer,
    clock: systemClock,
    log,
    bounds: { closeMs: 200, ...bounds },
    ...(files === undefined ? {} : { files }),
  });
  opened.push(ledger);
  return ledger;
}
const spool = () => readdir(join(folder, 'spool'));
const spooled = async (): Promise<LedgerRecord[]> => {
  const texts = await Promise.all(
    (await spool())
      .filter((name) => !isTail(name))
      .sort()
      .map((name) => readFile(join(folder, 'spool', name), 'utf8')),
  );
  return texts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LedgerRecord);
};
const ids = (count: number, prefix = 'c') => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

describe('a record', () => {
  it('is on the disk when begin resolves, whatever the store does', async () => {
    store.down();
    const ledger = await open();
    await ledger.begin(callStart('a'));
    expect(await spooled()).toMatchObject([
      { phase: 'received', seq: 1, start: { id: 'a', originalName: 'query' } },
    ]);
  });

  it('reaches the store with its end, in order, and leaves the disk when the ledger is closed', async () => {
    const ledger = await open();
    for (const id of ids(3)) {
      await ledger.begin(callStart(id));
      ledger.end(callEnd(id));
    }
    await ledger.flush();
    expect(store.arrived.map((record) => `${record.seq} ${record.phase}`)).toEqual([
      '1 received',
      '2 ended',
      '3 received',
      '4 ended',
      '5 received',
      '6 ended',
    ]);
    expect(ledger.stats()).toMatchObject({ begun: 3, ended: 3, stored: 6, dropped: 0, open: 0 });
    await ledger[Symbol.asyncDispose]();
    expect(await spool()).toEqual([]);
  });

  it('reaches the store without anyone asking', async () => {
    const ledger = await open();
    const arrived = new Promise<string>((resolve) => {
      store.behaviour = (records) => {
        for (const record of records) if (record.phase === 'ended') resolve(record.end.id);
        return Promise.resolve();
      };
    });
    await ledger.begin(callStart('a'));
    ledger.end(callEnd('a'));
    expect(await arrived).toBe('a');
  });

  it('shares its write with the others that arrive meanwhile', async () => {
    const files = spoolFolder(join(folder, 'spool'));
    let writes = 0;
    const counting: SpoolFiles = {
      ...files,
      create: async (name, room) => {
        const file = await files.create(name, room);
        return { ...file, append: (bytes) => (writes++, file.append(bytes)) };
      },
    };
    const ledger = await open({}, counting);
    await Promise.all(ids(200).map((id) => ledger.begin(callStart(id))));
    expect(writes).toBe(1);
    await ledger.flush();
    expect(store.starts.size).toBe(200);
  });

  it('is cleaned of what a caller may have put into it', async () => {
    const ledger = await open();
    await ledger.begin(
      callStart('a', { toolName: `x\n${'y'.repeat(500)}`, client: 'a\u0000b', originalName: 'q\u202e' }),
    );
    await ledger.flush();
    const kept = store.starts.get('a')?.start;
    expect(kept).toMatchObject({ toolName: `x${'y'.repeat(198)}`, client: 'ab', originalName: 'q' });
  });
});

describe('an end', () => {
  it('counts once: a second one, and one of a call that was never begun, are ignored and counted', async () => {
    const ledger = await open();
    await ledger.begin(callStart('a'));
    ledger.end(callEnd('a', { status: 'ok' }));
    ledger.end(callEnd('a', { status: 'error' }));
    ledger.end(callEnd('never'));
    await ledger.flush();
    expect(store.arrived.filter((record) => record.phase === 'ended')).toHaveLength(1);
    expect(store.ends.get('a')?.status).toBe('ok');
    expect(ledger.stats()).toMatchObject({ ended: 1, ignoredEnds: 2 });
  });
});

describe('a store that is down', () => {
  it('gets everything in order when it is back, more than fits into memory included', async () => {
    verifies('bounds:ledger');
    const ledger = await open({ memoryRowsMax: 10, segmentBytes: 4_096 });
    store.down();
    for (const id of ids(100)) {
      await ledger.begin(callStart(id));
      ledger.end(callEnd(id));
    }
    await expect(ledger.flush(AbortSignal.timeout(20))).rejects.toThrow();
    expect(store.arrived).toEqual([]);
    expect((await spool()).length).toBeGreaterThan(5);
    expect(ledger.stats().storeFailures).toBeGreaterThan(0);
    store.up();
    await ledger.flush();
    expect(store.arrived.map((record) => record.seq)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
    expect(ledger.stats()).toMatchObject({ stored: 200, dropped: 0, storeFailures: 0 });
    // The next one, and what was kept in case of a kill.
    expect((await spool()).length).toBeLessThanOrEqual(2);
  });

  it('gets 6,000 records in order, more than the 5,000 that are kept in memory by default', async () => {
    verifies('bounds:ledger');
    const ledger = await open();
    store.down();
    for (let round = 0; round < 10; round++)
      await Promise.all(
        ids(300, `r${round}-`).map(async (id) => {
          await ledger.begin(callStart(id));
          ledger.end(callEnd(id));
        }),
      );
    store.up();
    await ledger.flush();
    expect(store.arrived.map((record) => record.seq)).toEqual(
      Array.from({ length: 6_000 }, (_, at) => at + 1),
    );
    expect(ledger.stats()).toMatchObject({ stored: 6_000, dropped: 0 });
  });

  it('gets everything in order while calls go on and memory overflows again and again', async () => {
    const ledger = await open({ memoryRowsMax: 8, segmentBytes: 2_048 });
    let turn = 0;
    store.behaviour = () =>
      ++turn % 3 === 0 ? Promise.reject(new Error('now and then')) : Promise.resolve();
    for (let round = 0; round < 30; round++) {
      await Promise.all(
        ids(20, `r${round}-`).map(async (id) => {
          await ledger.begin(callStart(id));
          ledger.end(callEnd(id));
        }),
      );
      if (round % 5 === 0) await ledger.flush(AbortSignal.timeout(30)).catch(() => undefined);
    }
    store.up();
    await ledger.flush();
    expect(store.arrived.map((record) => record.seq)).toEqual(
      Array.from({ length: 1_200 }, (_, at) => at + 1),
    );
    expect(store.ends.size).toBe(600);
    expect(ledger.stats()).toMatchObject({ stored: 1_200, dropped: 0 });
  });

  it('is asked again by itself', async () => {
    const ledger = await open();
    const arrived = new Promise<string>((resolve) => {
      store.behaviour = ([record]) => {
        if (store.appends < 3) return Promise.reject(new Error('not yet'));
        if (record?.phase === 'received') resolve(record.start.id);
        return Promise.resolve();
      };
    });
    await ledger.begin(callStart('a'));
    expect(await arrived).toBe('a');
  });

  it('that hangs costs neither calls nor closing more than its deadline', async () => {
    const ledger = await open({ appendMs: 20, closeMs: 50 });
    store.behaviour = () => new Promise(() => undefined);
    await ledger.begin(callStart('a'));
    await expect(ledger.flush(AbortSignal.timeout(60))).rejects.toThrow();
    await ledger.begin(callStart('b'));
    await ledger[Symbol.asyncDispose]();
    expect((await spooled()).map((record) => record.seq)).toEqual([1, 2]);
  });

  it('refuses calls when the disk budget is used up, warns before, and takes them again when it is not', async () => {
    verifies('bounds:ledger');
    const ledger = await open({ diskBytesMax: 8_192, memoryRowsMax: 4 });
    store.down();
    let made = 0;
    for (; (await codeOf(ledger.begin(callStart(`c${made}`)))) === 'made'; made++)
      expect(made).toBeLessThan(100);
    expect(made).toBeGreaterThan(10);
    expect(logged.filter((message) => message.startsWith('the ledger spool is nearly full'))).toHaveLength(1);
    await expect(ledger.begin(callStart('x'))).rejects.toThrow(
      'its spool has reached 8192 bytes (limits.ledger_disk_bytes_max)',
    );
    for (const id of ids(made)) ledger.end(callEnd(id));
    expect(ledger.stats()).toMatchObject({ refusedCalls: 2, dropped: 0 });
    store.up();
    await ledger.flush();
    expect(store.starts.size).toBe(made);
    expect(store.ends.size).toBe(made);
    expect(await codeOf(ledger.begin(callStart('again')))).toBe('made');
  });

  it('never sees the disk budget used up by what it already has', async () => {
    const ledger = await open({ diskBytesMax: 8_192 });
    for (const id of ids(200)) {
      await ledger.begin(callStart(id));
      ledger.end(callEnd(id));
      if (ledger.stats().spooledBytes > 6_000) await ledger.flush();
    }
    await ledger.flush();
    expect(store.ends.size).toBe(200);
  });
});

describe('a record that the store refuses', () => {
  it('is put aside and counted, and holds up no other', async () => {
    const ledger = await open();
    store.behaviour = (records) =>
      records.some((record) => record.phase === 'received' && record.start.id === 'poison')
        ? Promise.reject(new Error('invalid input'))
        : Promise.resolve();
    await Promise.all(['a', 'poison', 'b'].map((id) => ledger.begin(callStart(id))));
    await ledger.flush();
    expect([...store.starts.keys()]).toEqual(['a', 'b']);
    expect(ledger.stats()).toMatchObject({ stored: 2, dropped: 1 });
    const kept = await readFile(join(folder, 'spool', 'refused.jsonl'), 'utf8');
    expect(
      kept
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { start: CallStart }).start.id),
    ).toEqual(['poison']);
    expect(logged.some((message) => message.includes('refused.jsonl'))).toBe(true);
  });

  it('now and then, is stored later: a store that fails is not a record that is refused', async () => {
    const ledger = await open();
    const failed = new Set<number>();
    store.behaviour = (records) => {
      const [first] = records;
      if (records.length === 1 && (first === undefined || first.seq === 1 || failed.has(first.seq)))
        return Promise.resolve();
      if (records.length === 1) failed.add(first!.seq);
      return Promise.reject(new Error('not this time'));
    };
    await Promise.all(['a', 'b', 'c'].map((id) => ledger.begin(callStart(id))));
    await ledger.flush();
    expect(new Set(store.starts.keys())).toEqual(new Set(['a', 'b', 'c']));
    expect(ledger.stats()).toMatchObject({ dropped: 0 });
  });
});

describe('the next start', () => {
  it('stores what an earlier run left and closes its unfinished calls as unknown', async () => {
    const first = await open();
    store.down();
    for (const id of ids(3)) await first.begin(callStart(id));
    first.end(callEnd('c0'));
    await first[Symbol.asyncDispose]();
    expect(store.arrived).toEqual([]);
    store.up();
    const second = await open();
    expect([...store.ends].map(([id, { status }]) => `${id} ${status}`)).toEqual([
      'c0 ok',
      'c1 unknown',
      'c2 unknown',
    ]);
    await second[Symbol.asyncDispose]();
    expect(await spool()).toEqual([]);
  });

  it('with the store still down goes on, and catches up before anything new', async () => {
    const first = await open();
    store.down();
    await first.begin(callStart('old'));
    await first[Symbol.asyncDispose]();
    const second = await open({ replayMs: 20 });
    await second.begin(callStart('new'));
    store.up();
    await second.flush();
    expect([...store.starts.keys()]).toEqual(['old', 'new']);
    await second[Symbol.asyncDispose]();
    expect(store.ends.get('old')?.status).toBe('unknown');
    expect(store.ends.has('new')).toBe(false);
  });

  it('stores twice what may have been stored already, and does not mind a torn last line', async () => {
    const first = await open();
    await first.begin(callStart('a'));
    await first.flush();
    const [name] = await spool();
    const whole = await readFile(join(folder, 'spool', name!), 'utf8');
    await first[Symbol.asyncDispose]();
    await writeFile(join(folder, 'spool', name!), `${whole}${whole.slice(0, 40)}`);
    await open();
    expect([...store.starts.keys()]).toEqual(['a']);
    expect(store.arrived).toHaveLength(2);
    expect(logged).toContain(
      'the last line of a ledger spool file was never written whole; its call was never made',
    );
    expect(await spool()).toEqual([]);
  });

  it('stores what is readable of a damaged file, and keeps the file', async () => {
    const line = (seq: number) =>
      JSON.stringify({ phase: 'received', writer: 'x', seq, start: callStart(`c${seq}`) });
    const files = spoolFolder(join(folder, 'spool'));
    await files.list();
    await writeFile(join(folder, 'spool', 'x-00000001.jsonl'), `${line(1)}\n{{{\n${line(2)}\n`);
    await open();
    expect([...store.starts.keys()]).toEqual(['c1', 'c2']);
    expect(await spool()).toEqual(['x-00000001.jsonl.damaged']);
  });

  it('refuses the name of a writer that has run before, and names that are none', async () => {
    const first = await open({}, undefined, 'same');
    store.down();
    await first.begin(callStart('a'));
    await first[Symbol.asyncDispose]();
    await expect(open({}, undefined, 'same')).rejects.toThrow('"same" has run before');
    await expect(open({}, undefined, '../x')).rejects.toThrow('cannot be a ledger writer');
  });
});

describe('closing', () => {
  it('refuses new calls, still takes ends, and does nothing the second time', async () => {
    const ledger = await open();
    await ledger.begin(callStart('a'));
    const closing = ledger[Symbol.asyncDispose]();
    expect(await codeOf(ledger.begin(callStart('b')))).toBe('shutting-down');
    ledger.end(callEnd('a'));
    await closing;
    await ledger[Symbol.asyncDispose]();
    expect(store.ends.has('a') || (await spooled()).length > 0).toBe(true);
    ledger.end(callEnd('a'));
    expect(ledger.stats().ignoredEnds).toBe(1);
  });

  it('ends a flush that waits for the store', async () => {
    const ledger = await open({ closeMs: 10 });
    store.down();
    await ledger.begin(callStart('a'));
    const flushing = codeOf(ledger.flush());
    await ledger[Symbol.asyncDispose]();
    expect(await flushing).toContain('the ledger was closed');
  });
});
