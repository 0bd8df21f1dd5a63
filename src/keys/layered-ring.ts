import type { TeamRecord, UserRecord } from './account-records.ts';
import type { AccountSync } from './account-sync.ts';
import type { ConfiguredRing, KeyRing, RingEntry, VirtualEntry } from './key-ring.ts';
import { KEY_CHARACTERS_MAX } from './key-ring.ts';
import { digestOf } from './key-values.ts';

/** What changes while a ring is used. */
export interface LiveAccounts {
  readonly sync: AccountSync;
  readonly generation: () => number;
}

/** The keys of one configuration, and below them those of the store; each with its user and team as the store has them now. */
export function layeredRing(configured: ConfiguredRing, { sync, generation }: LiveAccounts): KeyRing {
  let made = new Map<string, RingEntry>();
  let madeAt = generation();
  const entryOf = (digest: string): RingEntry | undefined => {
    if (madeAt !== generation()) {
      made = new Map();
      madeAt = generation();
    }
    const known = made.get(digest);
    if (known !== undefined) return known;
    const found = join(configured, sync, digest);
    if (found !== undefined) made.set(digest, found);
    return found;
  };
  return {
    hasMasterKey: configured.hasMasterKey,
    configuredSize: configured.configuredSize,
    get size() {
      return configured.size + sync.index.size('key');
    },
    get generation() {
      return generation();
    },
    lookup: (presented) => (presented.length > KEY_CHARACTERS_MAX ? undefined : entryOf(digestOf(presented))),
  };
}

function join(configured: ConfiguredRing, { index }: AccountSync, digest: string): RingEntry | undefined {
  const entry = configured.entry(digest);
  if (entry?.kind === 'master') return entry;
  const key = entry?.key ?? index.keyOfDigest(digest);
  if (key === undefined) return undefined;
  const user: UserRecord | undefined =
    key.user === undefined ? undefined : index.get('user', key.user)?.record;
  const team: TeamRecord | undefined =
    key.team === undefined ? undefined : index.get('team', key.team)?.record;
  if (entry !== undefined && user === undefined && team === undefined) return entry;
  const until =
    key.digest === digest ? undefined : key.formerValues.find((former) => former.digest === digest)?.until;
  return Object.freeze({ kind: 'virtual', digest, key, user, team, until } satisfies VirtualEntry);
}
