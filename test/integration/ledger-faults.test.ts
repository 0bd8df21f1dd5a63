import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createIdSource } from '../../src/core/ids.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import type { Ledger } from '../../src/ledger/ledger-ports.ts';
import { type SpoolFiles, spoolFolder } from '../../src/ledger/spool-files.ts';
import { openPgStore } from '../../src/store/pg/pg-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';
import { LedgerFileStore } from './ledger-file-store.ts';

const run = promisify(execFile);
const SMALL_DISK_BYTES = 128 * 1024;
const newId = createIdSource();

let folder: string;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-faults-'));
  postgres = await startTestPostgres();
});
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Makes calls until one is refused, at most `max`; returns the made ones. */
async function callUntilRefused(
  ledger: Ledger,
  max: number,
): Promise<{ made: string[]; refusal: string | undefined }> {
  const made: string[] = [];
  while (made.length < max) {
    const id = newId();
    try {
      await ledger.begin(callStart(id, { startedAt: Date.now() }));
    } catch (error) {
      return { made, refusal: (error as Error).message };
    }
    made.push(id);
    ledger.end(callEnd(id, { endedAt: Date.now() }));
  }
  return { made, refusal: undefined };
}

it('calls go on while PostgreSQL refuses connections, and all of them are there afterwards, each once', async () => {
  const url = await postgres.createDatabase();
  const name = new URL(url).pathname.slice(1);
  await using store = await openPgStore({
    responseBytesPerKeyMax: 1_000,
    kind: 'external',
    describe: 'the test database',
    connection: { connectionString: url },
    log: silentLog,
  });
  await using ledger = await createLedger({
    store: store.ledger,
    folder: join(folder, 'outage'),
    writer: 'outage',
    clock: systemClock,
    log: silentLog,
    bounds: { memoryRowsMax: 50, segmentBytes: 16_384 },
  });
  const before = await callUntilRefused(ledger, 20);
  await ledger.flush();

  await postgres.query(postgres.url, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await postgres.query(
    postgres.url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
  );
  const during = await callUntilRefused(ledger, 200);
  expect(during.refusal).toBeUndefined();
  await expect(ledger.flush(AbortSignal.timeout(50))).rejects.toThrow();
  expect(ledger.stats()).toMatchObject({ stored: 40, dropped: 0 });

  await postgres.query(postgres.url, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  const after = await callUntilRefused(ledger, 20);
  await ledger.flush();
  const rows = await postgres.query(url, 'SELECT id::text, status, seq::int FROM ledger_calls ORDER BY seq');
  expect(rows.map((row) => row['id'])).toEqual([...before.made, ...during.made, ...after.made]);
  expect(new Set(rows.map((row) => row['status']))).toEqual(new Set(['ok']));
  expect(ledger.stats()).toMatchObject({ stored: 480, dropped: 0, storeFailures: 0 });
});

/** A disk of 128 KiB: a file system of that size where one may be mounted, else a folder whose files together hold no more. */
async function smallDisk(path: string): Promise<{ files: SpoolFiles; release: () => Promise<unknown> }> {
  await mkdir(path, { recursive: true });
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK_BYTES}`, 'tmpfs', path]).then(
    () => true,
    () => false,
  );
  const files = spoolFolder(join(path, 'spool'));
  if (mounted) return { files, release: () => run('umount', [path]) };
  const used = async (): Promise<number> => (await files.list()).reduce((sum, { bytes }) => sum + bytes, 0);
  const capped: SpoolFiles = {
    ...files,
    create: async (name, room) => {
      if (room > 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      const file = await files.create(name, room);
      return {
        ...file,
        append: async (bytes) => {
          const left = SMALL_DISK_BYTES - (await used());
          await file.append(bytes.subarray(0, Math.max(0, left)));
          if (left < bytes.length)
            throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        },
      };
    },
  };
  return { files: capped, release: () => Promise.resolve() };
}

it('a full disk refuses calls by name, loses none that it made, and makes calls again when the store has taken some', async () => {
  verifies('ledger:A4');
  const disk = await smallDisk(join(folder, 'small'));
  try {
    let away = true;
    const store = new LedgerFileStore(join(folder, 'full-disk-store.jsonl'), () => (away ? 'before' : 'no'));
    const ledger = await createLedger({
      store,
      folder: join(folder, 'unused'),
      files: disk.files,
      writer: 'full',
      clock: systemClock,
      log: silentLog,
      bounds: { memoryRowsMax: 100, segmentBytes: 16_384 },
    });
    const first = await callUntilRefused(ledger, 5_000);
    expect(first.refusal).toContain('its spool cannot be written (ENOSPC)');
    expect(first.made.length).toBeGreaterThan(100);
    away = false;
    await ledger.flush();
    const second = await callUntilRefused(ledger, 50);
    expect(second.refusal).toBeUndefined();
    await ledger.flush();
    await ledger[Symbol.asyncDispose]();
    expect([...store.calls.keys()]).toEqual([...first.made, ...second.made]);
    expect([...store.calls.values()].every((call) => call.ends.length === 1)).toBe(true);
    expect(ledger.stats()).toMatchObject({ dropped: 0, refusedCalls: 1 });
    expect(await readdir(join(folder, 'small', 'spool'))).toEqual([]);
  } finally {
    await disk.release();
  }
});
