import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createIdSource } from '../../src/core/ids.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import type { Ledger } from '../../src/ledger/ledger-ports.ts';
import { openPgStore } from '../../src/store/pg/pg-store.ts';
import type { Store } from '../../src/store/store-ports.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const CHILD = fileURLToPath(new URL('./ledger-writer-child.ts', import.meta.url));
/** Whoever is not heard of for six of these counts as dead: longer than a busy machine stands still. */
const BEAT_MS = 400;
const newId = createIdSource();

let folder: string;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-writers-'));
  postgres = await startTestPostgres();
}, 60_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const openStore = (url: string): Promise<Store> =>
  openPgStore({
    kind: 'external',
    describe: 'the test database',
    connection: { connectionString: url },
    log: silentLog,
    responseBytesPerKeyMax: 1_000,
  });

const openLedger = (store: Store, name: string, writer: string): Promise<Ledger> =>
  createLedger({
    store: store.ledger,
    folder: join(folder, name),
    writer,
    clock: systemClock,
    log: silentLog,
    bounds: { beatMs: BEAT_MS, silentMs: BEAT_MS * 6 },
  });

/** Another gateway's ledger, in a process of its own. */
class Other {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, writer: string, url: string) {
    this.child = spawn(process.execPath, [CHILD, join(folder, name), writer, url, String(BEAT_MS)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  async says(line: string): Promise<void> {
    const { value } = await this.#lines.next();
    if (value !== line) throw new Error(`the other ledger said "${String(value)}", not "${line}"`);
  }

  async does(line: string): Promise<void> {
    this.child.stdin!.write(`${line}\n`);
    await this.says(line);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

it('a gateway that dies has its calls closed by one that lives, which leaves those of the living alone; the true end wins', async () => {
  verifies('ledger:writers');
  verifies('ledger:A2');
  const url = await postgres.createDatabase();
  const statusOf = async (id: string): Promise<unknown> =>
    (await postgres.query(url, `SELECT status FROM ledger_calls WHERE id = '${id}'`))[0]?.['status'];
  await using store = await openStore(url);
  const survivor = await openLedger(store, 'survivor', 'survivor');
  const [living, dying, silent] = [
    new Other('living', 'living', url),
    new Other('dying', 'dying', url),
    newId(),
  ];
  await Promise.all([living.says('ready'), dying.says('ready')]);
  const [open, spooled, lost] = [newId(), newId(), newId()];
  await living.does(`begin ${open}`);
  await dying.does(`begin ${lost}`);
  await dying.does(`begin ${spooled}`);
  await dying.does(`spool ${spooled}`);
  await survivor.begin(callStart(silent, { startedAt: Date.now() }));
  await dying.kill();

  await expect.poll(() => statusOf(lost), { timeout: 60_000 }).toBe('unknown');
  await expect.poll(() => statusOf(spooled)).toBe('unknown');
  expect(await statusOf(open)).toBeNull();
  expect(await statusOf(silent)).toBeNull();
  expect(await store.spend.spentSince('key', 'master', 0)).toMatchObject({
    requests: 2,
    failures: 2,
    cost: 0,
  });

  // The dead one is started again: what it had on its disk is the truth.
  const again = await openLedger(store, 'dying', 'again');
  await again.flush();
  expect(await statusOf(spooled)).toBe('ok');
  expect(await statusOf(lost)).toBe('unknown');
  expect(await store.spend.spentSince('key', 'master', 0)).toMatchObject({
    requests: 3,
    failures: 2,
    cost: 3,
  });
  await again[Symbol.asyncDispose]();

  await living.kill();
  await expect.poll(() => statusOf(open), { timeout: 60_000 }).toBe('unknown');
  survivor.end(callEnd(silent, { endedAt: Date.now() }));
  await survivor.flush();
  expect(await statusOf(silent)).toBe('ok');
  await survivor[Symbol.asyncDispose]();
}, 180_000);
