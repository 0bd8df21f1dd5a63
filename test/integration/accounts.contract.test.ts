import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { openStore, type StoreMode } from '../../src/store/open-store.ts';
import { watchAccounts } from '../../src/store/pg/pg-account-watch.ts';
import type { AccountEvent, AccountRow, AccountTable } from '../../src/store/account-ports.ts';
import type { Store } from '../../src/store/store-ports.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { startTestPostgres, type TestPostgres, testPool } from '../support/postgres.ts';

let folder: string;
let postgres: TestPostgres;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-accounts-'));
  postgres = await startTestPostgres();
  url = await postgres.createDatabase();
}, 60_000);

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

let made = 0;
const key = (more: Partial<AccountRow> = {}): AccountRow => ({
  kind: 'key',
  id: `key-${++made}`,
  version: 1,
  digest: `digest-${made}`,
  alias: `alias-${made}`,
  user: 'anna',
  team: undefined,
  record: '{"a": 1}',
  ...more,
});
const plain = (kind: 'user' | 'team', id: string, record = '{}'): AccountRow => ({
  kind,
  id,
  version: 1,
  digest: undefined,
  alias: kind === 'team' ? `the ${id}` : undefined,
  user: undefined,
  team: undefined,
  record,
});

async function all(table: AccountTable, kind: AccountRow['kind']): Promise<AccountRow[]> {
  const rows: AccountRow[] = [];
  for await (const part of table.parts(kind)) rows.push(...part);
  return rows;
}

function poolOf(connectionString: string) {
  const pool = testPool(connectionString, 1);
  return { pool, [Symbol.asyncDispose]: () => pool.end() };
}

/** What a watcher hears, to be awaited. */
function listening(table: Pick<AccountTable, 'watch'>) {
  const events: AccountEvent[] = [];
  let told = (): void => undefined;
  const watch = table.watch((event) => {
    events.push(event);
    told();
  });
  const heard = async (fits: (events: readonly AccountEvent[]) => boolean): Promise<void> => {
    while (!fits(events)) {
      await new Promise<void>((resolve) => {
        told = resolve;
      });
    }
  };
  return { events, heard, [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose]() };
}

const MODES: readonly (readonly [string, () => StoreMode])[] = [
  ['embedded', () => ({ kind: 'embedded', dataFolder: join(folder, 'embedded') })],
  ['external', () => ({ kind: 'external', url: new Secret(url) })],
];

describe.each(MODES)('accounts in the %s store', (_kind, modeOf) => {
  let store: Store;
  let table: AccountTable;

  beforeAll(async () => {
    ({ store } = await openStore(modeOf(), silentLog));
    table = store.accounts;
  }, 60_000);
  beforeEach(async () => {
    for (const kind of ['key', 'user', 'team'] as const) {
      const ids = (await all(table, kind)).map(({ id }) => id);
      await table.change([{ op: 'remove', kind, ids }]);
    }
  });
  afterAll(() => store?.[Symbol.asyncDispose]());

  it('are told of, whoever changed them, before it is answered that all was heard', async () => {
    const told: AccountEvent[] = [];
    let isTold = (): void => undefined;
    const first = new Promise<void>((resolve) => (isTold = resolve));
    await using watching = table.watch((event) => {
      told.push(event);
      isTold();
    });
    await first;
    for (let at = 0; at < 50; at++) {
      const row = key();
      await table.change([{ op: 'insert', row }]);
      await watching.heard();
      expect(told.at(-1), `change ${at}`).toEqual({ kind: 'key', id: row.id, version: 1 });
    }
  });

  it('are read as they were written, of each kind its own', async () => {
    const rows = [key({ record: '{"t": "ü"}' }), key({ alias: undefined, user: undefined, team: 'core' })];
    const user = plain('user', 'anna anders', '{"u": [1]}');
    const team = plain('team', 'core');
    await table.change([...rows, user, team].map((row) => ({ op: 'insert', row })));
    expect(await all(table, 'key')).toEqual(rows);
    expect(await all(table, 'user')).toEqual([user]);
    expect(await all(table, 'team')).toEqual([team]);
    expect(await table.load('key', [rows[1]!.id, 'nobody'])).toEqual([rows[1]]);
  });

  it('count their changes, and refuse one that was made on an older version', async () => {
    const row = key();
    await table.change([{ op: 'insert', row }]);
    const changed = { ...row, digest: 'digest-new', alias: undefined, record: '{"b": 2}' };
    expect(await table.change([{ op: 'replace', row: changed }])).toEqual({ outcome: 'kept' });
    expect(await table.load('key', [row.id])).toEqual([{ ...changed, version: 2 }]);
    expect(await table.change([{ op: 'replace', row }])).toEqual({ outcome: 'stale' });
    expect(await table.change([{ op: 'replace', row: key() }])).toEqual({ outcome: 'stale' });
    expect(await table.load('key', [row.id])).toEqual([{ ...changed, version: 2 }]);
  });

  it('say what is taken, and what is no text', async () => {
    const row = key();
    await table.change([{ op: 'insert', row }]);
    const attempt = (more: Partial<AccountRow>) => table.change([{ op: 'insert', row: key(more) }]);
    expect(await attempt({ id: row.id })).toEqual({ outcome: 'taken', what: 'id' });
    expect(await attempt({ digest: row.digest })).toEqual({ outcome: 'taken', what: 'digest' });
    expect(await attempt({ alias: row.alias })).toEqual({ outcome: 'taken', what: 'alias' });
    expect(await attempt({ record: '{"a":"\\u0000"}' })).toEqual({ outcome: 'invalid' });
    expect(await attempt({ record: '{"a":"\\ud800"}' })).toEqual({ outcome: 'invalid' });
    expect(await attempt({ alias: 'a\u0000b' })).toEqual({ outcome: 'invalid' });
    expect(await all(table, 'key')).toEqual([row]);
  });

  it('are changed all together or not at all', async () => {
    const row = key();
    await table.change([{ op: 'insert', row }]);
    const outcome = await table.change([
      { op: 'remove', kind: 'key', ids: [row.id] },
      { op: 'insert', row: plain('user', 'bert') },
      { op: 'replace', row: { ...plain('team', 'nobody'), version: 7 } },
    ]);
    expect(outcome).toEqual({ outcome: 'stale' });
    expect(await all(table, 'key')).toEqual([row]);
    expect(await all(table, 'user')).toEqual([]);
  });

  it('tell of every change, however it was made, and of nothing that was undone', async () => {
    await using other = listening(table);
    await other.heard((events) => events.length > 0);
    const row = key({ id: 'with spaces in it' });
    await table.change([{ op: 'insert', row }]);
    await table.change([{ op: 'insert', row: key({ digest: row.digest }) }]);
    await table.change([{ op: 'replace', row }]);
    await table.change([{ op: 'insert', row: plain('team', 'core') }]);
    await table.change([{ op: 'remove', kind: 'key', ids: [row.id] }]);
    await other.heard((events) => events.length >= 5);
    expect(other.events).toEqual([
      { kind: 'all' },
      { kind: 'key', id: row.id, version: 1 },
      { kind: 'key', id: row.id, version: 2 },
      { kind: 'team', id: 'core', version: 1 },
      { kind: 'key', id: row.id, version: 0 },
    ]);
  });
});

