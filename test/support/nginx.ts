import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianProgram } from './debian-program.ts';
import { ROOT } from './process.ts';

const POLL_MS = 20;

export interface TestNginx extends AsyncDisposable {
  /** What it logged as an error. */
  errors(): Promise<string>;
}

/** The blocks of nginx's configuration in a guide, as they stand there. */
export async function nginxBlocks(guide: string): Promise<readonly string[]> {
  const text = await readFile(join(ROOT, guide), 'utf8');
  const blocks = [...text.matchAll(/^```nginx\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
  if (blocks.length === 0) throw new Error(`${guide} shows no configuration of nginx`);
  return blocks;
}

/** Starts a real nginx with what belongs into `http { … }`, and waits until it listens on these ports of this machine. */
export async function startNginx(http: string, ports: readonly number[]): Promise<TestNginx> {
  const { path, env } = await debianProgram(['nginx'], ['nginx'], 'usr/sbin/nginx');
  const folder = await mkdtemp(join(tmpdir(), 'lanport-nginx-'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  for (const name of temporary) await mkdir(join(folder, name));
  const paths = temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join(' ');
  const log = join(folder, 'error.log');
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${join(folder, 'pid')}; error_log ${log} error;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 512; }
http { access_log off; ${paths}
${http}
}`,
  );
  const child = spawn(path, ['-p', folder, '-e', log, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const ended = once(child, 'exit');
  for (const port of ports)
    while (!(await listens(port))) {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}: ${printed}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  return {
    errors: () => readFile(log, 'utf8'),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
