import type { Bounds } from '../core/bounds.ts';
import { Secret } from '../core/secret.ts';
import { type EdgeConfig, resolveEdge } from '../edge/edge-config.ts';
import { type AccountDefaults, resolveAccountDefaults } from '../keys/accounts-config.ts';
import { type KeysConfig, resolveKeys } from '../keys/keys-config.ts';
import { type LedgerConfig, resolveLedger } from '../ledger/ledger-config.ts';
import { resolveUsage, type UsageConfig } from '../limits/limits-config.ts';
import { type LlmConfig, resolveLlm } from '../llm/llm-config.ts';
import { resolveServers, type ServersOutput } from '../mcp/mcp-config.ts';
import { resolveStore, type StoreConfig } from '../store/store-config.ts';
import { resolveTelemetry, type TelemetryConfig } from '../telemetry/telemetry-config.ts';
import { Collector } from './collector.ts';
import { type ConfigFiles, diskFiles, readConfigFiles, readEnvFile } from './files.ts';
import { interpolate, type Lookup } from './interpolate.ts';
import { explainIssue } from './issues.ts';
import { prepare } from './prepare.ts';
import { ConfigError, type ConfigProblem } from './problem.ts';
import { type RootSettings, resolveLimits, rootSchema } from './schema.ts';
import { gatherServers } from './server-list.ts';
import {
  applyEnvironment,
  applyOverrides,
  databaseUrlOf,
  dropEmptySections,
  moveLitellmSettings,
  type Overrides,
} from './sources.ts';
import { type MapNode, mapNode, removal, toPlain } from './tree.ts';

/** What is logged. */
export interface LogConfig {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
}

/** How the process runs. */
export interface ProcessConfig {
  /** Whether its threads that requests wait for go before ordinary processes. */
  readonly realtimeScheduling: boolean;
}

/** Everything that the gateway is told, checked, completed and frozen. Each domain gets its slice. */
export interface LanportConfig {
  /** Files that were read, the one named first, the env file last; to be watched for changes. */
  readonly files: readonly string[];
  readonly edge: EdgeConfig;
  readonly keys: KeysConfig;
  /** What accounts get that are made over the API. */
  readonly accounts: AccountDefaults;
  readonly mcp: ServersOutput['config'];
  readonly llm: LlmConfig;
  readonly store: StoreConfig;
  readonly ledger: LedgerConfig;
  readonly limits: Bounds;
  /** Limits of models and servers, prices of tools, and how limits are shared. */
  readonly usage: UsageConfig;
  readonly log: LogConfig;
  readonly process: ProcessConfig;
  readonly telemetry: TelemetryConfig;
}

export interface LoadOptions {
  /** Without it, the configuration is what the environment and the defaults say. */
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Further variables, as NAME=value lines; those of `env` win. */
  readonly envFile?: string | undefined;
  readonly overrides?: Overrides | undefined;
  readonly readFile?: ConfigFiles['readFile'] | undefined;
  readonly fileMode?: ConfigFiles['mode'] | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now?: () => number;
}

export interface LoadedConfig {
  readonly config: LanportConfig;
  readonly warnings: readonly ConfigProblem[];
}

/** Loads the configuration. Throws ConfigError with every problem at once. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { config, problems } = await inspectConfig(options);
  if (config === undefined) throw new ConfigError(problems);
  return { config, warnings: problems };
}

/** The configuration of a gateway that was given no file. */
export async function defaultConfig(
  env: LoadOptions['env'] = {},
  overrides: Overrides = {},
): Promise<LoadedConfig> {
  return loadConfig({ env, overrides });
}

/** What loading found out, for `lanport config explain` and `check`. `config` is `undefined` when there are errors. */
export interface InspectedConfig {
  readonly config: LanportConfig | undefined;
  readonly problems: readonly ConfigProblem[];
  /** Every value with where it comes from, as far as it could be understood. */
  readonly root: MapNode;
}

