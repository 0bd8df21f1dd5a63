import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspectConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { type FolderLock, lockFolder } from '../store/folder-lock.ts';
import type { StoreMode } from '../store/open-store.ts';
import { checkBackup, restoreStore, stopLeftBehind } from '../store/restore-store.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import type { GatewayClient } from './client.ts';
import { writeNewFile } from './new-file.ts';
import { dataFolderOf } from './serve.ts';
import { EXIT, StartupError } from './startup-error.ts';
import { markUnfinished } from './unfinished-restore.ts';

export interface RestoreOptions {
  readonly config?: string | undefined;
  readonly data?: string | undefined;
  readonly envFile?: string | undefined;
  /** Whether a data folder that is in the way is put aside. */
  readonly replace?: boolean | undefined;
}

/** What a restore has put back, and where. */
export interface Restored {
  readonly madeAt: string;
  readonly madeBy: string;
  readonly rows: number;
  readonly files: readonly string[];
  readonly dataFolder: string;
  /** Where the data folder that was in the way lies now. */
  readonly putAside: string | undefined;
}

/** Puts a backup into the data folder and the database that the gateway of this configuration uses, while it does not run. Rejects with StartupError. */
export async function restoreBackup(
  file: string,
  options: RestoreOptions,
  io: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly stderr: { write(text: string): boolean };
    readonly now: () => number;
  },
): Promise<Restored> {
  const dataFolder = dataFolderOf(options);
  const mode = await modeOf(options, dataFolder, io.env);
  await inspectBackup(file);
  const log = createLog(io.stderr, 'warn');
  const putAside = await makeRoom(dataFolder, options.replace === true, io.now(), log);
  let lock: FolderLock | undefined;
  /** The rows are in a database that is not in the data folder. */
  let isHalfDone = false;
  try {
    lock = lockFolder(dataFolder);
    const finish = markUnfinished(dataFolder);
    const { manifest, rows, files } = await restoreStore(mode, createReadStream(file), log);
    isHalfDone = mode.kind === 'external';
    for (const { path, bytes } of files) put(join(dataFolder, path), bytes);
    finish();
    const { madeAt, madeBy } = manifest;
    return { madeAt, madeBy, rows, files: files.map(({ path }) => path), dataFolder, putAside };
  } catch (error) {
    if (lock !== undefined) undo(dataFolder, putAside);
    const reason = isHalfDone
      ? `the database was restored, and its files were not (${error instanceof Error ? error.message : String(error)}): empty the database, and restore again`
      : reasonOf(error, dataFolder);
    throw new StartupError(reason, EXIT.failed, error);
  } finally {
    lock?.release();
    log.flush();
  }
}

/** The data folder as it was: all that lies in it came with this restore. */
function undo(dataFolder: string, putAside: string | undefined): void {
  for (const name of readdirSync(dataFolder))
    rmSync(join(dataFolder, name), { recursive: true, force: true });
  if (putAside === undefined) return;
  rmdirSync(dataFolder);
  renameSync(putAside, dataFolder);
}

async function modeOf(
  options: RestoreOptions,
  dataFolder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Exclude<StoreMode, { kind: 'none' }>> {
  const { config, problems } = await inspectConfig({ file: options.config, env, envFile: options.envFile });
  if (config === undefined) throw new StartupError(new ConfigError(problems).message, EXIT.configuration);
  const { disabled, databaseUrl } = config.store;
  if (disabled)
    throw new StartupError(
      'nothing was restored: this configuration has no database (general_settings.disable_database)',
      EXIT.configuration,
    );
  return databaseUrl === undefined
    ? { kind: 'embedded', dataFolder }
    : { kind: 'external', url: databaseUrl };
}

/** A data folder that holds something is put aside, or refused. Where it lies then. */
async function makeRoom(
  dataFolder: string,
  replace: boolean,
  now: number,
  log: Log,
): Promise<string | undefined> {
  try {
    if (!existsSync(dataFolder) || readdirSync(dataFolder).length === 0) return undefined;
    if (!replace)
      throw new StartupError(
        `nothing was restored: the data folder ${dataFolder} holds something already. Stop its gateway and add --replace, which puts the folder aside, or choose another one with --data`,
        EXIT.failed,
      );
    const lock = lockFolder(dataFolder);
    // One that goes on in a folder with another name would never be found again.
    await stopLeftBehind(dataFolder, log).finally(() => lock.release());
    const aside = `${dataFolder}.before-restore-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`;
    renameSync(dataFolder, aside);
    return aside;
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(reasonOf(error, dataFolder), EXIT.failed, error);
  }
}

function reasonOf(error: unknown, dataFolder: string): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `nothing was restored: the disk that holds ${dataFolder} is full. Free some space, or choose another folder with --data`;
    case 'EBUSY':
    case 'EXDEV':
      return `nothing was restored: the data folder ${dataFolder} is a mount, and cannot be put aside. Move away what it holds, and restore without --replace`;
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `nothing was restored: the data folder ${dataFolder} cannot be used (${messageOf(error)}). Choose another one with --data`;
    default:
      return messageOf(error);
  }
}

function put(path: string, bytes: Buffer): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
}

/** What a command made of a backup. */
export interface BackupMade {
  readonly file: string;
  readonly bytes: number;
  readonly madeAt: string;
}

/**
 * Saves the backup that `gateway` sends into a new file, which appears under its name when it is whole and was read to its end. Rejects with StartupError;
 * then nothing is left.
 */
export async function saveBackup(
  gateway: Pick<GatewayClient, 'download'>,
  file: string,
  stopRequested: Promise<string>,
): Promise<BackupMade> {
  const { manifest } = await writeNewFile(
    file,
    () => gateway.download('/v1/backup'),
    inspectBackup,
    stopRequested,
  );
  return { file, bytes: (await stat(file)).size, madeAt: manifest.madeAt };
}

/** Reads a backup to its end. Rejects with StartupError that says what is wrong with it. */
export async function inspectBackup(file: string): ReturnType<typeof checkBackup> {
  try {
    return await checkBackup(createReadStream(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartupError(
      code === undefined ? messageOf(error) : `the backup ${file} cannot be read: ${messageOf(error)}`,
      EXIT.failed,
      error,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
