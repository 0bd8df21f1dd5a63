import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A home folder that was never used, and no way out but to this machine. */
export interface ClientHome extends AsyncDisposable {
  readonly folder: string;
  write(path: string, content: string): Promise<string>;
  /** Runs a program in it to its end; what it wrote. Rejects, with all of that, when it does not end well. */
  run(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<{ readonly stdout: string; readonly stderr: string }>;
}

/** Ours is not the only limit: a client that hangs is ended before its test is. Milliseconds. */
const RUN_MS = 80_000;

export async function openHome(): Promise<ClientHome> {
  const folder = await mkdtemp(join(tmpdir(), 'lanport-home-'));
  await mkdir(join(folder, 'work'));
  // Programs send what is not for this machine to the proxy, which lets nothing through.
  const wall = createServer((socket) => socket.on('error', () => undefined).destroy());
  await new Promise<void>((resolve) => wall.listen(0, '127.0.0.1', resolve));
  const proxy = `http://127.0.0.1:${(wall.address() as AddressInfo).port}`;
  const running = new Set<ChildProcess>();
  return {
    folder,
    write: async (path, content) => {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
      return file;
    },
    run: (command, args, env) =>
      new Promise((resolve, reject) => {
        const child = spawn(command, args, {
          cwd: join(folder, 'work'),
          stdio: ['ignore', 'pipe', 'pipe'],
          // A group of its own, so that what it started ends with it.
          detached: true,
          env: {
            PATH: process.env['PATH'] ?? '',
            HOME: folder,
            TMPDIR: folder,
            HTTP_PROXY: proxy,
            HTTPS_PROXY: proxy,
            http_proxy: proxy,
            https_proxy: proxy,
            NO_PROXY: '127.0.0.1,localhost',
            no_proxy: '127.0.0.1,localhost',
            ...env,
          },
        });
        running.add(child);
        let stdout = '';
        let stderr = '';
        child.stdout.on('data', (chunk) => (stdout += String(chunk)));
        child.stderr.on('data', (chunk) => (stderr += String(chunk)));
        const timer = setTimeout(() => endGroup(child), RUN_MS);
        child.once('error', reject);
        child.once('close', (code, signal) => {
          clearTimeout(timer);
          running.delete(child);
          endGroup(child);
          if (code === 0) resolve({ stdout, stderr });
          else reject(new Error(`${command} ended with ${code ?? signal}:\n${stdout}\n${stderr}`));
        });
      }),
    [Symbol.asyncDispose]: async () => {
      for (const child of running) endGroup(child);
      wall.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left.
  }
}
