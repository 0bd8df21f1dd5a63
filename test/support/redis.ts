import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianProgram, FETCH_MS } from './debian-program.ts';
import { lastingPort } from './ports.ts';

/** What Debian's redis-server needs besides what every Debian has. */
const PACKAGES = ['redis-tools', 'libatomic1', 'libjemalloc2', 'liblzf1'];
/** How long a Redis may take to be fetched where none is installed. Milliseconds. */
export const REDIS_MS = FETCH_MS;
const POLL_MS = 20;

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
  // redis-server of the package is a link to this program.
  const program = await debianProgram(['redis-server', 'valkey-server'], PACKAGES, 'usr/bin/redis-check-rdb');
  const port = await lastingPort();
  const folder = await mkdtemp(join(tmpdir(), 'lanport-redis-'));
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(
      program.path,
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
      {
        stdio: 'ignore',
        env: { ...process.env, ...program.env },
        // It is what it is called.
        argv0: 'redis-server',
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
