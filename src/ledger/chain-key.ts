import { createHash, createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyedHash, keyedHash } from '../core/keyed-hash.ts';

/** File in the ledger's folder that holds the key where none is configured. */
export const KEY_FILE = 'chain.key';

/** What hashes of the ledger are made with. It is kept outside the database: who may write there cannot make hashes that are right. */
export interface ChainKey {
  /** Fingerprint, which tells nothing about the key. */
  readonly id: string;
  readonly key: KeyObject;
  /** With `key`. */
  readonly code: KeyedHash;
}

/** The key that a text stands for. */
export function chainKey(text: string): ChainKey {
  const bytes = createHash('sha256').update('lanport ledger key\n').update(text.trim()).digest();
  const id = createHash('sha256').update('lanport ledger key id\n').update(bytes).digest('hex').slice(0, 16);
  const key = createSecretKey(bytes);
  return { id, key, code: keyedHash(key) };
}

/** The key in the ledger's folder, made on first use and readable for its owner alone. Throws what the file system says. */
export function chainKeyFile(folder: string): ChainKey {
  return chainKey(readOrMake(folder, KEY_FILE, () => randomBytes(32).toString('base64url')));
}

/** The name of a data folder in the database; made on first use. */
export function homeName(folder: string): string {
  return readOrMake(folder, 'home', () => randomBytes(8).toString('hex'));
}

function readOrMake(folder: string, name: string, make: () => string): string {
  const path = join(folder, name);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const draft = `${path}.${process.pid}`;
    writeFileSync(draft, `${make()}\n`, { mode: 0o600, flush: true });
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  }
  const text = readFileSync(path, 'utf8').trim();
  if (text === '') throw new Error(`${path} is empty: restore it, or remove it to begin anew`);
  return text;
}

/** The hash of what follows `before` in a chain; both in hexadecimal. */
export function linkCode({ code }: ChainKey, before: string, record: Buffer): string {
  return code(record, before);
}

/** The same in bytes. */
export function linkHash(key: ChainKey, before: Buffer, record: Buffer): Buffer {
  return Buffer.from(linkCode(key, before.toString('hex'), record), 'hex');
}

/** What stands before the first record of a writer. */
export function genesis({ key }: ChainKey, writer: string): Buffer {
  return createHmac('sha256', key).update(`begin\n${writer}`).digest();
}

/** The hash of an end by which another one closed a call. It is in no chain: the writer that could have said it has died. */
export function closingHash({ key }: ChainKey, line: string): Buffer {
  return createHmac('sha256', key).update(`close\n${line}`).digest();
}

/** The code that proves who wrote a text about a day. */
export function manifestMac({ key }: ChainKey, body: string): Buffer {
  return createHmac('sha256', key).update(`manifest\n${body}`).digest();
}
