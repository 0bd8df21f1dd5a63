import type { Readable } from 'node:stream';
import { errorChain, type Log } from '../telemetry/log.ts';
import { BackupDamage, type BackupManifest, readArchive } from './backup-archive.ts';
import type { StoreMode } from './open-store.ts';
import { startEmbedded } from './pg/embedded.ts';
import { MIGRATIONS_FOLDER, readMigrations } from './pg/migrate.ts';
import { importDatabase, type Imported } from './pg/pg-backup.ts';
import { createPool, type PgConnection } from './pg/pg-store.ts';

export { stopLeftBehind } from './pg/embedded.ts';

/**
 * Puts a backup into the store that `mode` names, which must hold nothing yet; rows come in all or none. Rejects with one sentence that says what to do.
 * The files of the backup are the caller's to put back.
 */
export async function restoreStore(
  mode: Exclude<StoreMode, { kind: 'none' }>,
  archive: Readable,
  log: Log,
): Promise<Imported> {
  if (mode.kind === 'external') {
    const url = mode.url.reveal();
    const { host, pathname } = new URL(url);
    return restore({ connectionString: url }, `PostgreSQL at ${host}${pathname}`, archive, log);
  }
  await using embedded = await startEmbedded(mode.dataFolder, log);
  return await restore(embedded.connection('postgres'), 'the embedded PostgreSQL', archive, log);
}

async function restore(
  connection: PgConnection,
  description: string,
  archive: Readable,
  log: Log,
): Promise<Imported> {
  const pool = createPool(connection, log);
  try {
    return await importDatabase(pool, readArchive(archive), await readMigrations(MIGRATIONS_FOLDER));
  } catch (error) {
    if (error instanceof BackupDamage)
      throw new Error(`the backup cannot be used: ${error.message}`, { cause: error });
    throw new Error(`nothing was restored into ${description}: ${errorChain(error)}`, { cause: error });
  } finally {
    await pool.end();
  }
}

/** Reads a backup to its end and gives what it holds. Rejects with what is wrong with it. */
export async function checkBackup(
  archive: Readable,
): Promise<{ readonly manifest: BackupManifest; readonly bytes: number }> {
  let manifest: BackupManifest | undefined;
  let bytes = 0;
  try {
    for await (const piece of readArchive(archive)) {
      if (piece.kind === 'manifest') manifest = piece.manifest;
      else bytes += piece.bytes.length;
    }
  } catch (error) {
    if (error instanceof BackupDamage)
      throw new Error(`the backup cannot be used: ${error.message}`, { cause: error });
    throw error;
  }
  if (manifest === undefined) throw new Error('the backup cannot be used: it is empty');
  return { manifest, bytes };
}
