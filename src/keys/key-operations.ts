import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { keyToRow, NO_LIMITS, NO_MCP } from './account-json.ts';
import type { FormerValue, KeyChange, KeyFields, KeyRecord } from './account-records.ts';
import type { AccountSync } from './account-sync.ts';
import type { WriteAccounts } from './account-writer.ts';
import type { IssuedKey, KeyDirectory, NewKey, Regeneration } from './key-directory.ts';
import type { ConfiguredRing } from './key-ring.ts';
import { changeOf } from './changing.ts';
import { checkAlias, checkText } from './account-checks.ts';
import { pageOf } from './account-pages.ts';
import { accountIdOf, digestOf, keyName, newKeyValue, randomAccountId } from './key-values.ts';
import { KEY_CHARACTERS_MAX } from './key-ring.ts';

/** Shortest key that somebody may choose, in characters. */
const CHOSEN_CHARACTERS_MIN = 8;
/** Former values of a key that still work at most; the oldest goes first. */
const FORMER_MAX = 8;

const NEW_KEY: KeyFields = Object.freeze({
  alias: undefined,
  description: undefined,
  user: undefined,
  team: undefined,
  models: [],
  modelAliases: {},
  mcp: NO_MCP,
  limits: NO_LIMITS,
  spendBase: undefined,
  blocked: false,
  metadata: {},
  expires: undefined,
  keyType: 'default',
  allowedRoutes: [],
  allowedIps: [],
  priority: undefined,
  tags: [],
  guardrails: [],
  permissions: {},
  allowedCacheControls: [],
});

/** What operations on accounts need. */
export interface OperationDeps {
  readonly sync: AccountSync;
  readonly write: WriteAccounts;
  readonly clock: Clock;
  /** The keys of the configuration in force. */
  readonly configured: () => ConfiguredRing;
}

type KeyOperations = Pick<
  KeyDirectory,
  'createKey' | 'updateKey' | 'deleteKeys' | 'setBlocked' | 'regenerateKey' | 'findKey' | 'listKeys'
>;

/** Makes, changes and finds keys. */
export function keyOperations(deps: OperationDeps): KeyOperations {
  const { sync, write, clock } = deps;
  const find = (ref: string): KeyRecord | undefined => findKey(ref, deps);
  const stored = (ref: string): KeyRecord => {
    const found = find(ref);
    if (found === undefined) throw new GatewayError('key-unknown', { key: printable(ref) });
    if (found.origin === 'configuration')
      throw new GatewayError('key-configured', { key: found.alias ?? found.name, source: found.source });
    return found;
  };
  /** Replaces a key by what `change` makes of it. */
  const replace = async (
    ref: string,
    by: string,
    change: (key: KeyRecord) => KeyRecord,
  ): Promise<KeyRecord> => {
    let id = '';
    await write(() => {
      const before = stored(ref);
      id = before.id;
      const after = { ...change(before), updatedAt: clock.now(), updatedBy: by };
      checkKey(after, before, deps);
      return [{ op: 'replace', row: keyToRow(after, sync.index.get('key', id)!.version) }];
    });
    return present(id);
  };
  const present = (id: string): KeyRecord => {
    const found = sync.index.get('key', id)?.record;
    if (found === undefined) throw new GatewayError('key-unknown', { key: id });
    return found;
  };
  return {
    findKey: find,
    listKeys: (query = {}) =>
      pageOf(
        query.withConfigured === true
          ? [...deps.configured().keys.map(({ key }) => key), ...sync.index.all('key')]
          : sync.index.all('key'),
        query,
        (key) => [key.id, key.alias, key.name],
        (key) => ({ user: key.user, team: key.team }),
      ),
    createKey: async ({ key, ...fields }: NewKey, by: string): Promise<IssuedKey> => {
      const value = chosenOrNew(key);
      const digest = digestOf(value);
      let id = accountIdOf(digest);
      await write(() => {
        requireFreeValue(digest, deps);
        if (sync.index.get('key', id) !== undefined) id = randomAccountId();
        const now = clock.now();
        const record: KeyRecord = {
          ...NEW_KEY,
          ...fields,
          id,
          digest,
          name: keyName(value),
          origin: 'store',
          source: '',
          formerValues: [],
          createdAt: now,
          createdBy: by,
          updatedAt: now,
          updatedBy: by,
        };
        checkKey(record, undefined, deps);
        return [{ op: 'insert', row: keyToRow(record, 1) }];
      });
      return { key: new Secret(value), record: present(id) };
    },
    updateKey: (ref, change, by) => replace(ref, by, (key) => ({ ...key, ...changeOf(change, key) })),
    setBlocked: (ref, blocked, by) => replace(ref, by, (key) => ({ ...key, blocked })),
    deleteKeys: async (refs) => {
      let records: readonly KeyRecord[] = [];
      await write(() => {
        records = [...new Set(refs.map(stored))];
        return records.length === 0 ? [] : [{ op: 'remove', kind: 'key', ids: records.map(({ id }) => id) }];
      });
      return records;
    },
    regenerateKey: async (ref, { graceMs, newKey, change = {} }: Regeneration, by) => {
      const value = chosenOrNew(newKey);
      const digest = digestOf(value);
      const target = stored(ref).id;
      const record = await replace(target, by, (key) => {
        requireFreeValue(digest, deps);
        return {
          ...key,
          ...changeOf(change, key),
          digest,
          name: keyName(value),
          formerValues: formerValues(key, graceMs, clock.now()),
        };
      });
      return { key: new Secret(value), record };
    },
  };
}

