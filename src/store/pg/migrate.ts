import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool, PoolClient } from 'pg';
import { checkOut } from './check-out.ts';

/** Where the migrations lie, unless a test says otherwise. */
export const MIGRATIONS_FOLDER = join(import.meta.dirname, 'migrations');
/** Key of the advisory lock under which migrations run ("lanport" in ASCII, cut). */
const LOCK = 0x6c616e70;

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

export async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name)).sort();
  const migrations: Migration[] = [];
  for (const name of names) {
    const sql = await readFile(join(folder, name), 'utf8');
    migrations.push({
      number: Number(name.slice(0, 4)),
      name,
      sql,
      checksum: createHash('sha256').update(sql).digest('hex'),
    });
  }
  return migrations;
}

/**
 * Brings the database to the newest version: forward only, each file in a transaction of its own, one process at a time. A file that
 * was changed after it ran, and a database that is newer than this program, are refused. Returns the names that ran.
 */
export async function migrate(pool: Pool, migrations: readonly Migration[]): Promise<string[]> {
  const client = await checkOut(pool);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    try {
      return await run(client, migrations);
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [LOCK]);
    }
  } finally {
    client.release();
  }
}

async function run(client: PoolClient, migrations: readonly Migration[]): Promise<string[]> {
  await client.query(
    'CREATE TABLE IF NOT EXISTS schema_migrations (number int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, ran_at timestamptz NOT NULL DEFAULT now())',
  );
  const done = await client.query<{ number: number; name: string; checksum: string }>(
    'SELECT number, name, checksum FROM schema_migrations ORDER BY number',
  );
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const row of done.rows) {
    const migration = known.get(row.number);
    if (migration === undefined)
      throw new Error(
        `the database has migration ${row.name}, which this version of Lanport does not know: it was used by a newer version; update Lanport or use another database`,
      );
    if (migration.checksum !== row.checksum)
      throw new Error(
        `migration ${row.name} is not the one that ran on this database: the file was changed afterwards`,
      );
  }
  const ran = new Set(done.rows.map((row) => row.number));
  const names: string[] = [];
  for (const migration of migrations) {
    if (ran.has(migration.number)) continue;
    await client.query('BEGIN');
    try {
      await client.query(migration.sql);
      await client.query('INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)', [
        migration.number,
        migration.name,
        migration.checksum,
      ]);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw new Error(`migration ${migration.name} failed`, { cause: error });
    }
    names.push(migration.name);
  }
  return names;
}
