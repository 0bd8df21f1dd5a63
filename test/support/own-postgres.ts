import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { appendFile, chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { findBinaries } from '../../src/store/pg/embedded-binaries.ts';
import { runAs } from '../../src/store/pg/embedded-user.ts';
import type { DatabaseTarget, TestDatabase } from './connector-database.ts';

const DEBIAN = '/usr/lib/postgresql';
const PORT = 5432;
const OWNER = 'owner';
const run = promisify(execFile);

/** A folder with `initdb` and `postgres`. */
export interface PostgresProgram {
  readonly name: string;
  readonly bin: string;
}

/**
 * The PostgreSQL versions of this machine: the embedded one, those of Debian, and those whose `bin` folders LANPORT_POSTGRES_BINS names, with
 * colons between.
 */
export function postgresPrograms(): readonly [PostgresProgram, ...PostgresProgram[]] {
  const debian = existsSync(DEBIAN) ? readdirSync(DEBIAN) : [];
  const named = (process.env['LANPORT_POSTGRES_BINS'] ?? '').split(':').filter((bin) => bin !== '');
  const embedded = { name: 'embedded', bin: dirname(findBinaries().postgres) };
  return [
    embedded,
    ...debian.map((version) => ({ name: `Debian ${version}`, bin: join(DEBIAN, version, 'bin') })),
    ...named.map((bin) => ({ name: bin, bin })),
  ];
}

export interface OwnServerOptions {
  /** Settings beyond those that keep the server small and quiet. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines in front of pg_hba.conf. */
  readonly hba?: readonly string[];
  /** Listen on 127.0.0.1 at this TCP port, too. */
  readonly tcpPort?: number;
  /** Called with the data folder before the server starts. `owner` is whom files there must belong to. */
  readonly prepare?: (folder: string, own: (path: string) => void) => Promise<void>;
}

/** A server that is all a test's own: its files may be read, and it may be stopped and started again. */
export interface OwnServer extends TestDatabase {
  readonly dataFolder: string;
  /** `immediate`: as after a crash, with every session cut off. */
  stop(how: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
}

/** Makes and starts a server in a temporary folder: no autovacuum, so that nothing moves in it by itself. */
export async function openOwnServer(
  program: PostgresProgram,
  options: OwnServerOptions = {},
): Promise<OwnServer> {
  const folder = await mkdtemp(join(tmpdir(), 'lanport-own-'));
  await chmod(folder, 0o755);
  const dataFolder = join(folder, 'data');
  await mkdir(dataFolder, { mode: 0o700 });
  const user = runAs([dataFolder, program.bin]);
  const own = (path: string): void => {
    if (user.uid !== undefined && user.gid !== undefined) chownSync(path, user.uid, user.gid);
  };
  own(dataFolder);
  const sockets = join(folder, 'run');
  await mkdir(sockets);
  own(sockets);
  const [command, args] = user.wrap(join(program.bin, 'initdb'), [
    ...['-D', dataFolder, '-U', OWNER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
  ]);
  await run(command, [...args], { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } });
  if (options.hba !== undefined) {
    const file = join(dataFolder, 'pg_hba.conf');
    await rm(file);
    await appendFile(file, `${options.hba.join('\n')}\n`);
    own(file);
  }
  await options.prepare?.(dataFolder, own);
  const port = options.tcpPort ?? PORT;
  const settings = {
    listen_addresses: options.tcpPort === undefined ? '' : '127.0.0.1',
    fsync: 'off',
    autovacuum: 'off',
    shared_buffers: '16MB',
    max_connections: '40',
    timezone: 'UTC',
    ...options.settings,
  };
  const target: DatabaseTarget = { host: sockets, port, user: OWNER, database: 'postgres' };
  let child: ChildProcess | undefined;
  let client: pg.Client | undefined;
  const start = async (): Promise<void> => {
    const [postgres, postgresArgs] = user.wrap(join(program.bin, 'postgres'), [
      ...['-D', dataFolder, '-k', sockets, '-p', String(port)],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]);
    child = spawn(postgres, postgresArgs, {
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    });
    await ready(child);
    client = new pg.Client({ ...target, options: '-c timezone=UTC' });
    client.on('error', () => undefined);
    await client.connect();
  };
  const stop = async (how: 'fast' | 'immediate'): Promise<void> => {
    await client?.end().catch(() => undefined);
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  };
  await start();
  return {
    dataFolder,
    start,
    stop,
    target: (role) => (role === undefined ? target : { ...target, user: role }),
    run: async (sql) => {
      const results = await client!.query(sql);
      const last = Array.isArray(results) ? (results as pg.QueryResult[]).at(-1) : results;
      return (last?.rows ?? []) as Record<string, unknown>[];
    },
    [Symbol.asyncDispose]: async () => {
      await stop('immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when the server says that it takes connections. Rejects with what it printed when it ends before. */
function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (printed.length < 100_000) printed += text;
      if (printed.includes('ready to accept connections')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`PostgreSQL ended (${code}): ${printed.slice(-2_000)}`)));
    child.once('error', reject);
  });
}
