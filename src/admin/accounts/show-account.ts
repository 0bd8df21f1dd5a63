import type { KeyRecord, McpGrant, TeamMember, TeamRecord, UserRecord } from '../../keys/account-records.ts';
import type { KeyLimits } from '../../keys/keys-config.ts';
import { type Calendar, periodAt } from '../../limits/budget-period.ts';
import { time } from '../time.ts';

/** Keys, users and teams as LiteLLM's tables show them; what LiteLLM does not have stands beside it under names of our own. */

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/** A duration as LiteLLM writes it: `30d`. `ms` in milliseconds. */
export function durationText(ms: number): string {
  const [unit, size] = UNITS.find(([, one]) => ms % one === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}

/** When something is shown. */
export interface Today {
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly calendar: Calendar;
}

/** The budget period that is running, in milliseconds since the Unix epoch; `undefined` for a budget that is not renewed. */
export function budgetPeriod(
  { budgetDurationMs, budgetResetAt }: KeyLimits,
  { now, calendar }: Today,
): { readonly from: number; readonly to: number } | undefined {
  return budgetDurationMs === undefined
    ? undefined
    : periodAt(now(), budgetDurationMs, budgetResetAt, calendar);
}

function limitsOf(limits: KeyLimits, today: Today): Record<string, unknown> {
  const period = budgetPeriod(limits, today);
  return {
    max_budget: limits.maxBudget ?? null,
    budget_duration: limits.budgetDurationMs === undefined ? null : durationText(limits.budgetDurationMs),
    budget_reset_at: period === undefined ? null : time(period.to),
    tpm_limit: limits.tokensPerMinute ?? null,
    rpm_limit: limits.requestsPerMinute ?? null,
    max_parallel_requests: limits.parallelRequests ?? null,
    model_max_budget: perModel(limits, ({ maxBudget, budgetDurationMs }) =>
      maxBudget === undefined
        ? undefined
        : {
            budget_limit: maxBudget,
            time_period: budgetDurationMs === undefined ? null : durationText(budgetDurationMs),
          },
    ),
  };
}

/** LiteLLM keeps these in the metadata. */
function modelRates(limits: KeyLimits): Record<string, unknown> {
  const rpm = perModel(limits, ({ requestsPerMinute }) => requestsPerMinute);
  const tpm = perModel(limits, ({ tokensPerMinute }) => tokensPerMinute);
  return {
    ...(Object.keys(rpm).length === 0 ? {} : { model_rpm_limit: rpm }),
    ...(Object.keys(tpm).length === 0 ? {} : { model_tpm_limit: tpm }),
  };
}

function perModel(
  { perModel: all = {} }: KeyLimits,
  what: (limits: NonNullable<KeyLimits['perModel']>[string]) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(all)
      .map(([model, limits]) => [model, what(limits)] as const)
      .filter(([, value]) => value !== undefined),
  );
}

function grantOf(mcp: McpGrant): Record<string, unknown> {
  return {
    mcp_servers: mcp.servers,
    mcp_access_groups: mcp.accessGroups,
    mcp_tool_permissions: mcp.toolPermissions,
    mcp_tools: mcp.tools ?? null,
    vector_stores: [],
  };
}

const moment = (ms: number | undefined): string | null => (ms === undefined ? null : time(ms));

const written = ({ createdAt, createdBy, updatedAt, updatedBy }: KeyRecord | UserRecord | TeamRecord) => ({
  created_at: time(createdAt),
  created_by: createdBy,
  updated_at: time(updatedAt),
  updated_by: updatedBy,
});

