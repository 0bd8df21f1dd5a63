import { constants, fdatasync, write } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** Room is written in pieces of this size, so that what others write to the disk meanwhile need not wait long. */
const FILLER_BYTES = 512 * 1024;
const LINE_FEED = 0x0a;

/**
 * A file that is being written, appended to alone. Room for what will come may be written ahead, as line feeds, which stand for nothing among
 * lines. A durable write into room that the file already has waits for nothing but its own bytes; one that makes the file longer waits for the
 * file system's journal, and with it for whatever anybody else has changed since its last commit. One append at a time.
 */
export class ReservingFile {
  readonly #handle: FileHandle;
  /** End of what was appended. */
  #end = 0;
  /** End of the room that the file has. */
  #room = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Gives an empty file room for so many bytes; resolves when that is on the disk. */
  async reserve(room: number): Promise<void> {
    const bytes = Math.floor(room);
    const filler = Buffer.alloc(Math.min(bytes, FILLER_BYTES), LINE_FEED);
    while (this.#room < bytes) {
      const piece = filler.subarray(0, bytes - this.#room);
      await writeAll(this.#handle.fd, piece, this.#room);
      this.#room += piece.length;
    }
  }

  async append(bytes: Buffer): Promise<void> {
    await writeAll(this.#handle.fd, bytes, this.#end);
    this.#end += bytes.length;
  }

  async truncate(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes);
    this.#end = this.#room = bytes;
  }

  async close(): Promise<void> {
    try {
      if (this.#room > this.#end) await this.#handle.truncate(this.#end);
    } finally {
      await this.#handle.close();
    }
  }
}

/** Resolves when all of `bytes` are on the disk itself. */
function writeAll(fd: number, bytes: Buffer, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (offset: number): void => {
      write(fd, bytes, offset, bytes.length - offset, position + offset, (error, written) => {
        if (error !== null) reject(error);
        else if (offset + written < bytes.length) next(offset + written);
        else if (constants.O_DSYNC !== undefined) resolve();
        else fdatasync(fd, (failure) => (failure === null ? resolve() : reject(failure)));
      });
    };
    next(0);
  });
}
