import type { Secret } from '../core/secret.ts';
import { NO_MCP } from './account-json.ts';
import type { KeyRecord, TeamRecord, UserRecord } from './account-records.ts';
import { accountIdOf, digestOf, keyName } from './key-values.ts';
import type { KeyConfig } from './keys-config.ts';

/** What a presented key turned out to be. One frozen object per key, so that it can carry what is derived from it (WeakMap). */
export type RingEntry = { readonly kind: 'master'; readonly digest: string } | VirtualEntry;

/** A virtual key with those whom it belongs to, as far as they are known. */
export interface VirtualEntry {
  readonly kind: 'virtual';
  /** Of the value that was presented. */
  readonly digest: string;
  readonly key: KeyRecord;
  readonly user?: UserRecord | undefined;
  readonly team?: TeamRecord | undefined;
  /** Of a value that the key had before: until when it goes on working. Milliseconds since the Unix epoch. */
  readonly until?: number | undefined;
}

/** The known keys, held as digests: looking one up is one hash and one map. */
export interface KeyRing {
  readonly hasMasterKey: boolean;
  readonly size: number;
  /** Keys that the configuration has, the master key among them. Without any, only this machine is served. */
  readonly configuredSize: number;
  /** Counts changes: what was looked up counts while this stays the same. */
  readonly generation: number;
  /** `undefined` for a key that is not known. */
  lookup(presented: string): RingEntry | undefined;
}

/** The keys of one configuration, which never change. */
export interface ConfiguredRing extends KeyRing {
  /** By the SHA-256 of the key's value. */
  entry(digest: string): RingEntry | undefined;
  readonly keys: readonly VirtualEntry[];
}

/** Longest key that is looked at, in characters; a longer one is no key. */
export const KEY_CHARACTERS_MAX = 512;
/** More keys than this are not held in memory. */
export const KEYS_MAX = 100_000;

/** Builds the ring. Throws on more than `KEYS_MAX` keys and on keys too long to be looked up. */
export function createKeyRing(options: {
  readonly masterKey: Secret | undefined;
  readonly keys: readonly KeyConfig[];
}): ConfiguredRing {
  if (options.keys.length > KEYS_MAX)
    throw new Error(`${options.keys.length} virtual keys are configured; at most ${KEYS_MAX} can be`);
  const entries = new Map<string, RingEntry>();
  for (const config of options.keys) {
    const digest = checkedDigest(config.value, config.source);
    entries.set(digest, Object.freeze({ kind: 'virtual', digest, key: toRecord(config, digest) }));
  }
  if (options.masterKey !== undefined) {
    const digest = checkedDigest(options.masterKey, 'general_settings.master_key');
    entries.set(digest, Object.freeze({ kind: 'master', digest }));
  }
  return {
    hasMasterKey: options.masterKey !== undefined,
    size: entries.size,
    configuredSize: entries.size,
    generation: 0,
    lookup: (presented) =>
      presented.length > KEY_CHARACTERS_MAX ? undefined : entries.get(digestOf(presented)),
    entry: (digest) => entries.get(digest),
    keys: [...entries.values()].filter((entry) => entry.kind === 'virtual'),
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

/** A key of the configuration as one of the store would be. */
function toRecord(config: KeyConfig, digest: string): KeyRecord {
  const { more = {} } = config;
  return Object.freeze({
    id: accountIdOf(digest),
    digest,
    name: keyName(config.value.reveal()),
    origin: 'configuration',
    source: config.source,
    formerValues: [],
    alias: config.alias,
    description: config.description,
    user: config.user,
    team: config.team,
    models: config.models,
    modelAliases: more.modelAliases ?? {},
    mcp: {
      ...NO_MCP,
      servers: config.mcpServers,
      tools: config.mcpTools,
      toolPermissions: more.toolPermissions ?? {},
    },
    limits: config.limits,
    spendBase: undefined,
    blocked: config.blocked,
    metadata: more.metadata ?? {},
    expires: config.expires,
    keyType: more.keyType ?? 'default',
    allowedRoutes: more.allowedRoutes ?? [],
    allowedIps: config.allowedIps,
    priority: config.priority,
    tags: more.tags ?? [],
    guardrails: [],
    permissions: {},
    allowedCacheControls: [],
    createdAt: 0,
    createdBy: 'configuration',
    updatedAt: 0,
    updatedBy: 'configuration',
  } satisfies KeyRecord);
}
