import { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import type { Secret } from '../core/secret.ts';
import {
  type ConfigPath,
  type ConfigReport,
  budgetDuration,
  ipRange,
  secretText,
  setting,
} from '../core/setting.ts';

/** One key from the configuration, checked and completed. */
export interface KeyConfig {
  /** Position in `virtual_keys`; keys that only stand in a server's `api_keys` follow after those. */
  readonly index: number;
  /** Where it stands, for rules and messages: `virtual_keys[2]`. */
  readonly source: string;
  readonly value: Secret;
  readonly alias: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
  readonly description: string | undefined;
  /** Model names; empty means none. */
  readonly models: readonly string[];
  /** Server names, aliases and access groups, as configured there; empty means none (see KeysConfig.defaultAccess). */
  readonly mcpServers: readonly string[];
  /** Tools of those servers; `undefined` means all. */
  readonly mcpTools: readonly string[] | undefined;
  /** Addresses and CIDR ranges; empty means every address. */
  readonly allowedIps: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly expires: number | undefined;
  readonly blocked: boolean;
  readonly priority: string | undefined;
  readonly limits: KeyLimits;
  /** What few keys have. */
  readonly more?: KeyExtras;
}

/** LiteLLM's `key_type`: which routes a key is for, unless its `allowed_routes` say it. */
export type KeyType = 'default' | 'llm_api' | 'management' | 'read_only';

/** What few keys of a configuration have. */
export interface KeyExtras {
  readonly keyType?: KeyType | undefined;
  readonly allowedRoutes?: readonly string[];
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** From the name of a model in a request to the one that it stands for. */
  readonly modelAliases?: Readonly<Record<string, string>>;
  /** By server: the tools that may be used of it. */
  readonly toolPermissions?: Readonly<Record<string, readonly string[]>>;
}

/** What a key may use up. */
export interface KeyLimits {
  /** US dollars in each budget period. */
  readonly maxBudget: number | undefined;
  readonly softBudget: number | undefined;
  readonly budgetDurationMs: number | undefined;
  readonly requestsPerMinute: number | undefined;
  readonly tokensPerMinute: number | undefined;
  readonly parallelRequests: number | undefined;
  /** A time at which a budget period ends, in milliseconds since the Unix epoch; the others end whole durations before and after it. */
  readonly budgetResetAt?: number | undefined;
  /** By model, as the request names it: what may be used up of that model alone. */
  readonly perModel?: Readonly<Record<string, ModelLimits>> | undefined;
}

/** What a key may use up of one model. */
export interface ModelLimits {
  /** US dollars in each budget period. */
  readonly maxBudget?: number | undefined;
  readonly budgetDurationMs?: number | undefined;
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
}

/**
 * What one account may use up: an own one of a key, or one that it shares with others (its user's, its team's, its user's within its team). Everything that a
 * key is used for counts on each of them.
 */
export interface Allowance {
  readonly scope: 'key' | 'user' | 'team' | 'team-member';
  /** Stable over restarts and unlike that of any other account of the scope. Of a key: as `Principal.id`. Of a member: the user. */
  readonly id: string;
  /** Of a member: the team. */
  readonly team?: string;
  readonly limits: KeyLimits;
  /** Where they stand, for rules: `virtual_keys[2]`. */
  readonly source?: string | undefined;
  /** Spend in US dollars that an operator set by hand, and since when (milliseconds since the Unix epoch) the ledger's comes on top; without it, the ledger's alone. */
  readonly spendBase?: { readonly usd: number; readonly at: number } | undefined;
}

export interface KeysConfig {
  readonly masterKey: Secret | undefined;
  readonly keys: readonly KeyConfig[];
  /** What a key without `mcp_servers` may use. */
  readonly defaultAccess: 'none' | 'all';
}

/** Keys of `general_settings` that belong to keys. */
export const keysGeneralShape = {
  master_key: setting(
    secretText().optional(),
    'The key that may do everything. Without any key, only this machine itself is served. Also accepted under litellm_settings.',
    { env: ['LANPORT_MASTER_KEY', 'LITELLM_MASTER_KEY'] },
  ),
  mcp_default_access: setting(
    z.enum(['none', 'all']).default('none'),
    'What a virtual key without mcp_servers may use. LiteLLM behaves like "all".',
  ),
};

const modelBudget = z.union(
  [
    z.number().nonnegative(),
    z.strictObject({
      budget_limit: setting(z.number().nonnegative().optional(), 'US dollars.'),
      max_budget: setting(z.number().nonnegative().optional(), 'The same as budget_limit.'),
      time_period: setting(budgetDuration().optional(), 'Length of the budget period.'),
      budget_duration: setting(budgetDuration().optional(), 'The same as time_period.'),
    }),
  ],
  { error: 'must be a number of US dollars, or {budget_limit, time_period}' },
);

const nameText = z.string().min(1).max(200);

/** One entry of `virtual_keys`. */
export const virtualKeySchema = z.strictObject({
  api_key: setting(
    secretText(),
    'The key as clients send it. Use os.environ/NAME to keep it out of the file.',
  ),
  key_alias: setting(nameText.optional(), 'Name of the key in logs and in the ledger.'),
  description: setting(z.string().optional(), 'For people.'),
  user: setting(nameText.optional(), 'Whom the key belongs to; written to the ledger.'),
  user_id: setting(nameText.optional(), 'The same as user (LiteLLM spelling).'),
  team: setting(nameText.optional(), 'The team that the key belongs to; written to the ledger.'),
  team_id: setting(nameText.optional(), 'The same as team (LiteLLM spelling).'),
  models: setting(
    z.array(z.string()).default([]),
    'Models that this key may use: names, names with a star, access groups of models, or "*" for all; none when empty.',
  ),
  mcp_servers: setting(
    z.array(z.string()).default([]),
    'MCP servers that this key may use: names, aliases or access groups, or "*" for all; none when empty (see general_settings.mcp_default_access).',
  ),
  mcp_access_groups: setting(
    z.array(z.string()).default([]),
    'Access groups that this key may use, in addition to mcp_servers.',
  ),
  mcp_tools: setting(
    z.array(z.string()).optional(),
    'Tools of its servers that this key may see and call: original or offered names, or server/tool. Without it, all.',
  ),
  mcp_tool_permissions: setting(
    z.record(z.string(), z.array(z.string())).optional(),
    'By server: the tools of it that this key may see and call. A server that is not named has all its tools.',
  ),
  allowed_ips: setting(
    z.array(ipRange()).default([]),
    'Addresses and ranges that may use this key; empty means all.',
  ),
  key_type: setting(
    z.enum(['default', 'llm_api', 'management', 'read_only']).default('default'),
    'Which routes the key is for, unless allowed_routes says it: models and tools, management, or reading of management data; "default" means all.',
  ),
  allowed_routes: setting(
    z.array(z.string().min(1)).default([]),
    'Routes that this key may call: llm_api_routes, info_routes, management_routes, paths, or paths that end in a star; empty means as key_type says.',
  ),
  aliases: setting(
    z.record(z.string(), z.string()).default({}),
    'Names that models have for this key: {name in a request: name here}. The key must be allowed what they stand for.',
  ),
  tags: setting(z.array(nameText).default([]), 'For grouping.'),
  expires: setting(
    z.string().optional(),
    'When the key stops working: a date or an RFC 3339 time, for example 2030-12-31.',
  ),
  blocked: setting(z.boolean().default(false), 'A blocked key is refused.'),
  priority: setting(
    z.union([z.string(), z.number()], { error: 'must be text' }).optional(),
    'Class of litellm_settings.priority_reservation.',
  ),
  max_budget: setting(
    z.number().nonnegative().optional(),
    'US dollars that the key may spend in each budget period.',
  ),
  soft_budget: setting(z.number().nonnegative().optional(), 'US dollars at which a warning is logged.'),
  budget_duration: setting(budgetDuration().optional(), 'Length of the budget period, for example "30d".'),
  rpm_limit: setting(z.int().min(0).optional(), 'Requests per minute at most.'),
  tpm_limit: setting(z.int().min(0).optional(), 'Tokens per minute at most.'),
  max_parallel_requests: setting(z.int().min(0).optional(), 'Requests in flight at the same time at most.'),
  model_rpm_limit: setting(
    z.record(z.string(), z.int().min(0)).optional(),
    'Requests per minute at most, for single models: {name: number}.',
  ),
  model_tpm_limit: setting(
    z.record(z.string(), z.int().min(0)).optional(),
    'Tokens per minute at most, for single models: {name: number}.',
  ),
  model_max_budget: setting(
    z.record(z.string(), modelBudget).optional(),
    'US dollars at most, for single models: {name: number}, or {name: {budget_limit: number, time_period: duration}}.',
  ),
  metadata: setting(z.record(z.string(), z.unknown()).optional(), 'Anything; not interpreted.'),
});

type VirtualKey = z.output<typeof virtualKeySchema>;

/** A key value that stands in the `api_keys` of an MCP server. */
export interface KeyGrant {
  readonly server: string;
  readonly value: Secret;
  readonly path: ConfigPath;
}

export interface KeysInput {
  readonly masterKey: Secret | undefined;
  readonly defaultAccess: 'none' | 'all';
  readonly virtualKeys: readonly VirtualKey[];
  readonly grants: readonly KeyGrant[];
  /** Server names, aliases and access groups; `undefined` when they could not be read, and then are not checked. */
  readonly knownNames: readonly string[] | undefined;
  readonly serverNames: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

const EVERY_SERVER = new Set(['*', 'all-proxy-mcpservers']);
/** Words of LiteLLM for no server, and for those of the key's team. */
const NOT_SERVERS = new Set(['no-mcp-servers', 'all-team-mcpservers']);

/** The keys' slice. Equal key values, unknown names and unreadable dates are reported; key values never are. */
export function resolveKeys(input: KeysInput, report: ConfigReport): KeysConfig {
  const owners = new Map<string, string>();
  if (input.masterKey !== undefined) owners.set(input.masterKey.reveal(), 'the master key');
  const keys: KeyConfig[] = input.virtualKeys.map((entry, index) => {
    const path = ['virtual_keys', index];
    const other = owners.get(entry.api_key.reveal());
    if (other !== undefined)
      report.error([...path, 'api_key'], `is the same key as ${other}`, 'Give every entry a key of its own.');
    else owners.set(entry.api_key.reveal(), report.show(path));
    return toKey(entry, index, input, report);
  });
  return {
    masterKey: input.masterKey,
    keys: grantServers(keys, input, report),
    defaultAccess: input.defaultAccess,
  };
}

/** What few keys have; only what is there, so that two keys without it are equal. */
function extras(entry: VirtualKey, input: KeysInput, report: ConfigReport, path: ConfigPath): KeyExtras {
  const { mcp_tool_permissions: permissions = {}, metadata, tags } = entry;
  for (const name of Object.keys(permissions))
    knownName(name, [...path, 'mcp_tool_permissions', name], input, report);
  return {
    ...(entry.key_type === 'default' ? {} : { keyType: entry.key_type }),
    ...(entry.allowed_routes.length === 0 ? {} : { allowedRoutes: entry.allowed_routes }),
    ...(Object.keys(entry.aliases).length === 0 ? {} : { modelAliases: entry.aliases }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(Object.keys(permissions).length === 0 ? {} : { toolPermissions: permissions }),
  };
}

function toKey(entry: VirtualKey, index: number, input: KeysInput, report: ConfigReport): KeyConfig {
  const path = ['virtual_keys', index];
  return {
    index,
    source: report.show(path),
    value: entry.api_key,
    alias: entry.key_alias,
    user: entry.user ?? entry.user_id,
    team: entry.team ?? entry.team_id,
    description: entry.description,
    models: entry.models,
    mcpServers: [
      ...serverNames(entry.mcp_servers, [...path, 'mcp_servers'], input, report),
      ...serverNames(entry.mcp_access_groups, [...path, 'mcp_access_groups'], input, report),
    ],
    mcpTools: entry.mcp_tools,
    allowedIps: entry.allowed_ips,
    expires: expiry(entry.expires, [...path, 'expires'], input.now, report),
    blocked: entry.blocked,
    priority: entry.priority === undefined ? undefined : String(entry.priority),
    limits: {
      maxBudget: entry.max_budget,
      softBudget: entry.soft_budget,
      budgetDurationMs: entry.budget_duration,
      requestsPerMinute: entry.rpm_limit,
      tokensPerMinute: entry.tpm_limit,
      parallelRequests: entry.max_parallel_requests,
      perModel: modelLimits(entry),
    },
    more: extras(entry, input, report, path),
  };
}

function modelLimits(entry: VirtualKey): KeyLimits['perModel'] {
  const { model_rpm_limit: requests, model_tpm_limit: tokens, model_max_budget: budgets } = entry;
  const names = [requests, tokens, budgets].flatMap((one) => Object.keys(one ?? {}));
  if (names.length === 0) return undefined;
  return Object.fromEntries(
    names.map((name): [string, ModelLimits] => {
      const budget = budgets?.[name];
      const { max, durationMs } =
        typeof budget === 'object'
          ? {
              max: budget.budget_limit ?? budget.max_budget,
              durationMs: budget.time_period ?? budget.budget_duration,
            }
          : { max: budget, durationMs: entry.budget_duration };
      return [
        name,
        {
          maxBudget: max,
          budgetDurationMs: durationMs,
          requestsPerMinute: requests?.[name],
          tokensPerMinute: tokens?.[name],
        },
      ];
    }),
  );
}

function serverNames(
  names: readonly string[],
  path: ConfigPath,
  input: KeysInput,
  report: ConfigReport,
): readonly string[] {
  if (names.some((name) => EVERY_SERVER.has(name))) return input.serverNames;
  return names.map((name) =>
    // Kept: they stand for no server by themselves, and a list that is not empty is no reason for the default access.
    NOT_SERVERS.has(name) ? name : knownName(name, [...path, names.indexOf(name)], input, report),
  );
}

/** The name as the servers have it; what is no name of any is reported. */
function knownName(name: string, path: ConfigPath, { knownNames }: KeysInput, report: ConfigReport): string {
  const match = knownNames?.find((known) => known.toLowerCase() === name.toLowerCase());
  if (match === undefined && knownNames !== undefined)
    report.error(
      path,
      `there is no MCP server, alias or access group "${name}"`,
      suggestion(name, knownNames),
    );
  return match ?? name;
}

function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `Did you mean "${near}"?`;
  return known.length === 0 ? 'No MCP server is configured.' : `Known are: ${known.slice(0, 20).join(', ')}.`;
}

function expiry(
  text: string | undefined,
  path: ConfigPath,
  now: number,
  report: ConfigReport,
): number | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d{2}-\d{2}([T ].*)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    report.error(path, 'must be a date such as 2030-12-31 or a time such as 2030-12-31T18:00:00Z');
    return undefined;
  }
  if (time <= now) report.warning(path, 'lies in the past, so this key is refused');
  return time;
}

