import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChainRun, LedgerArchive, ManifestRow, WriterRow } from '../archive-ports.ts';

/** The files of the ledger by the day of their last record. They are neither sealed nor chained: that takes a database. */
export class FileArchive implements LedgerArchive {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async days(): Promise<readonly string[]> {
    return [...new Set((await this.#files()).map(({ day }) => day))].sort();
  }

  async drop(day: string): Promise<void> {
    for (const file of await this.#files()) if (file.day === day) await unlink(file.path);
  }

  prepareAhead(): Promise<void> {
    return Promise.resolve();
  }

  strays(): Promise<number> {
    return Promise.resolve(0);
  }

  openCalls(): Promise<number> {
    return Promise.resolve(0);
  }

  runs(): Promise<readonly ChainRun[]> {
    return Promise.resolve([]);
  }

  manifests(): Promise<readonly ManifestRow[]> {
    return Promise.resolve([]);
  }

  saveManifests(): Promise<void> {
    return Promise.resolve();
  }

  endedWriters(): Promise<readonly WriterRow[]> {
    return Promise.resolve([]);
  }

  forgetWriter(): Promise<void> {
    return Promise.resolve();
  }

  /** What was used is summed up from the records themselves. */
  dropUsage(): Promise<number> {
    return Promise.resolve(0);
  }

  snapshot(): Promise<never> {
    return Promise.reject(
      new Error(
        'No connected db. A ledger in files (general_settings.disable_database) has no chain to check',
      ),
    );
  }

  async #files(): Promise<readonly { readonly path: string; readonly day: string }[]> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.jsonl'));
    return Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name);
        return { path, day: (await stat(path)).mtime.toISOString().slice(0, 10) };
      }),
    );
  }
}
