import { createHash } from 'node:crypto';

/** Clients allow 63, 64 or 128 characters including a prefix of their own, and cut or drop what is longer. */
export const NAME_CHARACTERS_MAX = 48;
const HASH_CHARACTERS = 8;

/**
 * The name under which a tool is offered: `{prefix}{separator}{original}`, or the original alone without a prefix; only
 * `[A-Za-z0-9_-]`, at most 48 characters. A name that had to be changed ends in a hash of prefix and original, so that it depends on
 * nothing but itself: it is the same after restarts and whatever other servers come and go.
 *
 * Among `prefixes`, those of all servers in scope, a name belongs to the longest one that it begins with. `a-b-c` is tool `c` of `a-b`
 * and never tool `b-c` of `a`, which gets a hash: no server can take a name from another by calling its tool so.
 */
export function exposedName(
  prefix: string | undefined,
  separator: string,
  originalName: string,
  prefixes: readonly string[] = [],
): string {
  const whole = prefix === undefined ? originalName : `${prefix}${separator}${originalName}`;
  const clean = whole.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  const owner = ownerOf(whole, separator, prefixes);
  if ((owner === undefined || owner === prefix) && clean === whole && clean.length <= NAME_CHARACTERS_MAX)
    return clean;
  return hashedName(clean, prefix === undefined ? originalName : `${prefix}\u0000${originalName}`);
}

/** Which of these prefixes a name belongs to: the longest one that it begins with. */
export function ownerOf(name: string, separator: string, prefixes: readonly string[]): string | undefined {
  return prefixes.reduce<string | undefined>(
    (best, prefix) =>
      prefix.length > (best?.length ?? -1) && name.startsWith(`${prefix}${separator}`) ? prefix : best,
    undefined,
  );
}

/** `clean`, cut, with a hash of `whole` at its end. */
export function hashedName(clean: string, whole: string): string {
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, HASH_CHARACTERS);
  return `${clean.slice(0, NAME_CHARACTERS_MAX - HASH_CHARACTERS - 1)}_${hash}`;
}
