import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const ROOT = join(import.meta.dirname, '..', '..');
const READY_MS = 80_000;

export interface TestProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What follows `ready ` on its line. */
  readonly ready: string;
  /** Lines of stdout and stderr so far. */
  readonly lines: readonly string[];
}

/** Starts a test program of ours and waits for the line that says it is ready. Rejects with its output when it ends first. */
export async function startProgram(
  file: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<TestProcess> {
  const child = spawn(process.execPath, [join(ROOT, file), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
  const output = createInterface({ input: child.stdout });
  const ready = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${file} was not ready in time:\n${lines.join('\n')}`)),
      READY_MS,
    );
    output.on('line', (line) => {
      lines.push(line);
      if (line.startsWith('ready ')) {
        clearTimeout(timer);
        resolve(line.slice(6));
      }
    });
    child.once('exit', (code) =>
      reject(new Error(`${file} ended with ${code} before it was ready:\n${lines.join('\n')}`)),
    );
  });
  return {
    child,
    pid: child.pid!,
    ready,
    lines,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
