import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './process.ts';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `lanport …` as a user would, to its end. */
export function lanport(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, 'src/main.ts'), ...args],
      {
        cwd: options.cwd ?? ROOT,
        env: { PATH: process.env['PATH'] ?? '', ...options.env },
        timeout: 60_000,
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1,
          stdout,
          stderr,
        });
      },
    );
  });
}
