import { z } from 'zod';
import { budgetDuration, duration, ipRange } from '../../core/setting.ts';

/**
 * The fields of keys, users and teams as LiteLLM names them (litellm/proxy/_types.py, GenerateRequestBase and its heirs, 1.77). `null` is what
 * clients send for what they do not set; in a change it takes the value away.
 */

const name = z.string().min(1).max(200);
const names = z.array(z.string().min(1).max(200)).max(10_000);
const count = z.int().min(0);
const usd = z.number().nonnegative();
const map = <T extends z.ZodType>(value: T) => z.record(z.string().min(1).max(200), value);

const modelBudget = z.union([
  usd,
  z.strictObject({
    budget_limit: usd.nullish(),
    max_budget: usd.nullish(),
    time_period: budgetDuration().nullish(),
    budget_duration: budgetDuration().nullish(),
    tpm_limit: count.nullish(),
    rpm_limit: count.nullish(),
  }),
]);

/** What an account may use up. */
export const limitFields = {
  max_budget: usd.nullish().describe('US dollars in each budget period; without budget_duration, in all.'),
  budget_duration: budgetDuration().nullish().describe('Length of the budget period: 30s, 30m, 24h, 30d.'),
  tpm_limit: count.nullish().describe('Tokens per minute.'),
  rpm_limit: count.nullish().describe('Requests per minute.'),
  max_parallel_requests: count.nullish().describe('Requests at the same time.'),
  model_max_budget: map(modelBudget)
    .nullish()
    .describe('By model: {"budget_limit": US dollars, "time_period": "30d"}.'),
  model_rpm_limit: map(count).nullish().describe('By model: requests per minute.'),
  model_tpm_limit: map(count).nullish().describe('By model: tokens per minute.'),
};

const objectPermission = z
  .strictObject({
    mcp_servers: names.nullish().describe('MCP servers that may be used: names or aliases.'),
    mcp_access_groups: names.nullish(),
    mcp_tool_permissions: map(names).nullish().describe('By server: the tools that may be used of it.'),
    mcp_tools: names.nullish().describe('Tools that may be used, of whichever server.'),
    vector_stores: z.array(z.unknown()).nullish(),
    agents: z.array(z.unknown()).nullish(),
    agent_access_groups: z.array(z.unknown()).nullish(),
    mcp_toolsets: z.array(z.unknown()).nullish(),
  })
  .meta({ id: 'ObjectPermission' });

const NO_GUARDRAIL = 'must be left out: there are no guardrails here, so nothing would check what is sent';

/** LiteLLM's checks of what is sent. Refused rather than ignored: whoever names one relies on it. */
export const guardrails = z.array(name).max(0, NO_GUARDRAIL).nullish();

/** Names in `permissions` that grant something; any other one switches a guardrail on or off (LiteLLM, "permissions" of a key). */
const GRANTS = /^(?:get_spend_routes|allow_.*)$/;

/** Kept and shown; see `warningsOf`. */
export const permissions = z
  .record(z.string(), z.unknown())
  .refine((all) => Object.entries(all).every(([one, value]) => GRANTS.test(one) || isEmpty(value)), {
    error: NO_GUARDRAIL,
  })
  .nullish()
  .describe('Kept and shown; has no effect.');

/** Kept and shown. */
export const allowedCacheControls = names
  .nullish()
  .describe('Kept and shown; there is no cache of answers that it could be about.');

const metadata = z
  .record(z.string(), z.unknown())
  .refine(({ guardrails: named }) => isEmpty(named), { path: ['guardrails'], error: NO_GUARDRAIL })
  .nullish()
  .describe('Anything; not interpreted, except priority and what LiteLLM would take for guardrails.');

/** What keys, users and teams have in common. */
export const accountFields = {
  ...limitFields,
  models: names.nullish().describe('Models that may be used: names, names with a star, access groups.'),
  spend: usd.nullish().describe('What counts as spent until now, in US dollars.'),
  metadata,
  blocked: z.boolean().nullish(),
  object_permission: objectPermission.nullish().describe('What may be used of MCP.'),
};

