import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { type BackupManifest, type BackupPiece, writeArchive } from '../../src/store/backup-archive.ts';
import { openStore } from '../../src/store/open-store.ts';
import { MIGRATIONS_FOLDER, readMigrations } from '../../src/store/pg/migrate.ts';
import { TABLES } from '../../src/store/pg/pg-backup.ts';
import { restoreStore } from '../../src/store/restore-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { startTestPostgres, type TestPostgres, testPool } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
}, 60_000);

afterAll(() => postgres?.[Symbol.asyncDispose]());

const MANIFEST: BackupManifest = {
  format: 1,
  madeBy: '0.0.1',
  madeAt: '2030-01-01T00:00:00.000Z',
  migrations: [],
  tables: [],
};

async function restore(url: string, pieces: readonly BackupPiece[]): ReturnType<typeof restoreStore> {
  const archive = writeArchive(
    (async function* () {
      yield* pieces;
    })(),
  );
  return await restoreStore({ kind: 'external', url: new Secret(url) }, archive, silentLog);
}

const rows = (table: string, text: string): BackupPiece => ({
  kind: 'rows',
  table,
  bytes: Buffer.from(text),
});

test('every table of the migrations is backed up', async () => {
  verifies('backup:restores');
  const url = await postgres.createDatabase();
  await (await openStore({ kind: 'external', url: new Secret(url) }, silentLog)).store[Symbol.asyncDispose]();
  const found = await postgres.query(
    url,
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_migrations' ORDER BY 1",
  );
  expect(found.length).toBeGreaterThan(0);
  expect(found.map(({ name }) => name)).toEqual([...TABLES].sort());
});

test('a backup of an earlier version is restored as it was, and then migrated', async () => {
  verifies('backup:restores');
  const [first] = await readMigrations(MIGRATIONS_FOLDER);
  const url = await postgres.createDatabase();
  const restored = await restore(url, [
    {
      kind: 'manifest',
      manifest: {
        ...MANIFEST,
        migrations: [first!.name],
        tables: [
          { name: 'catalog', columns: ['server', 'fingerprint', 'payload', 'updated_at'], partitions: [] },
          {
            name: 'ledger_calls',
            columns: [
              'id',
              'started_at',
              'writer',
              'seq',
              'kind',
              'operation',
              'key_id',
              'address',
              'decision',
              'bytes_in',
            ],
            partitions: [
              {
                name: 'ledger_calls_20200102',
                bound: "FOR VALUES FROM ('2020-01-02 00:00:00+00') TO ('2020-01-03 00:00:00+00')",
              },
              { name: 'ledger_calls_default', bound: 'DEFAULT' },
            ],
          },
        ],
      },
    },
    // A row may go on in the next piece.
    rows('catalog', 'one\tf\t{}\t2020-01-01 00:00:00+00\ntwo\tf\t{"a":'),
    rows('catalog', '1}\t2020-01-01 00:00:00+00\n'),
    rows(
      'ledger_calls',
      '0190a1b2-0000-7000-8000-000000000001\t2020-01-02 03:04:05+00\tw\t1\tmcp\ttools/call\tk\t::1\tallowed\t3\n',
    ),
  ]);
  expect(restored).toMatchObject({ rows: 3 });
  expect(await postgres.query(url, 'SELECT server, payload FROM catalog ORDER BY 1')).toEqual([
    { server: 'one', payload: '{}' },
    { server: 'two', payload: '{"a":1}' },
  ]);
  expect(await postgres.query(url, 'SELECT id::text, attempts FROM ledger_calls_20200102')).toEqual([
    { id: '0190a1b2-0000-7000-8000-000000000001', attempts: null },
  ]);
  const { store } = await openStore({ kind: 'external', url: new Secret(url) }, silentLog);
  expect(await store.health()).toMatchObject({ ok: true });
  await store[Symbol.asyncDispose]();
});

test('a restore that fails leaves no row, and can be done again', async () => {
  verifies('backup:whole-or-nothing');
  const url = await postgres.createDatabase();
  const migrations = (await readMigrations(MIGRATIONS_FOLDER)).map(({ name }) => name);
  const table = {
    name: 'catalog',
    columns: ['server', 'fingerprint', 'payload', 'updated_at'],
    partitions: [],
  };
  const manifest: BackupPiece = { kind: 'manifest', manifest: { ...MANIFEST, migrations, tables: [table] } };
  const good = rows('catalog', 'one\tf\t{}\t2020-01-01 00:00:00+00\n');
  await expect(restore(url, [manifest, good, rows('catalog', 'one\tno time\n')])).rejects.toThrow(
    /nothing was restored into PostgreSQL at .*missing data for column/,
  );
  await expect(restore(url, [manifest, good, rows('others', 'x\n')])).rejects.toThrow(
    'it has rows of a table that it does not name: others',
  );
  expect(await postgres.query(url, 'SELECT * FROM catalog')).toEqual([]);
  expect(await restore(url, [manifest, good])).toMatchObject({ rows: 1 });
  await expect(restore(url, [manifest, good])).rejects.toThrow(
    'it holds data of Lanport already (table catalog), which is not overwritten',
  );
});

test('a backup of a newer version is refused', async () => {
  verifies('backup:whole-or-nothing');
  const url = await postgres.createDatabase();
  const migrations = ['0001-something-else.sql'];
  await expect(
    restore(url, [{ kind: 'manifest', manifest: { ...MANIFEST, migrations, madeBy: '9.9.9' } }]),
  ).rejects.toThrow(
    'the backup cannot be used: it was made by a newer version (9.9.9, with 0001-something-else.sql)',
  );
  expect(await postgres.query(url, "SELECT 1 FROM pg_class WHERE relname = 'catalog'")).toEqual([]);
});

test('a backup cannot make the database do anything but take rows', async () => {
  verifies('backup:whole-or-nothing');
  const url = await postgres.createDatabase();
  const bad = [
    { name: 'x"; DROP TABLE catalog; --', columns: ['a'], partitions: [] },
    { name: 'catalog', columns: ['server" FROM x; --'], partitions: [] },
    {
      name: 'ledger_calls',
      columns: ['id'],
      partitions: [
        { name: 'p', bound: "FOR VALUES FROM ('2020-01-01') TO ('2020-01-02'); DROP TABLE catalog" },
      ],
    },
  ];
  for (const table of bad)
    await expect(
      restore(url, [{ kind: 'manifest', manifest: { ...MANIFEST, tables: [table] } }]),
    ).rejects.toThrow('its manifest.json is of another format: tables.0');
  const pool = testPool(url);
  expect((await pool.query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'")).rows).toEqual([]);
  await pool.end();
});

test('a source that fails in the midst makes an archive that no reader takes', async () => {
  verifies('backup:whole-or-nothing');
  const archive = writeArchive(
    (async function* (): AsyncGenerator<BackupPiece> {
      yield { kind: 'manifest', manifest: MANIFEST };
      await Promise.resolve();
      throw new Error('the database went away');
    })(),
  );
  await expect(
    (async () => {
      for await (const chunk of archive) expect(chunk).toBeInstanceOf(Buffer);
    })(),
  ).rejects.toThrow('the database went away');
});
