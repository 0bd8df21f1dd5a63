// The one place outside net/ that starts processes: the database server belongs to the store, which must not know net/.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../telemetry/log.ts';
import { findBinaries } from './embedded-binaries.ts';
import { ensureDatabase, type RunSql, withClient } from './embedded-admin.ts';
import { type RunAs, runAs } from './embedded-user.ts';

/** Longest path of a Unix socket is 107 bytes on Linux and 103 on macOS; the file name takes 16. */
const SOCKET_FOLDER_BYTES_MAX = 86;
const PORT = 5432;
const START_MS = 60_000;
const STOP_MS = 8_000;
const KEPT_OUTPUT = 40;
/** Role under which the gateway uses its own database. */
export const SUPERUSER = 'lanport';

const SETTINGS: Readonly<Record<string, string>> = {
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
 * stopped first. Rejects with one sentence that says what to do.
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
    ...Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const [command, commandArgs] = user.wrap(binaries.postgres, args);
  const output = new Output();
  const child = spawn(command, commandArgs, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      PG_OOM_ADJUST_FILE: '',
    },
  });
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => output.push(text));
  child.unref();
  (child.stderr as unknown as { unref(): void }).unref();
  const gone = new Promise<never>((_resolve, reject) => {
    child.once('error', (error) =>
      reject(new Error(`the embedded PostgreSQL could not be started: ${error.message}`)),
    );
    child.once('exit', (code, signal) =>
      reject(
        new Error(
          `the embedded PostgreSQL ended while starting (${signal ?? `code ${code}`}): ${output.tail()}. Its folder is ${cluster}`,
        ),
      ),
    );
  });
  gone.catch(() => undefined);
  await Promise.race([waitReady(cluster, child), gone]);
  let isStopping = false;
  child.once('exit', (code, signal) => {
    if (isStopping) return;
    const last = output.tail();
    log.error('the embedded PostgreSQL has ended: start the gateway anew', {
      code,
      signal,
      folder: cluster,
      last,
    });
  });
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
    pid: child.pid!,
    connection,
    ensureDatabase: (name) => ensureDatabase(connection('postgres'), name),
    withDatabase: (name, work) => withClient(connection(name), work),
    [Symbol.asyncDispose]: async () => {
      isStopping = true;
      await stopChild(child);
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

async function stopOrphan(cluster: string, log: Log): Promise<void> {
  const pid = postmasterOf(cluster);
  if (pid === undefined) return;
  log.warn('a database server of a gateway that was killed still runs and is stopped', { pid });
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const deadline = performance.now() + STOP_MS;
    // Not our child: there is no event to wait for.
    while (performance.now() < deadline) {
      if (postmasterOf(cluster) !== pid) return;
      await delay(20);
    }
  }
}

/** The server that runs on this folder, by its pid file and, where there is /proc, by what that process really is. */
function postmasterOf(cluster: string): number | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return commandLine[0]?.endsWith('postgres') === true && commandLine.includes(cluster) ? pid : undefined;
  } catch {
    return existsSync('/proc/self') ? undefined : pid;
  }
}

/** `ready` in the pid file's eighth line is how pg_ctl knows, too. */
async function waitReady(cluster: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (child.exitCode === null && performance.now() < deadline) {
    try {
      const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
      if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return;
    } catch {
      // Not written yet.
    }
    await delay(10);
  }
  throw new Error(`the embedded PostgreSQL was not ready within ${START_MS / 1_000} s`);
}

async function stopChild(child: ChildProcess): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const stop = new AbortController();
    await Promise.race([exited, delay(STOP_MS, undefined, { signal: stop.signal }).catch(() => undefined)]);
    stop.abort();
  }
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

/** The last lines of what a program printed. */
class Output {
  #lines: string[] = [];

  push(text: string): void {
    this.#lines.push(...text.split('\n').filter((line) => line.trim() !== ''));
    if (this.#lines.length > KEPT_OUTPUT) this.#lines = this.#lines.slice(-KEPT_OUTPUT);
  }

  tail(): string {
    return this.#lines.slice(-4).join(' | ').slice(0, 800);
  }
}
