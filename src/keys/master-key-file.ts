import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  fstatSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Secret } from '../core/secret.ts';

/** 256 bits. */
const KEY_BYTES = 32;
const FILE_BYTES_MAX = 1_024;
const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/** The master key that a data folder keeps, and what there is to tell about it. */
export interface MasterKeyFile {
  readonly key: Secret;
  readonly path: string;
  readonly created: boolean;
  /** Set when others than the owner may read it; a sentence for the operator, without the key. */
  readonly warning: string | undefined;
}

/**
 * The generated master key of a data folder: read from `path`, or made on the first start (`sk-` and 256 random bits, mode 0600). The
 * file appears whole or not at all, whatever dies meanwhile. Throws what the file system says, and when the file holds no key.
 */
export function masterKeyFile(path: string): MasterKeyFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const present = read(path);
  if (present !== undefined) return { ...present, path, created: false };
  const created = create(path);
  const made = read(path);
  if (made === undefined) throw new Error(`${path} was removed while it was being made; start again`);
  return { ...made, path, created };
}

function read(path: string): { key: Secret; warning: string | undefined } | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(FILE_BYTES_MAX);
    const text = bytes.toString('utf8', 0, readSync(file, bytes)).trim();
    if (!/^[\x21-\x7e]{8,512}$/.test(text)) throw new Error(`${path} does not hold a key: ${DELETE_IT}`);
    return { key: new Secret(text), warning: sharedWarning(path, fstatSync(file).mode) };
  } finally {
    closeSync(file);
  }
}

const DELETE_IT = 'delete it to have a new master key made, or set general_settings.master_key';

function sharedWarning(path: string, mode: number): string | undefined {
  if (process.platform === 'win32' || (mode & OTHERS) === 0) return undefined;
  return `${path} holds the master key and can be read by other users of this machine; run: chmod 600 ${path}`;
}

/** Makes the file under another name and gives it its own once it is on the disk. Returns whether it was this call that made it. */
function create(path: string): boolean {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(draft, 'wx', OWNER_ONLY);
  try {
    writeSync(file, `sk-${randomBytes(KEY_BYTES).toString('base64url')}\n`);
    fsyncSync(file);
  } catch (error) {
    unlinkSync(draft);
    throw error;
  } finally {
    closeSync(file);
  }
  const created = publish(draft, path);
  syncFolder(dirname(path));
  return created;
}

/** Unlike a rename, a link never replaces a key that another process has just made. */
function publish(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') {
      // A file system without hard links; the lock of the data folder keeps others out.
      renameSync(draft, path);
      return true;
    }
    unlinkSync(draft);
    if (code === 'EEXIST') return false;
    throw error;
  }
  unlinkSync(draft);
  return true;
}

function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
