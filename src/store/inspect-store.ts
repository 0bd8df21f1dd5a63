import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../telemetry/log.ts';
import type { StoreMode } from './open-store.ts';
import { type EmbeddedPostgres, startEmbedded, SUPERUSER } from './pg/embedded.ts';
import { Partitions } from './pg/ledger-partitions.ts';
import { PgLedgerArchive } from './pg/pg-ledger-archive.ts';
import { createPool, type PgConnection } from './pg/pg-store.ts';
import type { LedgerArchive } from './archive-ports.ts';

/** The ledger's days, for somebody who only looks. */
export interface InspectedStore extends AsyncDisposable {
  readonly archive: LedgerArchive;
}

/**
 * Opens a store for looking at it, beside a gateway that may be using it: nothing is migrated, nothing is made. Of an embedded PostgreSQL the
 * running one is used; it is started where none runs, and then the caller must own the data folder. Rejects with what to do.
 */
export async function inspectStore(
  mode: Exclude<StoreMode, { kind: 'none' }>,
  log: Log,
): Promise<InspectedStore> {
  if (mode.kind === 'external') return inspect({ connectionString: mode.url.reveal() }, log, undefined);
  const running = runningEmbedded(mode.dataFolder);
  if (running !== undefined) return inspect(running, log, undefined);
  const embedded = await startEmbedded(mode.dataFolder, log);
  return inspect(embedded.connection('postgres'), log, embedded);
}

function inspect(connection: PgConnection, log: Log, owner: EmbeddedPostgres | undefined): InspectedStore {
  const pool = createPool(connection, log);
  return {
    archive: new PgLedgerArchive(pool, new Partitions(pool)),
    [Symbol.asyncDispose]: async () => {
      await pool.end();
      await owner?.[Symbol.asyncDispose]();
    },
  };
}

/** How to reach the embedded PostgreSQL that runs on a data folder (PostgreSQL, src/include/utils/pidfile.h). */
function runningEmbedded(dataFolder: string): PgConnection | undefined {
  const path = join(dataFolder, 'postgres', 'postmaster.pid');
  if (!existsSync(path)) return undefined;
  const [pid = '', , , port = '', host = ''] = readFileSync(path, 'utf8').split('\n');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  return { host, port: Number(port), user: SUPERUSER, database: 'postgres' };
}
