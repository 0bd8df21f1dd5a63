import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files of the data folder that belong to what the database holds. */
const FILES = ['master.key', 'ledger/chain.key'] as const;

/** Those of them that there are, for a backup. */
export function filesToKeep(dataFolder: string): { readonly path: string; readonly bytes: Buffer }[] {
  return FILES.filter((path) => existsSync(join(dataFolder, path))).map((path) => ({
    path,
    bytes: readFileSync(join(dataFolder, path)),
  }));
}
