import { constants, write } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

/** One file of the spool: JSON lines, each on the disk itself before its write is acknowledged (O_DSYNC). */
export class Segment {
  readonly path: string;
  readonly #file: FileHandle;
  bytes = 0;
  /** Sequence number of the last record in it. */
  lastSeq = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  static async create(folder: string, name: string): Promise<Segment> {
    const path = join(folder, name);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND | constants.O_DSYNC;
    return new Segment(path, await open(path, flags, 0o600));
  }

  /** Writes all of `bytes` durably. Rejects with what the file system says; then the file may end in a torn line. */
  async append(bytes: Buffer): Promise<void> {
    let offset = 0;
    while (offset < bytes.length) offset += await this.#write(bytes, offset);
    this.bytes += bytes.length;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #write(bytes: Buffer, offset: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#file.fd, bytes, offset, bytes.length - offset, null, (error, written) => (error === null ? resolve(written) : reject(error)));
    });
  }
}
