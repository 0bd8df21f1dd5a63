import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerArchive } from '../store/archive-ports.ts';
import { readAnchors } from './anchors.ts';
import { type ChainKey, chainKeyFile, KEY_FILE } from './chain-key.ts';
import { manifestFiles } from './manifest.ts';
import { verifyLedger } from './verify.ts';
import type { Verification } from './verify-ports.ts';

/**
 * Checks the whole ledger of a store against what ledgers' folders hold: keys, how far each writer has come, sealed days. `keys`: further ones.
 */
export async function verifyAgainst(
  archive: LedgerArchive,
  folders: readonly string[],
  keys: readonly ChainKey[],
): Promise<Verification> {
  const known = [...keys];
  for (const folder of folders) if (existsSync(join(folder, KEY_FILE))) known.push(chainKeyFile(folder));
  // Before the database: a chain may have come further since, and must not have come back.
  const anchors = (await Promise.all(folders.map(readAnchors))).flat();
  const manifests = folders.flatMap((folder) => manifestFiles(folder).load());
  return archive.snapshot((snapshot) => verifyLedger(snapshot, { keys: known, anchors, manifests }));
}
