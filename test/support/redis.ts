import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { arch, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { lastingPort } from './ports.ts';

const run = promisify(execFile);
/** What Debian's redis-server needs besides what every Debian has. */
const PACKAGES = ['redis-tools', 'libatomic1', 'libjemalloc2', 'liblzf1'];
/** How long a Redis may take to be fetched where none is installed. Milliseconds. */
export const REDIS_MS = 240_000;
const POLL_MS = 20;

interface Program {
  readonly path: string;
  readonly libraries: string | undefined;
}

export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** Stops the process where it stands: it neither answers nor closes connections. */
  pause(): void;
  resume(): void;
  /** SIGKILL; what it held in memory is lost. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
}

/** Starts a real Redis or Valkey in memory: the installed one, else Debian's, unpacked into the temporary folder. */
export async function startRedis(): Promise<TestRedis> {
  const program = installed() ?? (await fetched());
  const port = await lastingPort();
  const folder = await mkdtemp(join(tmpdir(), 'lanport-redis-'));
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(
      program.path,
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
      {
        stdio: 'ignore',
        env: {
          ...process.env,
          ...(program.libraries === undefined ? {} : { LD_LIBRARY_PATH: program.libraries }),
        },
      },
    );
    let ended: string | undefined;
    child.once('exit', (code) => {
      ended = `redis-server ended with ${String(code)}`;
    });
    while (!(await answers(port))) {
      if (ended !== undefined) throw new Error(ended);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill,
    restart: start,
    [Symbol.asyncDispose]: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function installed(): Program | undefined {
  for (const name of ['redis-server', 'valkey-server'])
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (existsSync(path)) return { path, libraries: undefined };
    }
  return undefined;
}

async function fetched(): Promise<Program> {
  const folder = join(tmpdir(), `lanport-redis-debian-${arch()}`);
  if (!existsSync(folder)) await fetch(folder);
  const [libraries] = await readdir(join(folder, 'usr/lib'));
  return { path: join(folder, 'usr/bin/redis-server'), libraries: join(folder, 'usr/lib', libraries!) };
}

async function fetch(folder: string): Promise<void> {
  const partial = `${folder}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  try {
    // The list of packages may be old, and what it names gone.
    await run('apt-get', ['update']).catch(() => undefined);
    await run('apt-get', ['download', ...PACKAGES], { cwd: partial });
    for (const name of await readdir(partial))
      if (name.endsWith('.deb')) await run('dpkg', ['-x', name, '.'], { cwd: partial });
    await symlink('redis-check-rdb', join(partial, 'usr/bin/redis-server'));
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another run has fetched it meanwhile.
    if (existsSync(folder)) return;
    throw new Error(
      'these tests need redis-server or valkey-server, which is neither installed nor to be had',
      {
        cause: error,
      },
    );
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString().startsWith('+PONG'));
    });
    socket.once('error', () => resolve(false));
  });
}