/** Adds what servers grant in their `api_keys`: to the virtual key of that value, or as a further key. */
function grantServers(
  keys: readonly KeyConfig[],
  input: KeysInput,
  report: ConfigReport,
): readonly KeyConfig[] {
  const byValue = new Map(keys.map((key) => [key.value.reveal(), key]));
  let index = keys.length;
  for (const grant of input.grants) {
    const value = grant.value.reveal();
    if (value === input.masterKey?.reveal()) continue;
    const key = byValue.get(value);
    if (key === undefined) byValue.set(value, grantedKey(grant, index++, report));
    else if (!key.mcpServers.includes(grant.server))
      byValue.set(value, { ...key, mcpServers: [...key.mcpServers, grant.server] });
  }
  return [...byValue.values()];
}

function grantedKey(grant: KeyGrant, index: number, report: ConfigReport): KeyConfig {
  return {
    index,
    source: report.show(grant.path),
    value: grant.value,
    alias: undefined,
    user: undefined,
    team: undefined,
    description: undefined,
    models: [],
    mcpServers: [grant.server],
    mcpTools: undefined,
    allowedIps: [],
    expires: undefined,
    blocked: false,
    priority: undefined,
    limits: {
      maxBudget: undefined,
      softBudget: undefined,
      budgetDurationMs: undefined,
      requestsPerMinute: undefined,
      tokensPerMinute: undefined,
      parallelRequests: undefined,
    },
  };
}
