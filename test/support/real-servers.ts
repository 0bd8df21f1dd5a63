import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { INSTALL_MS, installed, installNpm } from './installed.ts';
import { lastingPort } from './ports.ts';
import { ROOT } from './process.ts';

const run = promisify(execFile);
const LISTS = join(ROOT, 'test', 'real-servers');
const START_MS = 30_000;

/** Installs the MCP servers of test/real-servers/package-lock.json, once for each version of that file; their `node_modules`. */
export function installNpmServers(): Promise<string> {
  return installNpm(LISTS, 'lanport-real-npm');
}

/** Installs the packages of a list in test/real-servers with this Python, once for each version of the list; the environment's Python. */
export async function installPythonServers(python: string, list: string): Promise<string> {
  const folder = await installed('lanport-real-python', join(LISTS, list), async (target) => {
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
