import type { Bounds } from '../core/bounds.ts';
import { sameValue } from '../core/same-value.ts';
import type { EdgeConfig } from '../edge/edge-config.ts';
import type { AccountDefaults } from '../keys/accounts-config.ts';
import type { KeyConfig, KeysConfig } from '../keys/keys-config.ts';
import type { LedgerConfig } from '../ledger/ledger-config.ts';
import type { UsageConfig } from '../limits/limits-config.ts';
import type { LlmConfig } from '../llm/llm-config.ts';
import { sameServer } from '../mcp/mcp-config.ts';
import type { StoreConfig } from '../store/store-config.ts';
import type { TelemetryConfig } from '../telemetry/telemetry-config.ts';
import type { LanportConfig, LogConfig, ProcessConfig } from './load.ts';
import { snakeCase } from './schema.ts';

/** What a new configuration changes. Names and paths only: nothing in it is secret. */
export interface ConfigDiff {
  /** By name. A server that takes a default which changed counts as changed. */
  readonly servers: Difference & { readonly unchanged: readonly string[] };
  /** By alias; a key without one by its place in the file. */
  readonly keys: Difference;
  /** Paths of other settings that are applied, as the file writes them. */
  readonly settings: readonly string[];
}

export interface Difference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

type Effect = 'live' | 'restart';
/** Where the file writes each value of a slice, and whether a running gateway can take a new one. */
type Rows<Slice> = { readonly [Name in keyof Slice]: readonly [path: string, effect: Effect] };

const EDGE: Rows<EdgeConfig> = {
  host: ['general_settings.host', 'restart'],
  port: ['general_settings.port', 'restart'],
  allowedIps: ['general_settings.allowed_ips', 'live'],
  useXForwardedFor: ['general_settings.use_x_forwarded_for', 'live'],
  trustedProxies: ['general_settings.mcp_trusted_proxy_ranges', 'live'],
  allowedHosts: ['general_settings.allowed_hosts', 'live'],
  keyHeaderName: ['general_settings.litellm_key_header_name', 'live'],
};

const KEYS: Rows<Omit<KeysConfig, 'keys'>> = {
  masterKey: ['general_settings.master_key', 'live'],
  defaultAccess: ['general_settings.mcp_default_access', 'live'],
};

const ACCOUNTS: Rows<AccountDefaults> = {
  key: ['litellm_settings.default_key_generate_params', 'live'],
  keyMax: ['litellm_settings.upperbound_key_generate_params', 'live'],
  user: ['litellm_settings.default_internal_user_params', 'live'],
  internalUser: ['litellm_settings.max_internal_user_budget, internal_user_budget_duration', 'live'],
  team: ['litellm_settings.default_team_settings', 'live'],
};

const MCP: Rows<Omit<LanportConfig['mcp'], 'servers'>> = {
  separator: ['general_settings.mcp_tool_prefix_separator', 'live'],
};

const LLM: Rows<LlmConfig> = {
  models: ['model_list', 'live'],
  router: ['router_settings', 'live'],
  requestTimeoutMs: ['litellm_settings.request_timeout', 'live'],
  dropParams: ['litellm_settings.drop_params', 'live'],
  claudeDiscovery: ['litellm_settings.claude_code_discovery', 'live'],
};

const USAGE: Rows<UsageConfig> = {
  models: ['router_settings.model_group_limits', 'live'],
  servers: ['mcp_servers.*.rpm_limit, max_parallel_requests, max_budget', 'live'],
  toolCosts: ['mcp_servers.*.mcp_info.mcp_server_cost_info', 'live'],
  priority: ['litellm_settings.priority_reservation', 'live'],
  timeZone: ['litellm_settings.timezone', 'live'],
  redisUrl: ['general_settings.redis_url', 'restart'],
};

const STORE: Rows<StoreConfig> = {
  databaseUrl: ['general_settings.database_url', 'restart'],
  disabled: ['general_settings.disable_database', 'restart'],
  connectionsMax: ['general_settings.database_connection_pool_limit', 'restart'],
  connectTimeoutMs: ['general_settings.database_connection_timeout', 'restart'],
};

const LEDGER: Rows<LedgerConfig> = {
  recording: ['ledger', 'live'],
  retentionMs: ['ledger.retention', 'restart'],
  rollupRetentionMs: ['ledger.rollup_retention', 'restart'],
  key: ['ledger.key', 'restart'],
  retentionIntervalMs: ['general_settings.maximum_spend_logs_retention_interval', 'restart'],
};

const LOG: Rows<LogConfig> = { level: ['general_settings.log_level', 'live'] };

const PROCESS: Rows<ProcessConfig> = {
  realtimeScheduling: ['general_settings.realtime_scheduling', 'restart'],
};

const TELEMETRY: Rows<TelemetryConfig> = {
  metricsPublic: ['general_settings.metrics_public', 'live'],
  traces: ['telemetry', 'restart'],
};

