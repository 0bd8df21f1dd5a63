import { createHash } from 'node:crypto';

/** Clients allow 63, 64 or 128 characters including a prefix of their own, and cut or drop what is longer. */
export const NAME_CHARACTERS_MAX = 48;
const HASH_CHARACTERS = 8;

/**
 * The name under which a tool is offered: `{prefix}{separator}{original}`, or the original alone without a prefix; only
 * `[A-Za-z0-9_-]`, at most 48 characters. A name that had to be changed ends in a hash of the whole, so that it depends on nothing but
 * itself: it is the same after restarts and whatever other servers come and go.
 */
export function exposedName(prefix: string | undefined, separator: string, originalName: string): string {
  const whole = prefix === undefined ? originalName : `${prefix}${separator}${originalName}`;
  const clean = whole.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  if (clean === whole && clean.length <= NAME_CHARACTERS_MAX) return clean;
  return hashedName(clean, whole);
}

/** `clean`, cut, with a hash of `whole` at its end. */
export function hashedName(clean: string, whole: string): string {
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, HASH_CHARACTERS);
  return `${clean.slice(0, NAME_CHARACTERS_MAX - HASH_CHARACTERS - 1)}_${hash}`;
}
