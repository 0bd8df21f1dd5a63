import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import type { Pool, PoolClient } from 'pg';
import { from, to } from 'pg-copy-streams';
import {
  BackupDamage,
  type BackupManifest,
  type BackupPiece,
  type BackupTable,
  writeArchive,
} from '../backup-archive.ts';
import type { BackupSource } from '../store-ports.ts';
import { checkOut } from './check-out.ts';
import { type Migration, migrate } from './migrate.ts';
import { reached } from './reached.ts';

/** Every table of the migrations; what is not named here is not backed up. Partitions come with the table that they are of. */
export const TABLES = [
  'catalog',
  'instance_secrets',
  'keys',
  'ledger_bodies',
  'ledger_calls',
  'ledger_deployments',
  'ledger_manifests',
  'ledger_usage',
  'ledger_writers',
  'responses',
  'teams',
  'tool_history',
  'users',
] as const;

const PIECE_BYTES = 4 * 1024 * 1024;

/** Backups of the database behind `pool`. */
export function backupSource(pool: Pool): BackupSource {
  return {
    archive: ({ madeBy, files }) =>
      writeArchive(
        (async function* (): AsyncGenerator<BackupPiece> {
          yield* exportDatabase(pool, madeBy);
          for (const file of files) yield { kind: 'file', ...file };
        })(),
      ),
  };
}

/** Everything that the database holds, as of one moment (REPEATABLE READ), while others go on writing. */
async function* exportDatabase(pool: Pool, madeBy: string): AsyncGenerator<BackupPiece> {
  const client = await reached(checkOut(pool));
  let isDone = false;
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query('SET LOCAL statement_timeout = 0');
    const manifest = await describe(client, madeBy);
    yield { kind: 'manifest', manifest };
    for (const table of manifest.tables) yield* exportTable(client, table);
    await client.query('COMMIT');
    isDone = true;
  } finally {
    // A connection in the midst of a COPY is of no use to anybody.
    client.release(!isDone);
  }
}

async function describe(client: PoolClient, madeBy: string): Promise<BackupManifest> {
  const { rows: migrations } = await client.query<{ name: string }>(
    'SELECT name FROM schema_migrations ORDER BY number',
  );
  const { rows: columns } = await client.query<{ table: string; columns: string[] }>(
    `SELECT c.relname AS "table", array_agg(a.attname::text ORDER BY a.attnum) AS columns
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1) GROUP BY c.relname`,
    [TABLES],
  );
  const { rows: partitions } = await client.query<{ table: string; name: string; bound: string }>(
    `SELECT p.relname AS "table", c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
     FROM pg_class p JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class c ON c.oid = i.inhrelid
     WHERE p.relnamespace = current_schema()::regnamespace AND p.relname = ANY ($1) ORDER BY c.relname`,
    [TABLES],
  );
  const { rows: now } = await client.query<{ now: Date }>('SELECT now()');
  return {
    format: 1,
    madeBy,
    madeAt: now[0]!.now.toISOString(),
    migrations: migrations.map(({ name }) => name),
    tables: TABLES.map((name) => ({
      name,
      columns: columns.find(({ table }) => table === name)!.columns,
      partitions: partitions
        .filter(({ table }) => table === name)
        .map((partition) => ({ name: partition.name, bound: partition.bound })),
    })),
  };
}

async function* exportTable(client: PoolClient, { name, columns }: BackupTable): AsyncGenerator<BackupPiece> {
  const rows = client.query(to(`COPY (SELECT ${list(columns)} FROM ${quoted(name)}) TO STDOUT`));
  let chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of rows as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < PIECE_BYTES) continue;
    yield { kind: 'rows', table: name, bytes: Buffer.concat(chunks) };
    chunks = [];
    bytes = 0;
  }
  if (bytes > 0) yield { kind: 'rows', table: name, bytes: Buffer.concat(chunks) };
}

/** What `importDatabase` has put back. */
export interface Imported {
  readonly manifest: BackupManifest;
  readonly rows: number;
  readonly files: readonly { readonly path: string; readonly bytes: Buffer }[];
}

