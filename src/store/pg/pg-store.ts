import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import { withDeadline } from '../../core/scope.ts';
import { errorChain, type Log } from '../../telemetry/log.ts';
import type { CatalogTable, InstanceSecrets, Store } from '../store-ports.ts';
import { Partitions } from './ledger-partitions.ts';
import { backupSource } from './pg-backup.ts';
import { bodyStore, deploymentTable } from './pg-bodies.ts';
import { MIGRATIONS_FOLDER, migrate, readMigrations } from './migrate.ts';
import { accountTable } from './pg-accounts.ts';
import { PgLedgerArchive } from './pg-ledger-archive.ts';
import { PgLedgerStore } from './pg-ledger-store.ts';
import { PgSpend } from './pg-spend.ts';
import { responseTable } from './pg-responses.ts';
import { runQueries } from './pg-runs.ts';
import { toolHistoryTable } from './pg-tool-history.ts';

const POOL_MAX = 8;
const CONNECT_MS = 5_000;
const STATEMENT_MS = 30_000;
const HEALTH_MS = 2_000;

export type PgConnection =
  | { readonly connectionString: string }
  | { readonly host: string; readonly port: number; readonly user: string; readonly database: string };

export interface PgStoreOptions {
  readonly kind: 'embedded' | 'external';
  /** Printable: never has a password in it. */
  readonly describe: string;
  readonly connection: PgConnection;
  readonly log: Log;
  /** Closed after the pool. */
  readonly owner?: AsyncDisposable;
  /** What one key may keep of answers. */
  readonly responseBytesPerKeyMax: number;
  readonly migrationsFolder?: string;
}

/** Connections to the database; who made the pool ends it. */
export function createPool(connection: PgConnection, log: Log): Pool {
  const pool = new Pool({
    ...connection,
    max: POOL_MAX,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    application_name: 'lanport',
    allowExitOnIdle: true,
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => {
    if (!pool.ending) log.warn('an idle database connection broke', { reason: errorChain(error) });
  });
  // The pool's own listener is off while a connection is used: a server that ends it then would end the process. The next statement fails anyway.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** The store on PostgreSQL, migrated. Rejects with one sentence when the database cannot be reached or is of another version. */
export async function openPgStore(options: PgStoreOptions): Promise<Store> {
  const pool = createPool(options.connection, options.log);
  try {
    await pool.query('SELECT 1');
    const ran = await migrate(pool, await readMigrations(options.migrationsFolder ?? MIGRATIONS_FOLDER));
    if (ran.length > 0) options.log.info('the database was migrated', { migrations: ran });
    const partitions = new Partitions(pool);
    await partitions.prepareAhead(Date.now());
    const bodyPartitions = new Partitions(pool, 'ledger_bodies');
    await bodyPartitions.prepareAhead(Date.now());
    const ledger = new PgLedgerStore(pool, partitions);
    return {
      kind: options.kind,
      catalog: catalogTable(pool),
      toolHistory: toolHistoryTable(pool),
      responses: responseTable(pool, options.responseBytesPerKeyMax),
      accounts: accountTable(pool, options.connection, options.log),
      ledger,
      spend: new PgSpend(pool),
      bodies: bodyStore(pool, bodyPartitions),
      deployments: deploymentTable(pool),
      runs: runQueries(pool),
      archive: new PgLedgerArchive(pool, partitions),
      secrets: secretsTable(pool),
      backup: backupSource(pool),
      health: async () => {
        try {
          await withDeadline(pool.query('SELECT 1'), HEALTH_MS, 'a round trip');
          return { ok: true, detail: options.describe };
        } catch (error) {
          return { ok: false, detail: `${options.describe}: ${errorChain(error)}` };
        }
      },
      [Symbol.asyncDispose]: async () => {
        await pool.end();
        await options.owner?.[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await pool.end();
    await options.owner?.[Symbol.asyncDispose]();
    throw new Error(
      `the database (${options.describe}) cannot be used: ${errorChain(error)}${isAnswer(error) ? '' : '. Start it, or correct DATABASE_URL (general_settings.database_url)'}`,
      { cause: error },
    );
  }
}

/** Whether this is what PostgreSQL itself said. */
function isAnswer(error: unknown): boolean {
  return (error as { readonly severity?: unknown }).severity !== undefined;
}

function catalogTable(pool: Pool): CatalogTable {
  return {
    loadAll: async () => {
      const { rows } = await pool.query<{
        server: string;
        fingerprint: string;
        payload: string;
        updated_at: Date;
      }>('SELECT server, fingerprint, payload, updated_at FROM catalog ORDER BY server');
      return rows.map((row) => ({
        server: row.server,
        fingerprint: row.fingerprint,
        payload: row.payload,
        updatedAt: row.updated_at.getTime(),
      }));
    },
    save: async (row) => {
      await pool.query(
        `INSERT INTO catalog (server, fingerprint, payload, updated_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (server) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, payload = EXCLUDED.payload, updated_at = EXCLUDED.updated_at`,
        [row.server, row.fingerprint, row.payload, new Date(row.updatedAt)],
      );
    },
    remove: async (server) => {
      await pool.query('DELETE FROM catalog WHERE server = $1', [server]);
    },
  };
}

function secretsTable(pool: Pool): InstanceSecrets {
  return {
    getOrCreate: async (name, bytes) => {
      await pool.query(
        'INSERT INTO instance_secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING',
        [name, randomBytes(bytes)],
      );
      const { rows } = await pool.query<{ value: Buffer }>(
        'SELECT value FROM instance_secrets WHERE name = $1',
        [name],
      );
      return rows[0]!.value;
    },
  };
}
