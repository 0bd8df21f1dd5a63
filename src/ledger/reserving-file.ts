import { constants, fdatasync, write } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** A file that has grown to this size will grow on: from here on room is reserved. */
const RESERVE_FROM_BYTES = 16 * 1024;
const RESERVE_BYTES_MAX = 512 * 1024;

/**
 * A file that is being written, appended to alone. Room for what will come is written ahead, as line feeds, which stand for nothing among
 * lines: a durable write into room that the file already has costs the system half of one that makes the file longer, since only the
 * data go to the disk. One append at a time.
 */
export class ReservingFile {
  readonly #handle: FileHandle;
  /** End of what was appended. */
  #end = 0;
  /** End of the room that the file has. */
  #room = 0;
  #reserving: Promise<void> | undefined;
  #full = false;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async append(bytes: Buffer): Promise<void> {
    // The reservation must not write over it.
    if (this.#reserving !== undefined && this.#end + bytes.length > this.#room) await this.#reserving;
    await writeAll(this.#handle.fd, bytes, this.#end);
    this.#end += bytes.length;
    if (this.#room - this.#end < step(this.#end) / 4) this.#reserve();
  }

  async truncate(bytes: number): Promise<void> {
    await this.#reserving;
    await this.#handle.truncate(bytes);
    this.#end = this.#room = bytes;
  }

  async close(): Promise<void> {
    await this.#reserving;
    try {
      if (this.#room > this.#end) await this.#handle.truncate(this.#end);
    } finally {
      await this.#handle.close();
    }
  }

  #reserve(): void {
    if (this.#full || this.#reserving !== undefined || this.#end < RESERVE_FROM_BYTES) return;
    const from = Math.max(this.#room, this.#end);
    const filler = Buffer.alloc(step(this.#end), 0x0a);
    this.#reserving = writeAll(this.#handle.fd, filler, from).then(
      () => {
        this.#room = from + filler.length;
        this.#reserving = undefined;
      },
      () => {
        // The disk is full or fails. What is appended will tell; it needs no room ahead.
        this.#full = true;
        this.#reserving = undefined;
      },
    );
  }
}

/** How much to reserve in a file of this size. */
function step(end: number): number {
  return Math.min(end, RESERVE_BYTES_MAX);
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
