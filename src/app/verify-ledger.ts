import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inspectConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { chainKey, KEY_FILE } from '../ledger/chain-key.ts';
import { verifyAgainst } from '../ledger/verify-folder.ts';
import type { Verification } from '../ledger/verify-ports.ts';
import { FolderInUseError, lockFolder } from '../store/folder-lock.ts';
import { inspectStore } from '../store/inspect-store.ts';
import type { StoreMode } from '../store/open-store.ts';
import { createLog, errorChain } from '../telemetry/log.ts';
import { dataFolderOf } from './serve.ts';
import { EXIT, StartupError } from './startup-error.ts';

export interface VerifyLedgerOptions {
  readonly config?: string | undefined;
  readonly data?: string | undefined;
  readonly envFile?: string | undefined;
  /** Folders `ledger` of other gateways on the same database. */
  readonly ledgerFolder?: readonly string[] | undefined;
  /** Files with further keys. */
  readonly keyFile?: readonly string[] | undefined;
}

/** What a check of the ledger has shown. */
export type VerifiedLedger = Verification;

/** Checks the ledger in the database of a configuration, whether its gateway runs or not. Rejects with StartupError. */
export async function verifyLedgerOf(
  options: VerifyLedgerOptions,
  io: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly stderr: { write(text: string): boolean };
  },
): Promise<VerifiedLedger> {
  const dataFolder = dataFolderOf(options);
  const { config, problems } = await inspectConfig({
    file: options.config,
    env: io.env,
    envFile: options.envFile,
  });
  if (config === undefined) throw new StartupError(new ConfigError(problems).message, EXIT.configuration);
  const { disabled, databaseUrl } = config.store;
  if (disabled)
    throw new StartupError(
      'there is nothing to check: this configuration has no database (general_settings.disable_database), and a ledger in files has no chain',
      EXIT.configuration,
    );
  if (databaseUrl === undefined && !existsSync(join(dataFolder, 'postgres')))
    throw new StartupError(
      `there is no database in ${dataFolder}: name the data folder of the gateway with --data, or its configuration with --config`,
      EXIT.configuration,
    );
  const keys = [
    ...(config.ledger.key === undefined ? [] : [chainKey(config.ledger.key.reveal())]),
    ...(options.keyFile ?? []).map(keyIn),
  ];
  const folders = [join(dataFolder, 'ledger'), ...(options.ledgerFolder ?? []).map(ledgerFolderAt)];
  const log = createLog(io.stderr, 'warn');
  const mode: Exclude<StoreMode, { kind: 'none' }> =
    databaseUrl === undefined ? { kind: 'embedded', dataFolder } : { kind: 'external', url: databaseUrl };
  const lock = mode.kind === 'embedded' ? lockUnlessRunning(dataFolder) : undefined;
  try {
    await using store = await inspectStore(mode, log);
    return await verifyAgainst(store.archive, folders, keys);
  } catch (error) {
    throw new StartupError(`the ledger could not be checked: ${errorChain(error)}`, EXIT.start, error);
  } finally {
    lock?.release();
    log.flush();
  }
}

function keyIn(file: string): ReturnType<typeof chainKey> {
  try {
    return chainKey(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new StartupError(
      `the key file ${file} cannot be read: ${errorChain(error)}`,
      EXIT.configuration,
      error,
    );
  }
}

/** A folder that is named and holds nothing of a ledger would be a check that was not made. */
function ledgerFolderAt(named: string): string {
  const folder = resolve(named);
  if (['chain', 'manifests', KEY_FILE].some((one) => existsSync(join(folder, one)))) return folder;
  throw new StartupError(
    `${folder} is not the ledger folder of a gateway: name the folder "ledger" of its data folder with --ledger-folder, which holds chain/ and manifests/`,
    EXIT.configuration,
  );
}

/** The database of a gateway that runs is used beside it; one that does not run is started, and then nobody else may. */
function lockUnlessRunning(dataFolder: string): ReturnType<typeof lockFolder> | undefined {
  try {
    return lockFolder(dataFolder);
  } catch (error) {
    if (error instanceof FolderInUseError) return undefined;
    throw error;
  }
}