/** Loads the configuration without throwing. */
export async function inspectConfig(options: LoadOptions): Promise<InspectedConfig> {
  const collector = new Collector();
  const files: ConfigFiles = {
    readFile: options.readFile ?? diskFiles.readFile,
    mode: options.fileMode ?? diskFiles.mode,
  };
  const envFile = options.envFile === undefined ? {} : await readEnvFile(options.envFile, files, collector);
  const outer: Lookup = (name) => options.env[name] ?? envFile[name];
  const nowhere = { file: 'defaults', line: undefined, column: undefined };
  const { root, paths } =
    options.file === undefined
      ? { root: mapNode(nowhere), paths: [] }
      : await readConfigFiles(options.file, outer, files, collector);
  collector.use(root);
  if (collector.failed && root.entries.size === 0)
    return { config: undefined, problems: collector.sorted(paths), root };
  const lookup = withFileVariables(root, outer, collector);
  dropEmptySections(root);
  gatherServers(root, (node, path, severity, what, hint) =>
    collector.at(node.at, severity, path, what, hint),
  );
  moveLitellmSettings(root, collector);
  applyEnvironment(
    root,
    (name) => lookup(name) ?? (name === 'DATABASE_URL' ? databaseUrlOf(lookup) : undefined),
  );
  applyOverrides(root, options.overrides ?? {});
  prepare(root, rootSchema, lookup, collector);
  const declared = declaredServers(root);
  const settings = parse(root, collector);
  const config =
    settings === undefined
      ? undefined
      : resolve(
          settings,
          declared,
          [...paths, ...(options.envFile === undefined ? [] : [options.envFile])],
          options.now?.() ?? Date.now(),
          lookup,
          collector,
        );
  return {
    config: collector.failed || config === undefined ? undefined : deepFreeze(config),
    problems: collector.sorted(paths),
    root,
  };
}

/**
 * Variables of the process and the env file, then those that the file sets itself (`environment_variables`, as in LiteLLM), which may
 * refer to those above them.
 */
function withFileVariables(root: MapNode, outer: Lookup, collector: Collector): Lookup {
  const known = new Map<string, string>();
  const lookup: Lookup = (name) => outer(name) ?? known.get(name);
  const section = root.entries.get('environment_variables')?.node;
  if (section?.kind !== 'map') return lookup;
  for (const [name, { node }] of section.entries) {
    if (node.kind !== 'scalar' || node.value === null) continue;
    const { text, variables, problems } = interpolate(node.source ?? String(node.value), lookup);
    for (const { what, hint } of problems) collector.error(['environment_variables', name], what, hint);
    node.value = text;
    node.variables = variables;
    known.set(name, text);
  }
  return lookup;
}

function declaredServers(root: MapNode): readonly string[] {
  const servers = root.entries.get('mcp_servers')?.node;
  return servers?.kind === 'map' ? [...servers.entries.keys()] : [];
}

const PASSES_MAX = 20;

/** Reads the tree through the schema. What is refused is reported and taken out, so that the rest can be checked too. */
function parse(root: MapNode, collector: Collector): RootSettings | undefined {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const result = rootSchema.safeParse(toPlain(root));
    if (result.success) return result.data;
    const steps = [];
    for (const refusal of result.error.issues.flatMap((issue) => explainIssue(issue, root, rootSchema))) {
      if (!collector.reported(refusal.path)) collector.error(refusal.path, refusal.what, refusal.hint);
      steps.push(removal(root, refusal.path));
    }
    for (const step of steps) step?.();
  }
  return undefined;
}

