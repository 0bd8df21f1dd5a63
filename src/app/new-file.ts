import { existsSync } from 'node:fs';
import { link, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXIT, StartupError } from './startup-error.ts';

/**
 * Writes what `ask` gives into a new file that only its owner may read. It has its name when it is whole and `check` has passed its draft.
 * Whether there can be such a file is known before `ask` is called. Rejects with StartupError, also when a stop is
 * requested meanwhile; then nothing is left.
 */
export async function writeNewFile<T>(
  file: string,
  ask: () => Promise<Readable>,
  check: (draft: string) => Promise<T>,
  stopRequested: Promise<string>,
): Promise<T> {
  if (existsSync(file))
    throw new StartupError(
      `${file} is there already and is not overwritten: name another file with --output`,
      EXIT.failed,
    );
  const stopped = stopRequested.then((signal) => {
    throw new StartupError(`${file} was not written: interrupted by ${signal}`, EXIT.failed);
  });
  stopped.catch(() => undefined);
  try {
    return await written(
      `${file}.${process.pid}.part`,
      file,
      () => Promise.race([ask(), stopped]),
      check,
      stopped,
    );
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`${file} was not written: ${reasonOf(error, file)}`, EXIT.failed, error);
  }
}

async function written<T>(
  draft: string,
  file: string,
  ask: () => Promise<Readable>,
  check: (draft: string) => Promise<T>,
  stopped: Promise<never>,
): Promise<T> {
  await sweep(file);
  // Nobody else's: neither a file with its own permissions nor a link to somewhere else is written into.
  const handle = await open(draft, 'wx', 0o600);
  try {
    try {
      const body = await ask();
      stopped.catch((error: Error) => body.destroy(error));
      await pipeline(body, handle.createWriteStream({ flush: true }));
    } finally {
      await handle.close();
    }
    const checked = await check(draft);
    await giveName(draft, file);
    return checked;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes drafts of this file that a killed process left. */
async function sweep(file: string): Promise<void> {
  const folder = dirname(file);
  // A folder that cannot be listed may be one that can be written.
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = name.startsWith(`${basename(file)}.`) ? /\.(\d+)\.part$/.exec(name)?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Never over a file that came to be meanwhile. */
async function giveName(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file);
  } catch (error) {
    // File systems without hard links (FAT, some network shares) say one of these.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error;
    await (await open(file, 'wx', 0o600)).close();
    await rename(draft, file);
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function reasonOf(error: unknown, file: string): string {
  const folder = dirname(file);
  switch (codeOf(error)) {
    case 'ENOENT':
      return `there is no folder ${folder}. Make it, or name another one with --output`;
    case 'ENOTDIR':
      return `${folder} is not a folder. Name another one with --output`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `${folder} may not be written by this user (${codeOf(error)}). Correct its owner and permissions, or name another one with --output`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk that holds ${folder} is full. Free some space, or name another one with --output`;
    case 'EFBIG':
      return 'it would be larger than this user, or the file system, allows (ulimit -f)';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
