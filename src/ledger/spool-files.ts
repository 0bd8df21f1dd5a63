import { constants, createReadStream, fdatasync, write } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A file of the spool that is being written. */
export interface SpoolFile {
  /** Appends all of `bytes`; resolves when they are on the disk itself. After a rejection the file may end in part of them. */
  append(bytes: Buffer): Promise<void>;
  /** Cuts the file to its first `bytes` bytes. */
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** The spool's folder, as the ledger uses it; tests hand in one that fails. Everything rejects with what the file system says. */
export interface SpoolFiles {
  /** Names and sizes of the segments in it, oldest first of each writer. Makes the folder. */
  list(): Promise<readonly { readonly name: string; readonly bytes: number }[]>;
  /** Makes a file that must not exist yet; its name is on the disk when this resolves. */
  create(name: string): Promise<SpoolFile>;
  /** The lines within the file's first `bytes` bytes. */
  lines(name: string, bytes: number): AsyncIterable<string>;
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

const SEGMENT = /-\d{8}\.jsonl$/;
const REFUSED = 'refused.jsonl';
const OWNER_ONLY = 0o600;
/** Each write is durable by itself (O_DSYNC): one trip to the kernel instead of a write and an fdatasync. Windows does not have it. */
const APPEND_FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | (constants.O_DSYNC ?? 0);

/** The spool in a folder of the file system. */
export function spoolFolder(folder: string): SpoolFiles {
  return {
    list: async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const names = (await readdir(folder)).filter((name) => SEGMENT.test(name)).sort();
      return Promise.all(names.map(async (name) => ({ name, bytes: (await stat(join(folder, name))).size })));
    },
    create: async (name) => {
      const handle = await open(join(folder, name), APPEND_FLAGS, OWNER_ONLY);
      try {
        await syncFolder(folder);
      } catch (error) {
        await handle.close();
        throw error;
      }
      return appender(handle);
    },
    lines: (name, bytes) => linesOf(join(folder, name), bytes),
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

function appender(handle: FileHandle): SpoolFile {
  const { fd } = handle;
  return {
    append: (bytes) =>
      new Promise((resolve, reject) => {
        const step = (offset: number): void => {
          write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
            if (error !== null) reject(error);
            else if (offset + written < bytes.length) step(offset + written);
            else if (constants.O_DSYNC !== undefined) resolve();
            else fdatasync(fd, (failure) => (failure === null ? resolve() : reject(failure)));
          });
        };
        step(0);
      }),
    truncate: (bytes) => handle.truncate(bytes),
    close: () => handle.close(),
  };
}

async function* linesOf(path: string, bytes: number): AsyncGenerator<string> {
  if (bytes === 0) return;
  const input = createReadStream(path, { end: bytes - 1 });
  // A stream that fails ends readline without an error.
  let failure: Error | undefined;
  input.once('error', (error) => {
    failure = error;
  });
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield line;
  }
  if (failure !== undefined) throw failure;
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
