import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { arch, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** How long a program may take to be fetched where it is not installed. Milliseconds. */
export const FETCH_MS = 240_000;
/** Where daemons are, which a user's PATH leaves out. */
const PLACES = ['/usr/local/sbin', '/usr/sbin', '/usr/local/bin', '/usr/bin'];

/** A program, and what it needs in its environment. */
export interface Program {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A program of the system: the installed one (the first of `names`), else that of Debian's `packages`, unpacked into the temporary folder
 * once; there it is at `path`.
 */
export async function debianProgram(
  names: readonly string[],
  packages: readonly string[],
  path: string,
): Promise<Program> {
  for (const name of names)
    for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...PLACES])
      if (existsSync(join(folder, name))) return { path: join(folder, name), env: {} };
  const folder = join(tmpdir(), `lanport-${names[0]!}-debian-${arch()}`);
  if (!existsSync(folder)) await fetch(folder, names, packages);
  const libraries: string[] = [];
  for (const place of ['usr/lib', 'lib'])
    for (const name of await readdir(join(folder, place)).catch(() => []))
      if (name.includes('-linux-gnu')) libraries.push(join(folder, place, name));
  return { path: join(folder, path), env: { LD_LIBRARY_PATH: libraries.join(':') } };
}

async function fetch(folder: string, names: readonly string[], packages: readonly string[]): Promise<void> {
  await mkdir(tmpdir(), { recursive: true });
  const partial = await mkdtemp(`${folder}.`);
  try {
    // The list of packages may be old, and what it names gone.
    await run('apt-get', ['update'], { timeout: FETCH_MS }).catch(() => undefined);
    await run('apt-get', ['download', ...packages], { cwd: partial, timeout: FETCH_MS });
    for (const name of await readdir(partial))
      if (name.endsWith('.deb')) await run('dpkg', ['-x', name, '.'], { cwd: partial });
    await chmod(partial, 0o755);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another run has fetched it meanwhile.
    if (existsSync(folder)) return;
    throw new Error(`these tests need ${names.join(' or ')}, which is neither installed nor to be had`, {
      cause: error,
    });
  }
}
