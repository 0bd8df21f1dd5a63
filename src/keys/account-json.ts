import type { AccountRow } from '../store/account-ports.ts';
import type {
  FormerValue,
  KeyRecord,
  McpGrant,
  Metadata,
  SpendBase,
  TeamMember,
  TeamRecord,
  UserRecord,
} from './account-records.ts';
import type { KeyLimits, KeyType, ModelLimits } from './keys-config.ts';

/** No limit at all. */
export const NO_LIMITS: KeyLimits = Object.freeze({
  maxBudget: undefined,
  softBudget: undefined,
  budgetDurationMs: undefined,
  requestsPerMinute: undefined,
  tokensPerMinute: undefined,
  parallelRequests: undefined,
});

/** No server, no group, and no tool of theirs left out. */
export const NO_MCP: McpGrant = Object.freeze({
  servers: Object.freeze([]),
  accessGroups: Object.freeze([]),
  tools: undefined,
  toolPermissions: Object.freeze({}),
});

const NOTHING: readonly string[] = Object.freeze([]);
const EMPTY: Readonly<Record<string, never>> = Object.freeze({});

/** Reads one member of a record. What is of another kind than it should be counts as absent, so that it grants nothing. */
type Reader<T> = (value: unknown) => T;
type Readers<T> = { readonly [Name in keyof T]-?: Reader<T[Name]> };

const text: Reader<string | undefined> = (value) => (typeof value === 'string' ? value : undefined);
const sureText: Reader<string> = (value) => (typeof value === 'string' ? value : '');
const number: Reader<number | undefined> = (value) => (typeof value === 'number' ? value : undefined);
const sureNumber: Reader<number> = (value) => (typeof value === 'number' ? value : 0);
/** Whatever stands there and is not plainly no, blocks. */
const flag: Reader<boolean> = (value) => value !== undefined && value !== false && value !== null;
const texts: Reader<readonly string[]> = (value) =>
  Array.isArray(value) && value.length > 0 ? value.filter((one) => typeof one === 'string') : NOTHING;
const object = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
const metadata: Reader<Metadata> = (value) => object(value) ?? EMPTY;
const mapOf =
  <T>(read: Reader<T>): Reader<Readonly<Record<string, T>>> =>
  (value) => {
    const found = object(value);
    return found === undefined
      ? EMPTY
      : Object.fromEntries(Object.entries(found).map(([name, one]) => [name, read(one)]));
  };
const listOf =
  <T>(read: Reader<T>): Reader<readonly T[]> =>
  (value) =>
    Array.isArray(value) ? value.map(read) : [];

const modelLimits: Reader<ModelLimits> = (value) => readAll<ModelLimits>(value, MODEL_LIMITS);
const limits: Reader<KeyLimits> = (value) => (object(value) ? readAll<KeyLimits>(value, LIMITS) : NO_LIMITS);
const mcp: Reader<McpGrant> = (value) => (object(value) ? readAll<McpGrant>(value, MCP) : NO_MCP);
const spendBase: Reader<SpendBase | undefined> = (value) =>
  object(value) ? readAll<SpendBase>(value, SPEND_BASE) : undefined;