/**
 * Puts a backup into a database that holds nothing of Lanport: first the tables as they were then, then the rows, all or none, then what newer migrations
 * make of them. Throws BackupDamage for a backup that cannot be used, and an Error for a database that cannot.
 */
export async function importDatabase(
  pool: Pool,
  pieces: AsyncGenerator<BackupPiece>,
  migrations: readonly Migration[],
): Promise<Imported> {
  const first = await pieces.next();
  if (first.done === true || first.value.kind !== 'manifest') throw new BackupDamage('it is empty');
  const { manifest } = first.value;
  await requireEmpty(pool);
  await migrate(pool, migrationsOf(manifest, migrations));
  const imported = await importRows(pool, manifest, pieces);
  await migrate(pool, migrations);
  return imported;
}

/** The migrations that a backup's tables come from. */
function migrationsOf(manifest: BackupManifest, migrations: readonly Migration[]): readonly Migration[] {
  const known = migrations.slice(0, manifest.migrations.length);
  const unknown = manifest.migrations.find((name, at) => known[at]?.name !== name);
  if (unknown !== undefined)
    throw new BackupDamage(
      `it was made by a newer version (${manifest.madeBy}, with ${unknown}), which this one does not understand: restore it with that version or a newer one`,
    );
  return known;
}

async function requireEmpty(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    'SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY ($1)',
    [TABLES],
  );
  for (const { name } of rows) {
    const found = await pool.query(`SELECT 1 FROM ${quoted(name)} LIMIT 1`);
    if (found.rows.length > 0)
      throw new Error(
        `it holds data of Lanport already (table ${name}), which is not overwritten: restore into an empty database`,
      );
  }
}

async function importRows(
  pool: Pool,
  manifest: BackupManifest,
  pieces: AsyncGenerator<BackupPiece>,
): Promise<Imported> {
  const client = await checkOut(pool);
  let isDone = false;
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL statement_timeout = 0');
    for (const table of manifest.tables) await makePartitions(client, table);
    // The sums of usage come with the backup: nothing is counted again.
    await client.query('ALTER TABLE ledger_calls DISABLE TRIGGER USER');
    const imported = await copyAll(client, manifest, pieces);
    await client.query('ALTER TABLE ledger_calls ENABLE TRIGGER USER');
    await client.query('COMMIT');
    isDone = true;
    return imported;
  } finally {
    // Without its end the transaction is undone with the connection.
    client.release(!isDone);
  }
}

async function makePartitions(client: PoolClient, { name, partitions }: BackupTable): Promise<void> {
  for (const partition of partitions)
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${quoted(partition.name)} PARTITION OF ${quoted(name)} ${partition.bound}`,
    );
}

async function copyAll(
  client: PoolClient,
  manifest: BackupManifest,
  pieces: AsyncGenerator<BackupPiece>,
): Promise<Imported> {
  const files: { path: string; bytes: Buffer }[] = [];
  let rows = 0;
  let next = await pieces.next();
  while (next.done !== true) {
    const piece = next.value;
    if (piece.kind !== 'rows') {
      if (piece.kind === 'file') files.push({ path: piece.path, bytes: piece.bytes });
      next = await pieces.next();
      continue;
    }
    const table = manifest.tables.find(({ name }) => name === piece.table);
    if (table === undefined)
      throw new BackupDamage(`it has rows of a table that it does not name: ${piece.table}`);
    const target = client.query(from(`COPY ${quoted(table.name)} (${list(table.columns)}) FROM STDIN`));
    const ofTable = async function* (): AsyncGenerator<Buffer> {
      while (next.done !== true && next.value.kind === 'rows' && next.value.table === table.name) {
        yield next.value.bytes;
        next = await pieces.next();
      }
    };
    await pipeline(Readable.from(ofTable()), target);
    rows += target.rowCount;
  }
  return { manifest, rows, files };
}

function list(columns: readonly string[]): string {
  return columns.map(quoted).join(', ');
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
