import type { KeyChange, McpGrant, Metadata } from '../../keys/account-records.ts';
import type { KeyLimits, ModelLimits } from '../../keys/keys-config.ts';
import type { AccountBody, KeyBody } from './fields.ts';

/** What is common to keys, users and teams, as the directory takes it. */
type CommonChange = Pick<KeyChange, 'models' | 'limits' | 'spendBase' | 'blocked' | 'metadata' | 'mcp'>;

/** What an account has before a change; of a new one, nothing. */
export interface Before {
  readonly limits: KeyLimits;
  readonly mcp: McpGrant;
  readonly metadata: Metadata;
}

const NO_LIMITS: KeyLimits = {
  maxBudget: undefined,
  softBudget: undefined,
  budgetDurationMs: undefined,
  requestsPerMinute: undefined,
  tokensPerMinute: undefined,
  parallelRequests: undefined,
};

const NOTHING: McpGrant = { servers: [], accessGroups: [], tools: undefined, toolPermissions: {} };

/** A new account's. */
export const NEW: Before = { limits: NO_LIMITS, mcp: NOTHING, metadata: {} };

/** Reads the common fields; only what the body names is in the answer. `now` in milliseconds since the Unix epoch. */
export function readCommon(
  body: AccountBody & { readonly soft_budget?: number | null | undefined },
  before: Before,
  now: number,
): CommonChange {
  return {
    ...(body.models === undefined ? {} : { models: body.models ?? [] }),
    ...(body.blocked === undefined ? {} : { blocked: body.blocked ?? false }),
    ...(body.metadata === undefined ? {} : { metadata: body.metadata ?? {} }),
    ...(typeof body.spend === 'number' ? { spendBase: { usd: body.spend, at: now } } : {}),
    ...(touchesLimits(body) ? { limits: readLimits(body, before.limits) } : {}),
    ...(body.object_permission === undefined ? {} : { mcp: readGrant(body.object_permission, before.mcp) }),
  };
}

/** Reads the fields of a key. */
export function readKey(body: KeyBody, before: Before, now: number): KeyChange {
  const priority = body.priority ?? priorityIn(body.metadata);
  return {
    ...readCommon(body, before, now),
    ...(body.key_alias === undefined ? {} : { alias: body.key_alias ?? undefined }),
    ...(body.description === undefined ? {} : { description: body.description ?? undefined }),
    ...(body.user_id === undefined ? {} : { user: body.user_id ?? undefined }),
    ...(body.team_id === undefined ? {} : { team: body.team_id ?? undefined }),
    ...(body.duration === undefined
      ? {}
      : { expires: body.duration === null ? undefined : now + body.duration }),
    ...(body.aliases === undefined ? {} : { modelAliases: body.aliases ?? {} }),
    ...(body.tags === undefined ? {} : { tags: body.tags ?? [] }),
    ...(body.guardrails === undefined ? {} : { guardrails: body.guardrails ?? [] }),
    ...(body.permissions === undefined ? {} : { permissions: body.permissions ?? {} }),
    ...(body.allowed_cache_controls === undefined
      ? {}
      : { allowedCacheControls: body.allowed_cache_controls ?? [] }),
    ...(body.allowed_routes === undefined ? {} : { allowedRoutes: body.allowed_routes ?? [] }),
    ...(body.key_type === undefined ? {} : { keyType: body.key_type ?? 'default' }),
    ...(body.allowed_ips === undefined ? {} : { allowedIps: body.allowed_ips ?? [] }),
    ...(body.priority === undefined && priority === undefined ? {} : { priority }),
  };
}

/** LiteLLM's place for it (docs, "Dynamic TPM/RPM Allocation"). */
function priorityIn(metadata: Metadata | null | undefined): string | undefined {
  const priority = metadata?.['priority'];
  return typeof priority === 'string' ? priority : undefined;
}

const LIMIT_NAMES = [
  'max_budget',
  'soft_budget',
  'budget_duration',
  'tpm_limit',
  'rpm_limit',
  'max_parallel_requests',
  'model_max_budget',
  'model_rpm_limit',
  'model_tpm_limit',
] as const;

function touchesLimits(body: object): boolean {
  return LIMIT_NAMES.some((name) => (body as Readonly<Record<string, unknown>>)[name] !== undefined);
}

/** A value that is not named stays, one that is `null` goes. */
const kept = <T>(given: T | null | undefined, before: T | undefined): T | undefined =>
  given === undefined ? before : (given ?? undefined);

function readLimits(
  body: AccountBody & { readonly soft_budget?: number | null | undefined },
  before: KeyLimits,
): KeyLimits {
  const budgetDurationMs = kept(body.budget_duration, before.budgetDurationMs);
  return {
    maxBudget: kept(body.max_budget, before.maxBudget),
    softBudget: kept(body.soft_budget, before.softBudget),
    budgetDurationMs,
    requestsPerMinute: kept(body.rpm_limit, before.requestsPerMinute),
    tokensPerMinute: kept(body.tpm_limit, before.tokensPerMinute),
    parallelRequests: kept(body.max_parallel_requests, before.parallelRequests),
    // Another length has periods of its own.
    budgetResetAt: budgetDurationMs === before.budgetDurationMs ? before.budgetResetAt : undefined,
    perModel: readPerModel(body, before.perModel ?? {}),
  };
}

function readPerModel(
  body: AccountBody,
  before: Readonly<Record<string, ModelLimits>>,
): Readonly<Record<string, ModelLimits>> | undefined {
  const { model_max_budget: budgets, model_rpm_limit: rpm, model_tpm_limit: tpm } = body;
  if (budgets === undefined && rpm === undefined && tpm === undefined) return before;
  const models = new Set([before, budgets, rpm, tpm].flatMap((one) => Object.keys(one ?? {})));
  const all = [...models].map((model): [string, ModelLimits] => {
    const old = before[model];
    const given = budgets?.[model];
    const budget = typeof given === 'number' ? { budget_limit: given } : given;
    return [
      model,
      {
        maxBudget:
          budgets === undefined ? old?.maxBudget : (budget?.budget_limit ?? budget?.max_budget ?? undefined),
        budgetDurationMs:
          budgets === undefined
            ? old?.budgetDurationMs
            : (budget?.time_period ?? budget?.budget_duration ?? undefined),
        requestsPerMinute: rpm === undefined ? (budget?.rpm_limit ?? old?.requestsPerMinute) : rpm?.[model],
        tokensPerMinute: tpm === undefined ? (budget?.tpm_limit ?? old?.tokensPerMinute) : tpm?.[model],
      },
    ];
  });
  return Object.fromEntries(
    all.filter(([, limits]) => Object.values(limits).some((value) => value !== undefined)),
  );
}

function readGrant(given: AccountBody['object_permission'], before: McpGrant): McpGrant {
  if (given === null || given === undefined) return NOTHING;
  return {
    servers: given.mcp_servers === undefined ? before.servers : (given.mcp_servers ?? []),
    accessGroups:
      given.mcp_access_groups === undefined ? before.accessGroups : (given.mcp_access_groups ?? []),
    tools: kept(given.mcp_tools, before.tools),
    toolPermissions:
      given.mcp_tool_permissions === undefined ? before.toolPermissions : (given.mcp_tool_permissions ?? {}),
  };
}
