import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, glob, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { lastingPort } from './ports.ts';
import { ROOT } from './process.ts';

const run = promisify(execFile);
const LISTS = join(ROOT, 'test', 'real-servers');
const INSTALL_MS = 280_000;
const START_MS = 30_000;

/** Installs the MCP servers of test/real-servers/package-lock.json, once for each version of that file; their `node_modules`. */
export async function installNpmServers(): Promise<string> {
  const folder = await installed('npm', 'package-lock.json', async (target) => {
    for (const file of ['package.json', 'package-lock.json']) await cp(join(LISTS, file), join(target, file));
    await run('npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], {
      cwd: target,
      timeout: INSTALL_MS,
    });
  });
  return join(folder, 'node_modules');
}

/** Installs the packages of a list in test/real-servers with this Python, once for each version of the list; the environment's Python. */
export async function installPythonServers(python: string, list: string): Promise<string> {
  const folder = await installed('python', list, async (target) => {
    await run(python, ['-m', 'venv', target], { timeout: INSTALL_MS });
    // The list is complete. One of its packages asks for a version of another that is in no registry any more, so pip must not resolve.
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', join(LISTS, list)];
    await run(join(target, 'bin', 'python'), pip, { timeout: INSTALL_MS });
  });
  return join(folder, 'bin', 'python');
}

/** A Python 3 of at least this minor version with venv and pip: on the PATH, or one that pyenv has installed. */
export async function findPython(minor: number): Promise<string | undefined> {
  const pyenv = process.env['PYENV_ROOT'] ?? join(process.env['HOME'] ?? '', '.pyenv');
  const names = ['python3', 'python3.12', 'python3.13', 'python3.14', 'python3.11'];
  for await (const path of glob('versions/3.*/bin/python3', { cwd: pyenv })) names.push(join(pyenv, path));
  for (const name of names) {
    try {
      const { stdout } = await run(name, [
        '-c',
        'import sys, venv, ensurepip; print(sys.version_info[0] * 100 + sys.version_info[1])',
      ]);
      if (Number(stdout) >= 300 + minor) return name;
    } catch {
      // Not there, or without venv: the next one may be usable.
    }
  }
  return undefined;
}

/** Fills a folder under the temporary folder, named after the content of the list, at most once; the folder. */
async function installed(
  kind: string,
  list: string,
  fill: (target: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(join(LISTS, list)))
    .digest('hex')
    .slice(0, 16);
  const folder = join(tmpdir(), `lanport-real-${kind}-${hash}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  try {
    await fill(partial);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another run has finished the same install meanwhile.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** Starts a real server that listens on the port that it is given, and waits until it accepts connections there. */
export async function startHttpServer(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<AsyncDisposable & { readonly port: number }> {
  const port = await lastingPort();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, PORT: String(port) },
  });
  const lines: string[] = [];
  child.stdout.resume();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready:\n${lines.join('\n')}`)), START_MS);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      act();
    };
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes(`port ${port}`)) settle(resolve);
    });
    child.once('exit', (code) =>
      settle(() => reject(new Error(`it ended with ${code}:\n${lines.join('\n')}`))),
    );
  });
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
