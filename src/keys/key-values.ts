import { hash, randomBytes } from 'node:crypto';

/** Random bytes of a key that is made here. */
const RANDOM_BYTES = 24;
/** Characters of the end of a key that are shown. */
const SHOWN = 4;
/** Shorter keys are shown without their end, which would be too much of them. */
const SHOWN_FROM = 16;
const ID_CHARACTERS = 16;

/** A new key: `sk-` and 192 random bits. */
export function newKeyValue(): string {
  return `sk-${randomBytes(RANDOM_BYTES).toString('base64url')}`;
}

/** SHA-256 in hexadecimal, which is also how LiteLLM names keys in its tables. */
export function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}

/** The account of a key: the beginning of its first value's digest. */
export function accountIdOf(digest: string): string {
  return digest.slice(0, ID_CHARACTERS);
}

/** The id of an account that cannot have the one of its digest. */
export function randomAccountId(): string {
  return randomBytes(ID_CHARACTERS / 2).toString('hex');
}

/** A key as it may be shown: `sk-...abcd`. */
export function keyName(key: string): string {
  return `sk-...${key.length < SHOWN_FROM ? '' : key.slice(-SHOWN)}`;
}
