import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';

const TRIES = 5;

/** Held by the one process that owns a data folder. */
export interface FolderLock {
  release(): void;
}

/** The folder belongs to another process that lives. */
export class FolderInUseError extends Error {
  readonly pid: number;

  constructor(folder: string, pid: number) {
    super(
      `the data folder ${folder} is in use by process ${pid}: stop that one, or choose another folder with --data`,
    );
    this.name = 'FolderInUseError';
    this.pid = pid;
  }
}

/**
 * Takes a data folder for this process. A lock whose owner is gone, or whose process id now belongs to another process, does not count.
 * Throws FolderInUseError, or what the file system says.
 */
export function lockFolder(folder: string): FolderLock {
  makeFolder(folder);
  const path = join(folder, 'lanport.pid');
  const mine = `${process.pid} ${startTimeOf(process.pid) ?? ''}\n`;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, mine);
  try {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      try {
        linkSync(draft, path);
        return { release: () => release(path, mine) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = ownerOf(path);
      if (owner !== undefined) throw new FolderInUseError(folder, owner);
      release(path, undefined);
    }
    throw new Error(`the lock ${path} cannot be taken`);
  } finally {
    unlinkSync(draft);
  }
}

/** The process that holds the lock, when it lives. */
function ownerOf(path: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  const [pidText, started] = text.trim().split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : undefined;
  }
  const now = startTimeOf(pid);
  if (isZombie(pid)) return undefined;
  return started === undefined || started === '' || now === undefined || now === started ? pid : undefined;
}

function release(path: string, expected: string | undefined): void {
  try {
    if (expected === undefined || readFileSync(path, 'utf8') === expected) unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** When a process started, in clock ticks since boot (proc(5), field 22); tells a process from a later one with its id. */
export function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** A process that has ended, of which its parent has not heard yet; where nobody does (a container without an init), it stays. */
function isZombie(pid: number): boolean {
  return ['Z', 'X'].includes(statOf(pid)?.[0] ?? '');
}

/** The fields of proc(5)'s stat from the third one on; `undefined` where there is no /proc. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
