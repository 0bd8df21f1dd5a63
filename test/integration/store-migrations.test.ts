import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MIGRATIONS_FOLDER, type Migration, migrate, readMigrations } from '../../src/store/pg/migrate.ts';
import { startTestPostgres, type TestPostgres, testPool } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
}, 60_000);

afterAll(() => postgres?.[Symbol.asyncDispose]());

async function withPool<T>(work: (pool: Pool, url: string) => Promise<T>): Promise<T> {
  const url = await postgres.createDatabase();
  const pool = testPool(url, 4);
  try {
    return await work(pool, url);
  } finally {
    await pool.end();
  }
}

const extra: Migration = {
  number: 9_999,
  name: '9999-later.sql',
  sql: 'CREATE TABLE later (id int); INSERT INTO later SELECT count(*) FROM catalog',
  checksum: 'c',
};

it('runs every migration on an empty database, once', async () => {
  const migrations = await readMigrations(MIGRATIONS_FOLDER);
  expect(migrations.length).toBeGreaterThan(0);
  await withPool(async (pool) => {
    expect(await migrate(pool, migrations)).toEqual(migrations.map((migration) => migration.name));
    expect(await migrate(pool, migrations)).toEqual([]);
  });
});

it('brings a database of each earlier version to the newest, and keeps what is in it', async () => {
  verifies('store:migrations');
  const migrations = [...(await readMigrations(MIGRATIONS_FOLDER)), extra];
  for (let version = 1; version < migrations.length; version++) {
    await withPool(async (pool) => {
      await migrate(pool, migrations.slice(0, version));
      await pool.query(
        "INSERT INTO catalog (server, fingerprint, payload, updated_at) VALUES ('kept', 'f', '{}', now())",
      );
      expect(await migrate(pool, migrations)).toEqual(
        migrations.slice(version).map((migration) => migration.name),
      );
      expect((await pool.query('SELECT server FROM catalog')).rows).toEqual([{ server: 'kept' }]);
      expect((await pool.query('SELECT id FROM later')).rows).toEqual([{ id: 1 }]);
    });
  }
});

it('runs once when several processes start together', async () => {
  const migrations = await readMigrations(MIGRATIONS_FOLDER);
  await withPool(async (pool, url) => {
    const others = [1, 2].map(() => testPool(url, 2));
    const ran = await Promise.all([pool, ...others].map((one) => migrate(one, migrations)));
    await Promise.all(others.map((one) => one.end()));
    expect(ran.flat().sort()).toEqual(migrations.map((migration) => migration.name).sort());
  });
});

it('refuses a file that was changed after it ran, and a database that is newer than the program', async () => {
  const migrations = await readMigrations(MIGRATIONS_FOLDER);
  await withPool(async (pool) => {
    await migrate(pool, [...migrations, extra]);
    await expect(migrate(pool, migrations)).rejects.toThrow(
      /9999-later\.sql, which this version of Lanport does not know/,
    );
    await expect(
      migrate(pool, [{ ...migrations[0]!, checksum: 'other' }, ...migrations.slice(1), extra]),
    ).rejects.toThrow(/is not the one that ran/);
  });
});

it('leaves nothing of a migration that fails half-way', async () => {
  const migrations = await readMigrations(MIGRATIONS_FOLDER);
  const broken: Migration = { ...extra, sql: 'CREATE TABLE half (id int); SELECT 1 / 0' };
  await withPool(async (pool) => {
    await expect(migrate(pool, [...migrations, broken])).rejects.toThrow(/9999-later\.sql failed/);
    expect((await pool.query("SELECT to_regclass('half') AS half")).rows).toEqual([{ half: null }]);
    expect(await migrate(pool, [...migrations, extra])).toEqual(['9999-later.sql']);
  });
});
