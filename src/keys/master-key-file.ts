import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Secret } from '../core/secret.ts';

const KEY_BYTES = 32;

export interface MasterKeyFile {
  readonly key: Secret;
  readonly path: string;
  readonly created: boolean;
  /** Set when others than the owner may read it. */
  readonly warning: string | undefined;
}

/** The generated master key of a data folder: read from `path`, or made on the first start with mode 0600. Throws what the file system says. */
export function masterKeyFile(path: string): MasterKeyFile {
  mkdirSync(dirname(path), { recursive: true });
  const created = create(path);
  const text = readFileSync(path, 'utf8').trim();
  if (text === '') throw new Error(`${path} is empty: delete it to have a new master key made, or set general_settings.master_key`);
  const shared = (statSync(path).mode & 0o077) !== 0;
  return { key: new Secret(text), path, created, warning: shared ? `${path} can be read by other users of this machine; run: chmod 600 ${path}` : undefined };
}

function create(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(file, `sk-${randomBytes(KEY_BYTES).toString('base64url')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return true;
}