/** LiteLLM_VerificationToken. `spend` in US dollars. */
export function showKey(key: KeyRecord, spend: number, today: Today): Record<string, unknown> {
  return {
    token: key.digest,
    key_name: key.name,
    key_alias: key.alias ?? null,
    spend,
    soft_budget: key.limits.softBudget ?? null,
    ...limitsOf(key.limits, today),
    expires: moment(key.expires),
    models: key.models,
    aliases: key.modelAliases,
    config: {},
    user_id: key.user ?? null,
    team_id: key.team ?? null,
    organization_id: null,
    permissions: key.permissions,
    metadata: {
      ...key.metadata,
      ...(key.tags.length === 0 ? {} : { tags: key.tags }),
      ...(key.guardrails.length === 0 ? {} : { guardrails: key.guardrails }),
      ...modelRates(key.limits),
    },
    allowed_cache_controls: key.allowedCacheControls,
    allowed_routes: key.allowedRoutes,
    key_type: key.keyType,
    model_spend: {},
    soft_budget_cooldown: false,
    blocked: key.blocked,
    litellm_budget_table: null,
    object_permission: grantOf(key.mcp),
    ...written(key),
    tags: key.tags,
    allowed_ips: key.allowedIps,
    priority: key.priority ?? null,
    description: key.description ?? null,
    key_id: key.id,
    origin: key.origin,
    former_values_until: key.formerValues
      .filter(({ until }) => until > today.now())
      .map(({ until }) => time(until)),
  };
}

/** LiteLLM_UserTable. */
export function showUser(
  user: UserRecord,
  teams: readonly TeamRecord[],
  spend: number,
  today: Today,
): Record<string, unknown> {
  return {
    user_id: user.id,
    user_email: user.email ?? null,
    user_alias: user.alias ?? null,
    user_role: user.role ?? null,
    spend,
    ...limitsOf(user.limits, today),
    models: user.models,
    model_spend: {},
    teams: teams.map(({ id }) => id),
    organization_memberships: null,
    sso_user_id: null,
    blocked: user.blocked,
    metadata: { ...user.metadata, ...modelRates(user.limits) },
    object_permission: grantOf(user.mcp),
    expires: moment(user.expires),
    ...written(user),
  };
}

/** LiteLLM_TeamTable. */
export function showTeam(team: TeamRecord, spend: number, today: Today): Record<string, unknown> {
  const ofRole = (role: TeamMember['role']): readonly string[] =>
    team.members.filter((member) => member.role === role).map(({ user }) => user);
  return {
    team_id: team.id,
    team_alias: team.alias ?? null,
    organization_id: team.organization ?? null,
    admins: ofRole('admin'),
    members: ofRole('user'),
    members_with_roles: team.members.map(({ user, email, role }) => ({
      user_id: user,
      user_email: email ?? null,
      role,
    })),
    team_member_permissions: team.memberPermissions,
    metadata: { ...team.metadata, ...modelRates(team.limits) },
    spend,
    ...limitsOf(team.limits, today),
    models: team.models,
    model_id: null,
    litellm_model_table:
      Object.keys(team.modelAliases).length === 0 ? null : { model_aliases: team.modelAliases },
    blocked: team.blocked,
    object_permission: grantOf(team.mcp),
    team_member_budget_table:
      team.memberLimits === undefined ? null : budgetTable(commonBudgetId(team), team.memberLimits, today),
    ...written(team),
  };
}

/** LiteLLM_BudgetTable, of what one member may use up of a team's. */
function budgetTable(id: string, limits: KeyLimits, today: Today): Record<string, unknown> {
  return { budget_id: id, soft_budget: null, ...limitsOf(limits, today) };
}

/** LiteLLM_TeamMembership. `limits`: what counts for the member; `isOwn`: whether some of it was said of this member. `spend` in US dollars. */
export function showMembership(
  team: TeamRecord,
  { user, limits, isOwn }: { readonly user: string; readonly limits: KeyLimits; readonly isOwn: boolean },
  spend: number,
  today: Today,
): Record<string, unknown> {
  const id = isOwn ? `${team.id}:${user}` : commonBudgetId(team);
  return {
    user_id: user,
    team_id: team.id,
    budget_id: id,
    spend,
    litellm_budget_table: budgetTable(id, limits, today),
  };
}

const commonBudgetId = ({ id }: TeamRecord): string => `${id}:members`;