describe('who hears of changes', () => {
  it('hears that anything may have changed, after the connection broke', async () => {
    const { store } = await openStore({ kind: 'external', url: new Secret(url) }, silentLog);
    await using open = store;
    await using other = listening(open.accounts);
    await other.heard((events) => events.length === 1);
    await postgres.query(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lanport keys'`,
    );
    await other.heard((events) => events.length === 2);
    expect(other.events[1]).toEqual({ kind: 'all' });
    await open.accounts.change([{ op: 'insert', row: plain('user', 'after') }]);
    await other.heard((events) => events.length === 3);
    expect(other.events[2]).toEqual({ kind: 'user', id: 'after', version: 1 });
  });

  it('notices when it hears nothing, and then connects anew', async () => {
    await using pool = poolOf(url);
    const warnings: unknown[] = [];
    const log = { ...silentLog, warn: (_message: string, fields?: object) => void warnings.push(fields) };
    const beatMs = { every: 20, answer: 5_000 };
    const well = { connection: { connectionString: url }, pool: pool.pool, log, beatMs };
    // What one database notifies of is not heard in another, as if a pooler kept it to itself.
    const deaf = {
      ...well,
      connection: { connectionString: postgres.url },
      beatMs: { every: 20, answer: 20 },
    };
    await using hearing = listening({ watch: (listener) => watchAccounts(well, listener) });
    await using other = listening({ watch: (listener) => watchAccounts(deaf, listener) });
    await other.heard((events) => events.length >= 3);
    expect(other.events.every(({ kind }) => kind === 'all')).toBe(true);
    expect(warnings[0]).toMatchObject({ reason: expect.stringContaining('must pool sessions') });
    expect(hearing.events).toEqual([{ kind: 'all' }]);
  });

  it('hears of what somebody changes by hand', async () => {
    const { store } = await openStore({ kind: 'external', url: new Secret(url) }, silentLog);
    await using open = store;
    await open.accounts.change([{ op: 'insert', row: plain('user', 'by-hand') }]);
    await using other = listening(open.accounts);
    await other.heard((events) => events.length === 1);
    await postgres.query(url, `UPDATE users SET record = '{"blocked": true}' WHERE id = 'by-hand'`);
    await postgres.query(url, 'TRUNCATE users');
    await other.heard((events) => events.length === 3);
    expect(other.events.slice(1)).toEqual([{ kind: 'user', id: 'by-hand', version: 2 }, { kind: 'all' }]);
  });
});