function resolve(
  settings: RootSettings,
  declared: readonly string[],
  files: readonly string[],
  now: number,
  lookup: Lookup,
  collector: Collector,
): LanportConfig {
  const general = settings.general_settings;
  const limits = limitsOf(settings, collector);
  const {
    config: mcp,
    grants,
    knownNames,
  } = resolveServers(
    {
      servers: settings.mcp_servers,
      declared,
      aliases: settings.mcp_aliases,
      separator: general.mcp_tool_prefix_separator,
      onToolChange: general.mcp_on_tool_change,
      defaults: {
        startTimeoutMs: limits.serverStartMs,
        callTimeoutMs: limits.callTotalMs,
        concurrency: limits.inFlightPerServerMax,
      },
    },
    collector,
  );
  const keys = resolveKeys(
    {
      masterKey: general.master_key,
      defaultAccess: general.mcp_default_access,
      virtualKeys: settings.virtual_keys,
      grants,
      knownNames: collector.broken(['mcp_servers'])
        ? undefined
        : [...new Set([...knownNames, ...declared, ...Object.keys(settings.mcp_aliases)])],
      serverNames: mcp.servers.map(({ name }) => name),
      now,
    },
    collector,
  );
  checkMasterKey(settings, collector);
  const llm = resolveLlm(
    {
      models: settings.model_list,
      router: settings.router_settings,
      settings: settings.litellm_settings,
      keyFrom: lookup,
    },
    collector,
  );
  return {
    files,
    edge: resolveEdge(general),
    keys,
    accounts: resolveAccountDefaults(settings.litellm_settings, general, collector),
    mcp,
    llm,
    usage: usageOf(settings, llm, collector),
    store: resolveStore(general, collector),
    ledger: resolveLedger(settings.ledger, general),
    limits,
    log: { level: logLevel(general, collector) },
    process: { realtimeScheduling: general.realtime_scheduling },
    telemetry: resolveTelemetry(
      { general, litellm: settings.litellm_settings, section: settings.telemetry },
      collector,
    ),
  };
}

function usageOf(settings: RootSettings, llm: LlmConfig, collector: Collector): UsageConfig {
  const { router_settings: router, litellm_settings: litellm } = settings;
  return resolveUsage(
    {
      servers: settings.mcp_servers,
      groups: router.model_group_limits,
      models: llm.models,
      reservation: litellm.priority_reservation,
      waitMs: litellm.priority_queue_timeout,
      timeZone: litellm.timezone,
      redis: { ...llm.router.redis, url: settings.general_settings.redis_url ?? router.redis_url },
    },
    collector,
  );
}

function limitsOf(settings: RootSettings, collector: Collector): Bounds {
  const limits = resolveLimits(settings.limits);
  const megabytes = settings.general_settings.max_request_size_mb;
  const written = collector.source(['limits']).keyLines['body_bytes_max'] !== undefined;
  return megabytes === undefined || written
    ? limits
    : { ...limits, bodyBytesMax: Math.ceil(megabytes * 1024 * 1024) };
}

const LOOPBACK = /^(?:127\.|localhost$|::1$|\[::1\]$)/;
const SAFE_KEY_CHARACTERS = 16;

function checkMasterKey({ general_settings: general }: RootSettings, collector: Collector): void {
  const { master_key: key, host } = general;
  if (key === undefined || LOOPBACK.test(host) || key.reveal().length >= SAFE_KEY_CHARACTERS) return;
  collector.warning(
    ['general_settings', 'master_key'],
    `is shorter than ${SAFE_KEY_CHARACTERS} characters, which can be guessed, and the gateway listens on ${host}`,
    'Use a long random key, for example the output of: openssl rand -hex 24',
  );
}

function logLevel(general: RootSettings['general_settings'], collector: Collector): LogConfig['level'] {
  if (!general.json_logs)
    collector.warning(['general_settings', 'json_logs'], 'has no effect: logs are always lines of JSON');
  if (general.detailed_debug) return 'debug';
  const level = general.log_level.toLowerCase();
  if (level === 'warning') return 'warn';
  return level === 'critical' ? 'error' : (level as LogConfig['level']);
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  if (!(value instanceof Secret)) for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