/**
 * Limits that a running gateway takes anew: those that are looked up when they are needed. The three of servers and calls are defaults
 * of server entries. Any other one is a size that something was built with.
 */
export const LIVE_LIMITS: readonly (keyof Bounds)[] = [
  'bodyBytesMax',
  'firstListWaitMs',
  'serverStartMs',
  'callTotalMs',
  'inFlightPerServerMax',
  'maxToolRounds',
  'toolCallMs',
  'toolResultCharactersMax',
];

/** What `after` changes of `before`, apart from settings that need a restart. */
export function diffConfig(before: LanportConfig, after: LanportConfig): ConfigDiff {
  return {
    servers: diffServers(before, after),
    keys: diffKeys(before.keys.keys, after.keys.keys),
    settings: changedSettings(before, after, 'live'),
  };
}

/** Settings in which `after` differs from what the gateway was started with, and that it cannot take while it runs. */
export function needsRestart(started: LanportConfig, after: LanportConfig): readonly string[] {
  return changedSettings(started, after, 'restart');
}

/** Whether nothing is different. */
export function isEmptyDiff({ servers, keys, settings }: ConfigDiff): boolean {
  return [servers, keys].every(isSame) && settings.length === 0;
}

function isSame({ added, removed, changed }: Difference): boolean {
  return added.length + removed.length + changed.length === 0;
}

function diffServers(before: LanportConfig, after: LanportConfig): ConfigDiff['servers'] {
  const old = new Map(before.mcp.servers.map((server) => [server.name, server]));
  const names = new Set(after.mcp.servers.map(({ name }) => name));
  const kept = after.mcp.servers.filter(({ name }) => old.has(name));
  const isUnchanged = (server: (typeof kept)[number]): boolean => sameServer(old.get(server.name)!, server);
  return {
    added: [...names].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !names.has(name)),
    changed: kept.filter((server) => !isUnchanged(server)).map(({ name }) => name),
    unchanged: kept.filter(isUnchanged).map(({ name }) => name),
  };
}

/** A key is the same key when its value is; one that got another value under the same alias has changed. */
function diffKeys(before: readonly KeyConfig[], after: readonly KeyConfig[]): Difference {
  const byValue = new Map(before.map((key) => [key.value.reveal(), key]));
  const removed = new Map(byValue);
  const added: KeyConfig[] = [];
  const changed: string[] = [];
  for (const key of after) {
    const old = byValue.get(key.value.reveal());
    removed.delete(key.value.reveal());
    if (old === undefined) added.push(key);
    else if (!sameKey(old, key)) changed.push(nameOf(key));
  }
  const gone = [...removed.values()];
  const rotated = new Set(
    added.map(({ alias }) => alias).filter((alias) => gone.some((key) => key.alias === alias)),
  );
  rotated.delete(undefined);
  const others = ({ alias }: KeyConfig): boolean => !rotated.has(alias);
  return {
    added: added.filter(others).map(nameOf),
    removed: gone.filter(others).map(nameOf),
    changed: [...changed, ...[...rotated].map(String)],
  };
}

/** Keys that differ in nothing but their place in the file. */
function sameKey(one: KeyConfig, other: KeyConfig): boolean {
  const place = { index: undefined, source: undefined };
  return sameValue({ ...one, ...place }, { ...other, ...place });
}

function nameOf(key: KeyConfig): string {
  return key.alias ?? key.source;
}

function changedSettings(before: LanportConfig, after: LanportConfig, effect: Effect): readonly string[] {
  return [
    ...changedIn(EDGE, before.edge, after.edge, effect),
    ...changedIn(KEYS, before.keys, after.keys, effect),
    ...changedIn(ACCOUNTS, before.accounts, after.accounts, effect),
    ...changedIn(MCP, before.mcp, after.mcp, effect),
    ...changedIn(LLM, before.llm, after.llm, effect),
    ...changedIn(USAGE, before.usage, after.usage, effect),
    ...changedIn(STORE, before.store, after.store, effect),
    ...changedIn(LEDGER, before.ledger, after.ledger, effect),
    ...changedIn(LOG, before.log, after.log, effect),
    ...changedIn(PROCESS, before.process, after.process, effect),
    ...changedIn(TELEMETRY, before.telemetry, after.telemetry, effect),
    ...changedIn(limitRows(before.limits), before.limits, after.limits, effect),
  ];
}

function changedIn<Slice>(rows: Rows<Slice>, before: Slice, after: Slice, effect: Effect): readonly string[] {
  return (Object.keys(rows) as (keyof Slice)[])
    .filter((name) => rows[name][1] === effect && !sameValue(before[name], after[name]))
    .map((name) => rows[name][0]);
}

function limitRows(limits: Bounds): Rows<Bounds> {
  const rows = Object.keys(limits).map((name) => [
    name,
    [`limits.${snakeCase(name)}`, LIVE_LIMITS.some((live) => live === name) ? 'live' : 'restart'],
  ]);
  return Object.fromEntries(rows) as Rows<Bounds>;
}
