import { z } from 'zod';
import { BOUNDS, type Bounds } from '../core/bounds.ts';
import { byteSize, duration, inertShape, secretText, setting } from '../core/setting.ts';
import { edgeGeneralShape } from '../edge/edge-config.ts';
import { accountsGeneralShape, accountsLitellmShape } from '../keys/accounts-config.ts';
import { keysGeneralShape, virtualKeySchema } from '../keys/keys-config.ts';
import { ledgerGeneralShape, ledgerSchema } from '../ledger/ledger-config.ts';
import { limitsGeneralShape, limitsLitellmShape, limitsRouterShape } from '../limits/limits-config.ts';
import { llmLitellmShape, routerSchema } from '../llm/llm-config.ts';
import { modelListSchema } from '../llm/model-config.ts';
import {
  aliasesSchema,
  mcpSettingsSchema,
  onToolChangeSchema,
  separatorSchema,
  serversSchema,
} from '../mcp/mcp-config.ts';
import { storeGeneralShape } from '../store/store-config.ts';
import {
  telemetryGeneralShape,
  telemetryLitellmShape,
  telemetrySchema,
} from '../telemetry/telemetry-config.ts';
import { INERT_GENERAL, INERT_LITELLM, INERT_TOP } from './litellm-keys.ts';

const LOG_LEVELS = [
  'debug',
  'info',
  'warn',
  'error',
  'warning',
  'critical',
  'DEBUG',
  'INFO',
  'WARN',
  'WARNING',
  'ERROR',
  'CRITICAL',
] as const;

const logGeneralShape = {
  log_level: setting(
    z.enum(LOG_LEVELS).default('info'),
    'What is logged: debug, info, warn or error, and everything graver.',
    {
      env: ['LANPORT_LOG_LEVEL', 'LITELLM_LOG'],
    },
  ),
  detailed_debug: setting(z.boolean().default(false), 'The same as log_level: debug.'),
  json_logs: setting(
    z.boolean().default(true),
    'Logs are lines of JSON. Also accepted under litellm_settings.',
  ),
};

const processGeneralShape = {
  realtime_scheduling: setting(
    z.boolean().default(false),
    'The threads of the gateway that requests wait for run before ordinary processes of the same machine. Linux only; it has to be allowed (docs/guide/operate.md).',
    { env: ['LANPORT_REALTIME_SCHEDULING'] },
  ),
};

/** Section `general_settings`: every domain's share, and what LiteLLM has besides. */
export const generalSchema = z.strictObject({
  ...edgeGeneralShape,
  ...keysGeneralShape,
  ...accountsGeneralShape,
  ...storeGeneralShape,
  ...ledgerGeneralShape,
  ...limitsGeneralShape,
  ...telemetryGeneralShape,
  ...logGeneralShape,
  ...processGeneralShape,
  mcp_tool_prefix_separator: separatorSchema,
  mcp_on_tool_change: onToolChangeSchema,
  max_request_size_mb: setting(
    z.number().positive().optional(),
    'Largest request body in MB; limits.body_bytes_max wins over it.',
  ),
  store_model_in_db: setting(
    z.boolean().optional(),
    'Keep models and MCP servers that are added through the API in the database.',
    {
      env: ['STORE_MODEL_IN_DB'],
      later: 'models and servers come from the file only',
    },
  ),
  ...inertShape(INERT_GENERAL),
});

/** Section `litellm_settings`. Keys that belong elsewhere (`master_key`, `mcp_aliases`, …) are moved there before it is read. */
export const litellmSchema = z.strictObject({
  ...llmLitellmShape,
  ...limitsLitellmShape,
  ...accountsLitellmShape,
  ...telemetryLitellmShape,
  mcp_aliases: aliasesSchema
    .unwrap()
    .optional()
    .meta({ description: 'The same as mcp_aliases at the top level.' }),
  master_key: setting(secretText().optional(), 'The same as general_settings.master_key.'),
  database_url: setting(secretText().optional(), 'The same as general_settings.database_url.'),
  json_logs: setting(z.boolean().optional(), 'The same as general_settings.json_logs.'),
  set_verbose: setting(z.boolean().default(false), 'The same as general_settings.detailed_debug.'),
  ...inertShape(INERT_LITELLM),
});