const SPEND_BASE: Readers<SpendBase> = { usd: sureNumber, at: sureNumber };
const MODEL_LIMITS: Readers<ModelLimits> = {
  maxBudget: number,
  budgetDurationMs: number,
  requestsPerMinute: number,
  tokensPerMinute: number,
};
const LIMITS: Readers<KeyLimits> = {
  maxBudget: number,
  softBudget: number,
  budgetDurationMs: number,
  requestsPerMinute: number,
  tokensPerMinute: number,
  parallelRequests: number,
  budgetResetAt: number,
  perModel: (value) => (object(value) ? mapOf(modelLimits)(value) : undefined),
};
const MCP: Readers<McpGrant> = {
  servers: texts,
  accessGroups: texts,
  // A list that cannot be read allows nothing; only where none stands, all is allowed.
  tools: (value) => (value === undefined || value === null ? undefined : texts(value)),
  toolPermissions: mapOf(texts),
};
const COMMON = {
  alias: text,
  models: texts,
  modelAliases: mapOf(sureText),
  mcp,
  limits,
  spendBase,
  blocked: flag,
  metadata,
  createdAt: sureNumber,
  createdBy: sureText,
  updatedAt: sureNumber,
  updatedBy: sureText,
};
const KEY_TYPES: ReadonlySet<string> = new Set<KeyType>(['default', 'llm_api', 'management', 'read_only']);
const FORMER: Readers<FormerValue> = { digest: sureText, until: sureNumber };
const KEY: Readers<Omit<KeyRecord, 'id' | 'digest' | 'origin' | 'source'>> = {
  ...COMMON,
  name: sureText,
  description: text,
  user: text,
  team: text,
  expires: number,
  keyType: (value) => (KEY_TYPES.has(String(value)) ? (value as KeyType) : 'default'),
  allowedRoutes: texts,
  allowedIps: texts,
  priority: text,
  tags: texts,
  guardrails: texts,
  permissions: metadata,
  allowedCacheControls: texts,
  formerValues: listOf((value) => readAll<FormerValue>(value, FORMER)),
};
const USER: Readers<Omit<UserRecord, 'id'>> = { ...COMMON, email: text, role: text, expires: number };
const MEMBER: Readers<TeamMember> = {
  user: sureText,
  email: text,
  role: (value) => (value === 'admin' ? 'admin' : 'user'),
  limits: (value) => (object(value) ? limits(value) : undefined),
};
const TEAM: Readers<Omit<TeamRecord, 'id'>> = {
  ...COMMON,
  organization: text,
  expires: number,
  memberPermissions: texts,
  memberLimits: (value) => (object(value) ? limits(value) : undefined),
  members: listOf((value) => readAll<TeamMember>(value, MEMBER)),
};

function readAll<T>(value: unknown, readers: Readers<T>): T {
  const found = object(value) ?? {};
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(readers))
    result[name] = (readers as Record<string, Reader<unknown>>)[name]!(found[name]);
  return result as T;
}

/** The key in a row. Columns count before what the record says. */
export function keyFromRow(row: AccountRow): KeyRecord {
  const record = readAll<Omit<KeyRecord, 'id' | 'digest' | 'origin' | 'source'>>(JSON.parse(row.record), KEY);
  return Object.freeze({
    ...record,
    id: row.id,
    digest: row.digest ?? '',
    alias: row.alias,
    user: row.user,
    team: row.team,
    origin: 'store' as const,
    source: `keys.${row.alias ?? row.id}`,
  });
}

/** The user in a row. */
export function userFromRow(row: AccountRow): UserRecord {
  const record = readAll<Omit<UserRecord, 'id'>>(JSON.parse(row.record), USER);
  return Object.freeze({ ...record, id: row.id });
}

/** The team in a row. */
export function teamFromRow(row: AccountRow): TeamRecord {
  const record = readAll<Omit<TeamRecord, 'id'>>(JSON.parse(row.record), TEAM);
  return Object.freeze({ ...record, id: row.id, alias: row.alias });
}

/** The row of a key; what has a column, and what is as it is anyway, is not in the record. */
export function keyToRow(key: KeyRecord, version: number): AccountRow {
  const { id, digest, alias, user, team, origin: _origin, source: _source, ...rest } = key;
  return { kind: 'key', id, version, digest, alias, user, team, record: compact(rest) };
}

/** The row of a user. */
export function userToRow(record: UserRecord, version: number): AccountRow {
  const { id, ...rest } = record;
  const none = undefined;
  return {
    kind: 'user',
    id,
    version,
    digest: none,
    alias: none,
    user: none,
    team: none,
    record: compact(rest),
  };
}

/** The row of a team. */
export function teamToRow(record: TeamRecord, version: number): AccountRow {
  const { id, alias, ...rest } = record;
  const none = undefined;
  return { kind: 'team', id, version, digest: none, alias, user: none, team: none, record: compact(rest) };
}

function compact(record: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(
    Object.fromEntries(Object.entries(record).filter(([, value]) => value !== false && !isEmpty(value))),
  );
}

function isEmpty(value: unknown): boolean {
  if (value === NO_MCP || value === NO_LIMITS) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
