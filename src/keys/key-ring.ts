import { hash } from 'node:crypto';
import type { Secret } from '../core/secret.ts';
import type { KeyConfig } from './keys-config.ts';

/** A virtual key without its value: what is known of it once only its digest is kept. */
export type KnownKey = Omit<KeyConfig, 'value'>;

/** What a presented key turned out to be. One frozen object per key, so that it can carry what is derived from it (WeakMap). */
export type RingEntry =
  | { readonly kind: 'master'; readonly digest: string }
  | { readonly kind: 'virtual'; readonly digest: string; readonly key: KnownKey };

/** The known keys, held as digests: looking one up is one hash and one map. */
export interface KeyRing {
  readonly hasMasterKey: boolean;
  readonly size: number;
  /** `undefined` for a key that is not known. */
  lookup(presented: string): RingEntry | undefined;
}

/** Longest key that is looked at, in characters; a longer one is no key. */
export const KEY_CHARACTERS_MAX = 512;
/** More keys than this do not belong into a file. */
export const KEYS_MAX = 100_000;

/** Builds the ring. Throws on more than `KEYS_MAX` keys and on keys too long to be looked up. */
export function createKeyRing(options: {
  readonly masterKey: Secret | undefined;
  readonly keys: readonly KeyConfig[];
}): KeyRing {
  if (options.keys.length > KEYS_MAX)
    throw new Error(`${options.keys.length} virtual keys are configured; at most ${KEYS_MAX} can be`);
  const entries = new Map<string, RingEntry>();
  for (const { value, ...key } of options.keys) {
    const digest = checkedDigest(value, key.source);
    entries.set(digest, Object.freeze({ kind: 'virtual', digest, key }));
  }
  if (options.masterKey !== undefined) {
    const digest = checkedDigest(options.masterKey, 'general_settings.master_key');
    entries.set(digest, Object.freeze({ kind: 'master', digest }));
  }
  return {
    hasMasterKey: options.masterKey !== undefined,
    size: entries.size,
    lookup: (presented) =>
      presented.length > KEY_CHARACTERS_MAX ? undefined : entries.get(digestOf(presented)),
  };
}

function checkedDigest(value: Secret, source: string): string {
  const text = value.reveal();
  if (text.length === 0 || text.length > KEY_CHARACTERS_MAX)
    throw new Error(
      `${source} has a key of ${text.length} characters; 1 to ${KEY_CHARACTERS_MAX} are allowed`,
    );
  return digestOf(text);
}

/** SHA-256 in hexadecimal, which is also how LiteLLM names keys in its tables. */
function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}
