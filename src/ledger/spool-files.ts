import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ReservingFile } from './reserving-file.ts';

/** A file of the spool that is being written. */
export interface SpoolFile {
  /** Appends all of `bytes`; resolves when they are on the disk itself. After a rejection the file may end in part of them. */
  append(bytes: Buffer): Promise<void>;
  /** Cuts the file to its first `bytes` bytes. */
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** A file whose lines outlive this process, though not the machine: the system has them, and writes them to the disk in its own time. */
export interface LooseFile {
  /** Hands `text` to the system at once; returns its bytes. Throws with what the file system says. */
  append(text: string): number;
  /** Never throws. */
  close(): void;
}

/** The spool's folder, as the ledger uses it; tests hand in one that fails. Everything rejects with what the file system says. */
export interface SpoolFiles {
  /** Names and sizes of the segments in it, oldest first of each writer. Makes the folder. */
  list(): Promise<readonly { readonly name: string; readonly bytes: number }[]>;
  /** Makes a file that must not exist yet, with room for `room` bytes; both are on the disk when this resolves. After a rejection there is none, unless the disk did not let it go. */
  create(name: string, room: number): Promise<SpoolFile>;
  /** Makes a file that must not exist yet. Throws. */
  createLoose(name: string): LooseFile;
  /** Fills `into` from `position` on; resolves with how many bytes there were. */
  read(name: string, position: number, into: Buffer): Promise<number>;
  remove(name: string): Promise<void>;
  /** Puts a file where `list` does not find it, for a person to look at. */
  setAside(name: string): Promise<void>;
  /** Appends lines that the store refuses to a file beside the segments. */
  keepRefused(lines: readonly string[]): Promise<void>;
}

/** Name of the n-th segment of a writer. */
export function segmentName(writer: string, number: number): string {
  return `${writer}-${String(number).padStart(8, '0')}.jsonl`;
}

/** Name of the n-th tail of a writer: after all its segments in the order of `list`. */
export function tailName(writer: string, number: number): string {
  return segmentName(`${writer}-tail`, number);
}

/** Whether it is a tail, by its name. */
export function isTail(name: string): boolean {
  return /-tail-\d{8}\.jsonl$/.test(name);
}

/** Whose file it is, by its name. */
export function writerOf(name: string): string {
  return name.replace(/(-tail)?-\d{8}\.jsonl$/, '');
}

const SEGMENT = /-\d{8}\.jsonl$/;
const REFUSED = 'refused.jsonl';
const OWNER_ONLY = 0o600;
/** Each write is durable by itself (O_DSYNC): one trip to the kernel instead of a write and an fdatasync. Windows does not have it. */
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_DSYNC ?? 0);
const LOOSE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND;

/** The spool in a folder of the file system. */
export function spoolFolder(folder: string): SpoolFiles {
  return {
    list: async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const names = (await readdir(folder)).filter((name) => SEGMENT.test(name)).sort();
      return Promise.all(names.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })));
    },
    create: async (name, room) => {
      const handle = await open(join(folder, name), CREATE_FLAGS, OWNER_ONLY);
      const file = new ReservingFile(handle);
      try {
        await file.reserve(room);
        await syncFolder(folder);
      } catch (error) {
        await handle.close().catch(() => undefined);
        await unlink(join(folder, name)).catch(() => undefined);
        throw error;
      }
      return {
        append: (bytes) => file.append(bytes),
        truncate: (bytes) => file.truncate(bytes),
        close: () => file.close(),
      };
    },
    createLoose: (name) => looseFile(openSync(join(folder, name), LOOSE_FLAGS, OWNER_ONLY)),
    read: async (name, position, into) => {
      const handle = await open(join(folder, name), 'r');
      try {
        return (await handle.read(into, 0, into.length, position)).bytesRead;
      } finally {
        await handle.close();
      }
    },
    remove: (name) => unlink(join(folder, name)),
    setAside: (name) => rename(join(folder, name), join(folder, `${name}.damaged`)),
    keepRefused: async (lines) => {
      const handle = await open(join(folder, REFUSED), 'a', OWNER_ONLY);
      try {
        await handle.appendFile(lines.map((line) => `${line}\n`).join(''));
        await handle.datasync();
      } finally {
        await handle.close();
      }
    },
  };
}

function looseFile(fd: number): LooseFile {
  return {
    append: (text) => {
      const bytes = Buffer.byteLength(text);
      const written = writeSync(fd, text);
      if (written < bytes) throw new Error(`${written} of ${bytes} bytes were written`);
      return bytes;
    },
    close: () => {
      try {
        closeSync(fd);
      } catch {
        // What was handed over is with the system; there is nothing else to lose.
      }
    },
  };
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
