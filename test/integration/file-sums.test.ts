import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createIdSource } from '../../src/core/ids.ts';
import { FileLedgerStore } from '../../src/store/none/file-ledger-store.ts';
import { FileSpend } from '../../src/store/none/file-spend.ts';
import { FileSums } from '../../src/store/none/file-sums.ts';
import type { UsageQuery } from '../../src/store/store-ports.ts';
import type { LedgerRecord } from '../../src/store/call-records.ts';
import { callEnd, callStart, closeOrphans } from '../support/ledger-fakes.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { verifies } from '../support/verifies.ts';

const HOUR_MS = 3_600_000;
const BOUNDS = { fileBytesMax: 8_000, filesMax: 6 };
const WHOLE: UsageQuery = { from: 0, to: Number.POSITIVE_INFINITY, groupBy: [] };

let root: string;
let folder: string;
let folders = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'file-sums-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = join(root, String(++folders));
});

/** A ledger in files, asked in both ways: from its sums, and from every call. */
function open(sumsMax?: number): { ledger: FileLedgerStore; summed: FileSpend; full: FileSpend } {
  const ledger = new FileLedgerStore(folder, BOUNDS);
  return {
    ledger,
    summed: new FileSpend(() => {
      throw new Error('every call was read');
    }, new FileSums(folder, sumsMax)),
    full: new FileSpend(() => ledger.rows(), { between: () => Promise.resolve(undefined) }),
  };
}

const names = async (): Promise<string[]> => (await readdir(folder)).sort();

test('sums of what was used are those of the calls, whatever happens to ends, files and batches', async () => {
  verifies('ledger:file-sums');
  const random = seededRandom(20_261_121);
  const upTo = (max: number): number => random.int(max);
  const { summed, ...opened } = open();
  let { ledger, full } = opened;
  let now = Date.UTC(2026, 10, 20, 23, 30);
  const newId = createIdSource(() => now);
  let writer = 'w0';
  let seq = 0;
  let pending: string[] = [];
  let asked = 0;
  for (let round = 0; round < 250; round++) {
    const batch: LedgerRecord[] = [];
    for (let calls = upTo(8); calls > 0; calls--) {
      now += upTo(400_000);
      const id = newId();
      const start = callStart(id, {
        startedAt: now - upTo(HOUR_MS),
        kind: upTo(9) === 0 ? 'admin' : upTo(2) === 0 ? 'llm' : 'mcp',
        keyId: `k${upTo(4)}`,
        user: upTo(2) === 0 ? undefined : 'ann',
        model: upTo(2) === 0 ? 'gpt' : undefined,
      });
      batch.push({ phase: 'received', writer, seq: ++seq, start });
      pending.push(id);
    }
    const ends = pending.filter(() => upTo(3) === 0);
    pending = pending.filter((id) => !ends.includes(id));
    for (const id of ends) {
      const status = upTo(5) === 0 ? 'error' : 'ok';
      const end = callEnd(id, { endedAt: now, status, cost: upTo(1_000) / 1e9, promptTokens: upTo(50) });
      batch.push({ phase: 'ended', writer, seq: ++seq, end });
    }
    await ledger.append(batch);
    // A crash before the spool was told: the batch comes again.
    if (upTo(6) === 0) await ledger.append(batch);
    const what = upTo(25);
    if (what === 0) {
      // The next run closes what this one left open; some true ends come all the same.
      const late = pending.filter(() => upTo(2) === 0);
      await closeOrphans(ledger, `${writer}-next`, Number.POSITIVE_INFINITY, now);
      await ledger.append(
        late.map((id) => ({
          phase: 'ended',
          writer,
          seq: ++seq,
          end: callEnd(id, { endedAt: now, cost: 1e-6 }),
        })),
      );
      pending = [];
      writer = `w${round}`;
      seq = 0;
    } else if (what === 1) {
      // Half a line, as a crash leaves it; the next run begins a new one.
      await appendFile(join(folder, (await names()).at(-1)!), '{"phase":"ended","writer":"w');
      ledger = new FileLedgerStore(folder, BOUNDS);
      full = new FileSpend(() => ledger.rows(), { between: () => Promise.resolve(undefined) });
    } else if (what === 2) {
      const [oldest, second] = await names();
      await rm(join(folder, upTo(2) === 0 || second === undefined ? oldest! : second));
      ledger = new FileLedgerStore(folder, BOUNDS);
      full = new FileSpend(() => ledger.rows(), { between: () => Promise.resolve(undefined) });
    }
    const from = upTo(3) === 0 ? 0 : now - upTo(6 * HOUR_MS);
    const to = upTo(3) === 0 ? Number.POSITIVE_INFINITY : from + upTo(6 * HOUR_MS);
    const query: UsageQuery = {
      from: upTo(2) === 0 ? Math.floor(from / HOUR_MS) * HOUR_MS : from,
      to,
      groupBy: [[], ['hour', 'key'], ['day', 'model', 'kind'], ['user']][upTo(4)] as UsageQuery['groupBy'],
      ...(upTo(2) === 0 ? { filter: { key: 'k1' } } : {}),
    };
    const expected = await full.usage(query);
    expect(await summed.usage(query), `round ${round}: ${JSON.stringify(query)}`).toEqual(expected);
    asked += expected[0]?.requests ?? 0;
  }
  expect((await names()).length).toBeGreaterThan(3);
  expect(asked).toBeGreaterThan(1_000);
});

async function filled(ledger: FileLedgerStore): Promise<void> {
  const newId = createIdSource();
  for (let seq = 1; seq < 60; seq += 2) {
    const id = newId();
    await ledger.append([
      { phase: 'received', writer: 'w', seq, start: callStart(id, { startedAt: seq, keyId: `k${seq}` }) },
      { phase: 'ended', writer: 'w', seq: seq + 1, end: callEnd(id, { endedAt: seq, cost: 1 }) },
    ]);
  }
}

test('what is counted is not read again', async () => {
  verifies('ledger:file-sums');
  const { ledger, summed, full } = open();
  await filled(ledger);
  expect(await summed.usage(WHOLE)).toMatchObject([{ requests: 30, cost: 30 }]);
  for (const name of (await names()).slice(0, -1)) {
    const path = join(folder, name);
    await writeFile(path, ' '.repeat((await stat(path)).size));
  }
  expect(await summed.usage(WHOLE)).toMatchObject([{ requests: 30, cost: 30 }]);
  expect((await full.usage(WHOLE))[0]!.requests).toBeLessThan(30);
});

test('a file that has become shorter, and one whose last line feed is missing, are counted as they are', async () => {
  verifies('ledger:file-sums');
  const { ledger, summed, full } = open();
  await filled(ledger);
  const path = join(folder, (await names()).at(-1)!);
  for (const bytes of [1, 1, 200]) {
    await truncate(path, (await readFile(path)).length - bytes);
    expect(await summed.usage(WHOLE)).toEqual(await full.usage(WHOLE));
  }
});

test('a ledger of more sums than are kept is read each time', async () => {
  const { ledger, full } = open();
  await filled(ledger);
  const bounded = new FileSpend(() => ledger.rows(), new FileSums(folder, 10));
  expect(await bounded.usage({ ...WHOLE, groupBy: ['key'] })).toEqual(
    await full.usage({ ...WHOLE, groupBy: ['key'] }),
  );
  const { summed } = open(10);
  await expect(summed.usage(WHOLE)).rejects.toThrow('every call was read');
});