/** The values before that still work: those that did, and the one that is replaced now. */
function formerValues(key: KeyRecord, graceMs: number, now: number): readonly FormerValue[] {
  const still = key.formerValues.filter(({ until }) => until > now);
  return (graceMs > 0 ? [...still, { digest: key.digest, until: now + graceMs }] : still).slice(-FORMER_MAX);
}

/** By value, digest, id or alias, in this order; keys of the configuration win. */
function findKey(ref: string, { sync, configured }: OperationDeps): KeyRecord | undefined {
  const digest = ref.length > KEY_CHARACTERS_MAX ? '' : digestOf(ref);
  const { index } = sync;
  const entry = configured().entry(digest) ?? configured().entry(ref);
  if (entry?.kind === 'virtual') return entry.key;
  return (
    index.keyOfDigest(digest) ??
    index.keyOfDigest(ref) ??
    index.get('key', ref)?.record ??
    index.keyOfAlias(ref) ??
    configured().keys.find(({ key }) => key.id === ref || key.alias === ref)?.key
  );
}

function chosenOrNew(chosen: Secret | undefined): string {
  if (chosen === undefined) return newKeyValue();
  const value = chosen.reveal();
  if (
    value.length < CHOSEN_CHARACTERS_MIN ||
    value.length > KEY_CHARACTERS_MAX ||
    !/^[\x21-\x7e]+$/.test(value)
  )
    throw new GatewayError('account-invalid', {
      reason: `a key has ${CHOSEN_CHARACTERS_MIN} to ${KEY_CHARACTERS_MAX} visible ASCII characters without spaces`,
    });
  return value;
}

function requireFreeValue(digest: string, { sync, configured }: OperationDeps): void {
  if (configured().entry(digest) !== undefined || sync.index.keyOfDigest(digest) !== undefined)
    throw new GatewayError('account-exists', { what: 'key with this value' });
}

function checkKey(after: KeyRecord, before: KeyChange | undefined, { sync }: OperationDeps): void {
  checkAlias(after.alias);
  checkText('user_id', after.user);
  if (after.team === undefined || after.team === before?.team) return;
  checkText('team_id', after.team);
  if (sync.index.get('team', after.team) === undefined)
    throw new GatewayError('team-unknown', { team: after.team });
}

/** What somebody gave as a key, without giving away what may be one. */
function printable(ref: string): string {
  return /^[0-9a-f]{16,64}$/.test(ref)
    ? ref
    : ref.startsWith('sk-') || ref.length > 64
      ? keyName(ref)
      : `"${ref}"`;
}
