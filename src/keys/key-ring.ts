import { hash } from 'node:crypto';
import type { Secret } from '../core/secret.ts';
import type { KeyConfig } from './keys-config.ts';

/** What a presented key turned out to be. */
export type RingEntry = { readonly kind: 'master' } | { readonly kind: 'virtual'; readonly key: KeyConfig };

/** The known keys, held as digests: looking one up is one hash and one map. */
export interface KeyRing {
  readonly hasMasterKey: boolean;
  readonly size: number;
  lookup(presented: string): { readonly entry: RingEntry; readonly digest: string } | undefined;
}

/** Longest key that is looked at; a longer one is no key. */
const KEY_CHARACTERS_MAX = 512;

export function createKeyRing(options: { readonly masterKey: Secret | undefined; readonly keys: readonly KeyConfig[] }): KeyRing {
  const entries = new Map<string, RingEntry>();
  for (const key of options.keys) entries.set(digestOf(key.value.reveal()), { kind: 'virtual', key });
  if (options.masterKey !== undefined) entries.set(digestOf(options.masterKey.reveal()), { kind: 'master' });
  return {
    hasMasterKey: options.masterKey !== undefined,
    size: entries.size,
    lookup: (presented) => {
      if (presented.length > KEY_CHARACTERS_MAX) return undefined;
      const digest = digestOf(presented);
      const entry = entries.get(digest);
      return entry === undefined ? undefined : { entry, digest };
    },
  };
}

/** SHA-256 in hexadecimal, which is also how LiteLLM names keys in its tables. */
export function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}
