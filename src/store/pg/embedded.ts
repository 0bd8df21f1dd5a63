import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../telemetry/log.ts';
import { findBinaries } from './embedded-binaries.ts';
import { ensureDatabase, type RunSql, withClient } from './embedded-admin.ts';
import { EmbeddedServer, Output, stopOrphan } from './embedded-server.ts';
import { type RunAs, runAs } from './embedded-user.ts';

/** Longest path of a Unix socket is 107 bytes on Linux and 103 on macOS; the file name takes 16. */
const SOCKET_FOLDER_BYTES_MAX = 86;
const PORT = 5432;
/** Role under which the gateway uses its own database. */
export const SUPERUSER = 'lanport';

/** What the embedded server is set to. */
export const EMBEDDED_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '64MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  log_min_messages: 'warning',
  // What statements cost, for the advice on the demo database. Its view exists only where the extension was created.
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.max': '1000',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** A running PostgreSQL of our own. */
export interface EmbeddedPostgres extends AsyncDisposable {
  readonly socketFolder: string;
  readonly port: number;
  readonly user: string;
  readonly pid: number;
  /** Connection parameters for a database and role on it. */
  connection(database: string, role?: string): { host: string; port: number; user: string; database: string };
  /** Makes a database unless it is there. */
  ensureDatabase(name: string): Promise<void>;
  /** Hands `work` a session on a database as its owner. */
  withDatabase<T>(name: string, work: (run: RunSql) => Promise<T>): Promise<T>;
}

/**
 * Starts the embedded PostgreSQL on `<dataFolder>/postgres`, which is made on first use. An orphan that a killed gateway left behind is
 * stopped first; a server that ends by itself is started again. Rejects with one sentence that says what to do.
 */
export async function startEmbedded(dataFolder: string, log: Log): Promise<EmbeddedPostgres> {
  const binaries = findBinaries();
  mkdirSync(dataFolder, { recursive: true });
  const cluster = join(dataFolder, 'postgres');
  const user = runAs([cluster, binaries.postgres]);
  for (const name of readdirSync(dataFolder))
    if (name.startsWith('postgres.init-')) rmSync(join(dataFolder, name), { recursive: true, force: true });
  if (existsSync(cluster)) await stopOrphan(cluster, log);
  else await initialise(dataFolder, cluster, binaries.initdb, user);
  const socketFolder = makeSocketFolder(dataFolder, user);
  const args = [
    '-D',
    cluster,
    '-k',
    socketFolder,
    '-p',
    String(PORT),
    ...Object.entries(EMBEDDED_SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const server = new EmbeddedServer({ cluster, command: user.wrap(binaries.postgres, args), log });
  await server.start();
  const connection: EmbeddedPostgres['connection'] = (database, role) => ({
    host: socketFolder,
    port: PORT,
    user: role ?? SUPERUSER,
    database,
  });
  return {
    socketFolder,
    port: PORT,
    user: SUPERUSER,
    get pid() {
      return server.pid;
    },
    connection,
    ensureDatabase: (name) => ensureDatabase(connection('postgres'), name),
    withDatabase: (name, work) => withClient(connection(name), work),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      rmSync(socketFolder, { recursive: true, force: true });
    },
  };
}

async function initialise(dataFolder: string, cluster: string, initdb: string, user: RunAs): Promise<void> {
  const draft = join(dataFolder, `postgres.init-${process.pid}`);
  mkdirSync(draft, { mode: 0o700 });
  if (user.uid !== undefined && user.gid !== undefined) chownSync(draft, user.uid, user.gid);
  const [command, args] = user.wrap(initdb, [
    '-D',
    draft,
    '-U',
    SUPERUSER,
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--no-instructions',
  ]);
  const output = new Output();
  const child = spawn(command, args, {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => output.push(text));
  const code = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) => resolve(signal ?? status ?? 1));
  });
  if (code !== 0) {
    rmSync(draft, { recursive: true, force: true });
    throw new Error(
      `the embedded PostgreSQL could not make its folder in ${dataFolder} (${code}): ${output.tail()}. Check free space and permissions there, use another folder with --data, or set DATABASE_URL`,
    );
  }
  renameSync(draft, cluster);
}

/** Stops the server that a killed process of ours left behind on a data folder, if there is one. */
export async function stopLeftBehind(dataFolder: string, log: Log): Promise<void> {
  await stopOrphan(join(dataFolder, 'postgres'), log);
}

function makeSocketFolder(dataFolder: string, user: RunAs): string {
  const beside = join(dataFolder, 'run');
  let folder = beside;
  if (Buffer.byteLength(beside) > SOCKET_FOLDER_BYTES_MAX) folder = mkdtempSync(join(tmpdir(), 'lanport-'));
  else {
    rmSync(beside, { recursive: true, force: true });
    mkdirSync(beside, { mode: 0o700 });
  }
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  return folder;
}