/** What a key has beside that. */
export const keyFields = {
  ...accountFields,
  key_alias: name.nullish().describe('Name of the key in logs and in the ledger; no two keys have the same.'),
  duration: duration('s').nullish().describe('How long the key works, from now on: 30m, 24h, 30d.'),
  soft_budget: usd.nullish().describe('US dollars at which a warning is logged.'),
  aliases: map(z.string()).nullish().describe('Names that models have for this key.'),
  user_id: name.nullish(),
  team_id: name.nullish(),
  tags: names.nullish(),
  guardrails,
  permissions,
  allowed_cache_controls: allowedCacheControls,
  allowed_routes: names
    .nullish()
    .describe('llm_api_routes, info_routes, management_routes, paths, or paths that end in a star.'),
  key_type: z.enum(['default', 'llm_api', 'management', 'read_only']).nullish(),
  allowed_ips: z.array(ipRange()).nullish().describe('Addresses and ranges; without it, every address.'),
  priority: name.nullish().describe('Class of priority_reservation; also read from metadata.priority.'),
  description: z.string().max(2_000).nullish(),
};

/** Text that is a key, its digest (`token`), its id or its alias. */
export const keyRef = z
  .string()
  .min(1)
  .max(512)
  .describe('The key, its token (SHA-256), its id or its alias.');

/** The value of a new key. */
export const keyValue = z
  .string()
  .min(16, 'must have 16 characters at least')
  .max(512)
  .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII without spaces')
  .describe('The value; without it, one is made.');

/** A user in a list of members. */
export const memberFields = {
  user_id: name.nullish(),
  user_email: z.string().max(320).nullish(),
};

const IGNORED = [
  'config',
  'project_id',
  'budget_id',
  'enforced_params',
  'prompts',
  'send_invite_email',
  'organization_id',
  'temp_budget_increase',
  'temp_budget_expiry',
  'auto_rotate',
  'rotation_interval',
  'rpm_limit_type',
  'tpm_limit_type',
  'allowed_passthrough_routes',
  'allowed_vector_store_indexes',
  'router_settings',
] as const;

const IGNORED_OF_USERS = ['sso_user_id', 'organizations', 'password', 'invite_email'] as const;
const IGNORED_OF_TEAMS = [
  'admins',
  'members',
  'team_member_key_duration',
  'disable_global_guardrails',
  'secret_manager_settings',
] as const;

const ignored = <const Name extends string>(all: readonly Name[]) =>
  Object.fromEntries(
    all.map((one) => [
      one,
      z.unknown().optional().meta({ description: 'LiteLLM has it; here it has no effect.', inert: true }),
    ]),
  ) as Record<Name, z.ZodOptional<z.ZodUnknown>>;

/** LiteLLM's fields without effect here; a request that sets one is told so in `warnings`. */
export const ignoredKeyFields = ignored(IGNORED);
export const ignoredUserFields = ignored([...IGNORED, ...IGNORED_OF_USERS]);
export const ignoredTeamFields = ignored([
  ...IGNORED.filter((one) => one !== 'organization_id'),
  ...IGNORED_OF_TEAMS,
]);

const ALL_IGNORED: ReadonlySet<string> = new Set([...IGNORED, ...IGNORED_OF_USERS, ...IGNORED_OF_TEAMS]);

/** What a request set without effect, to be answered beside its result. */
export function warningsOf(
  body: object,
  own: Readonly<Record<string, unknown>>,
): { readonly warnings?: readonly string[] } {
  const without = Object.entries(body)
    .filter(([field, value]) => ALL_IGNORED.has(field) && field in own && !isEmpty(value))
    .map(([field]) => `${field} has no effect here`);
  const warnings = [...without, ...keptOnly(body, own)];
  return warnings.length === 0 ? {} : { warnings };
}

/** Fields that are kept and shown, and nothing else. */
const KEPT = ['permissions', 'organization_id'] as const;
const KEPT_OF_MCP = ['vector_stores', 'agents', 'agent_access_groups', 'mcp_toolsets'] as const;

function keptOnly(body: object, own: object): readonly string[] {
  const given = body as Readonly<Record<string, unknown>>;
  const ofMcp = (given['object_permission'] ?? {}) as Readonly<Record<string, unknown>>;
  return [
    ...KEPT.filter((field) => !(field in own) && !isEmpty(given[field])).map(
      (field) => `${field} is kept and shown, and has no effect here`,
    ),
    ...KEPT_OF_MCP.filter((field) => !isEmpty(ofMcp[field])).map(
      (field) => `object_permission.${field} has no effect here`,
    ),
  ];
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

type Infer<Shape extends z.core.$ZodLooseShape> = z.output<z.ZodObject<Shape>>;
export type AccountBody = Infer<typeof accountFields>;
export type KeyBody = Infer<typeof keyFields>;
