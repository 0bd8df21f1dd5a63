import { accessSync, constants, closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

/** What a command name leads to on this machine. */
export type FoundProgram =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'no-folder'; readonly cwd: string }
  | { readonly kind: 'not-executable'; readonly path: string; readonly reason: string }
  | {
      readonly kind: 'missing';
      /** Folders that were searched; empty for a command that is a path. */
      readonly searched: readonly string[];
      /** Where it is all the same, in a folder that is not searched. */
      readonly elsewhere: string | undefined;
    };

/** Looks for a program as the operating system will: in the folders of `path`, or where the command itself points. */
export function findProgram(
  command: string,
  options: {
    readonly path: string | undefined;
    readonly home: string | undefined;
    readonly cwd: string | undefined;
  },
): FoundProgram {
  const { cwd, path, home } = options;
  if (cwd !== undefined && !isFolder(cwd)) return { kind: 'no-folder', cwd };
  if (command.includes('/')) {
    const file = isAbsolute(command) ? command : resolve(cwd ?? '.', command);
    return check(file) ?? { kind: 'missing', searched: [], elsewhere: undefined };
  }
  const searched = (path ?? '').split(delimiter).filter((folder) => folder !== '');
  let blocked: FoundProgram | undefined;
  for (const folder of searched) {
    const found = check(join(folder, command));
    if (found?.kind === 'found') return found;
    blocked ??= found;
  }
  if (blocked !== undefined) return blocked;
  const other = usualFolders(home).find((folder) => check(join(folder, command))?.kind === 'found');
  return { kind: 'missing', searched, elsewhere: other === undefined ? undefined : join(other, command) };
}

function check(file: string): FoundProgram | undefined {
  try {
    if (!statSync(file).isFile()) return undefined;
  } catch {
    return undefined;
  }
  try {
    accessSync(file, constants.X_OK);
  } catch {
    return { kind: 'not-executable', path: file, reason: 'this user may not execute it' };
  }
  const interpreter = interpreterOf(file);
  return interpreter === undefined || !isAbsolute(interpreter) || exists(interpreter)
    ? { kind: 'found', path: file }
    : {
        kind: 'not-executable',
        path: file,
        reason: `its first line names the interpreter ${interpreter}, which does not exist`,
      };
}

const FIRST_LINE_BYTES = 256;

/** The interpreter in the `#!` line of a script; of one that this user may not read, nothing. */
function interpreterOf(file: string): string | undefined {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(FIRST_LINE_BYTES);
    const text = bytes.toString('latin1', 0, readSync(handle, bytes));
    return /^#!\s*(\S+)/.exec(text)?.[1];
  } finally {
    closeSync(handle);
  }
}

/** Where installers put programs, beyond what a service usually has on its PATH. */
function usualFolders(home: string | undefined): readonly string[] {
  const own =
    home === undefined
      ? []
      : [
          join(home, '.local/bin'),
          join(home, 'bin'),
          join(home, '.cargo/bin'),
          join(home, '.bun/bin'),
          join(home, '.deno/bin'),
          join(home, 'go/bin'),
          join(home, '.volta/bin'),
          ...versions(join(home, '.nvm/versions/node')),
        ];
  return [...own, '/usr/local/bin', '/usr/bin', '/bin', '/opt/homebrew/bin', '/snap/bin'];
}

function versions(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .sort((one, other) => other.localeCompare(one, 'en', { numeric: true }))
      .map((version) => join(folder, version, 'bin'));
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}