type LimitName = keyof Bounds;

const LIMIT_MEANINGS: Readonly<Record<LimitName, string>> = {
  bodyBytesMax: 'Largest request body.',
  messageBytesMax: 'Largest MCP message on an event stream of a server.',
  stdioLineBytesMax: 'Longest line that a stdio server may write.',
  responseStateBytesMax:
    'Answers of POST /v1/responses that one key may keep to refer to (previous_response_id); its oldest go first. Takes effect with a restart.',
  upstreamResponseBytesMax: 'Largest answer of a server or provider; streams may be longer.',
  sessionsMax: 'Client sessions at the same time.',
  inFlightPerSessionMax: 'Requests that one session may have in flight.',
  inFlightPerServerMax: 'Calls that one MCP server may have in flight.',
  keepAliveMs: 'Time between the comments that keep an event stream open.',
  serverStartMs: 'Time that an MCP server may take to start and connect.',
  callTotalMs: 'Time that one call may take.',
  firstListWaitMs: 'Time that the first list waits for servers that were never seen before.',
  ledgerMemoryRowsMax: 'Ledger rows held in memory.',
  ledgerDiskBytesMax: 'Disk that the ledger may use while the database is away.',
  shutdownDrainMs: 'Time that calls in flight get to finish at shutdown.',
  bodyReadMs: 'Time that a request body may take to arrive.',
  maxToolRounds: 'How often a model may call tools of the gateway within one request; then it has to answer.',
  toolCallMs: 'Time that one of these calls may take.',
  toolResultCharactersMax:
    'Characters of one result of a tool that a model is given; the rest is cut, and the model is told.',
};

/** `bodyBytesMax` as the file writes it: `body_bytes_max`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function limitField(name: LimitName) {
  const value = name.endsWith('Ms') ? duration('ms') : name.includes('Bytes') ? byteSize() : z.int();
  return setting(
    value.pipe(z.int().min(1, 'must be at least 1')).default(BOUNDS[name]),
    LIMIT_MEANINGS[name],
  );
}

const LIMIT_NAMES = Object.keys(BOUNDS) as LimitName[];

/** Section `limits`: the bounds of core/bounds.ts. */
export const limitsSchema = z.strictObject(
  Object.fromEntries(LIMIT_NAMES.map((name) => [snakeCase(name), limitField(name)])),
);

/** Bounds with what the file changes. */
export function resolveLimits(section: z.output<typeof limitsSchema>): Bounds {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, section[snakeCase(name)]])) as unknown as Bounds;
}

/** Variables that the file sets; those of the process win. */
const environmentSchema = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()], { error: 'must be text' }))
  .default({});

/** The whole file. Sections that are left out are empty. */
export const rootSchema = z.strictObject({
  general_settings: setting(generalSchema.prefault({}), 'The gateway itself.'),
  mcp_servers: serversSchema,
  mcp_settings: mcpSettingsSchema,
  mcp_aliases: aliasesSchema,
  virtual_keys: setting(z.array(virtualKeySchema).default([]), 'Keys, and what each may use.'),
  model_list: modelListSchema,
  litellm_settings: setting(litellmSchema.prefault({}), 'Settings of the model API, in LiteLLM spelling.'),
  router_settings: setting(
    routerSchema.extend(limitsRouterShape).prefault({}),
    'How models are chosen and replaced.',
  ),
  limits: setting(limitsSchema.prefault({}), 'Bounds on everything that holds or waits.'),
  ledger: setting(ledgerSchema.prefault({}), 'What is recorded of calls.'),
  telemetry: setting(telemetrySchema.prefault({}), 'Where traces are sent.'),
  environment_variables: setting(
    environmentSchema,
    'Environment variables for this file; those that are already set win.',
    { secret: true },
  ),
  include: setting(
    z.array(z.string()).optional(),
    'Further files, relative to this one: lists are appended, maps are merged.',
  ),
  ...inertShape(INERT_TOP),
});

export type RootSettings = z.output<typeof rootSchema>;
