import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspectConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { lockFolder } from '../store/folder-lock.ts';
import type { StoreMode } from '../store/open-store.ts';
import { checkBackup, restoreStore } from '../store/restore-store.ts';
import { createLog } from '../telemetry/log.ts';
import type { GatewayClient } from './client.ts';
import { saveFile } from './save-file.ts';
import { dataFolderOf } from './serve.ts';
import { EXIT, StartupError } from './startup-error.ts';

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
  const putAside = makeRoom(dataFolder, options.replace === true, io.now());
  const log = createLog(io.stderr, 'warn');
  const lock = lockFolder(dataFolder);
  try {
    const { manifest, rows, files } = await restoreStore(mode, createReadStream(file), log);
    for (const { path, bytes } of files) put(join(dataFolder, path), bytes);
    const { madeAt, madeBy } = manifest;
    return { madeAt, madeBy, rows, files: files.map(({ path }) => path), dataFolder, putAside };
  } catch (error) {
    throw new StartupError(messageOf(error), EXIT.failed, error);
  } finally {
    lock.release();
    log.flush();
  }
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
function makeRoom(dataFolder: string, replace: boolean, now: number): string | undefined {
  if (!existsSync(dataFolder) || readdirSync(dataFolder).length === 0) return undefined;
  if (!replace)
    throw new StartupError(
      `nothing was restored: the data folder ${dataFolder} holds something already. Stop its gateway and add --replace, which puts the folder aside, or choose another one with --data`,
      EXIT.failed,
    );
  lockFolder(dataFolder).release();
  const aside = `${dataFolder}.before-restore-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}`;
  renameSync(dataFolder, aside);
  return aside;
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
  signal: AbortSignal,
): Promise<BackupMade> {
  let madeAt = '';
  await saveFile(file, () => gateway.download('/v1/backup'), {
    failed: 'no backup was made',
    signal,
    check: async (draft) => {
      ({ madeAt } = (await inspectBackup(draft)).manifest);
    },
  });
  return { file, bytes: (await stat(file)).size, madeAt };
}

/** Reads a backup to its end. Rejects with StartupError that says what is wrong with it. */
export async function inspectBackup(file: string): ReturnType<typeof checkBackup> {
  try {
    return await checkBackup(createReadStream(file));
  } catch (error) {
    throw new StartupError(messageOf(error), EXIT.failed, error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
