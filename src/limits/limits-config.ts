import { z } from 'zod';
import { type ConfigReport, budgetDuration, duration, secretText, setting } from '../core/setting.ts';
import { Secret } from '../core/secret.ts';
import type { LimitSet } from './limits-ports.ts';
import { isTimeZone } from './meters/calendar.ts';

/** What calls of a server's tools cost, in US dollars. */
export interface ToolCosts {
  readonly standard: number | undefined;
  /** By original name. */
  readonly byTool: Readonly<Record<string, number>>;
}

/** What may be used up in all, whoever uses it; and what tools cost. */
export interface UsageConfig {
  /** By the name of the model group. */
  readonly models: Readonly<Record<string, LimitSet>>;
  /** By server. */
  readonly servers: Readonly<Record<string, LimitSet>>;
  readonly toolCosts: Readonly<Record<string, ToolCosts>>;
  readonly priority: PriorityConfig;
  /** In whose days, weeks and months budget periods are counted; a name of the IANA database. */
  readonly timeZone: string;
  /** Redis or Valkey through which processes count together. */
  readonly redisUrl: Secret | undefined;
}

export interface PriorityConfig {
  /** Share of each class, 0 to 1; requests wait for their turn where there is any. */
  readonly reservation: Readonly<Record<string, number>>;
  /** How long a request waits at most. */
  readonly waitMs: number;
}

const count = z.int().min(0).optional();
const dollars = z.number().nonnegative().optional();

/** Limits of one model group. */
const groupLimits = z.strictObject({
  rpm_limit: setting(count, 'Requests per minute at most.'),
  tpm_limit: setting(count, 'Tokens per minute at most.'),
  max_parallel_requests: setting(count, 'Requests in flight at the same time at most.'),
  max_budget: setting(dollars, 'US dollars that may be spent in each budget period.'),
  soft_budget: setting(dollars, 'US dollars at which a warning is logged.'),
  budget_duration: setting(budgetDuration().optional(), 'Length of the budget period, for example "30d".'),
});

/** Keys of `router_settings` that belong to limits. */
export const limitsRouterShape = {
  model_group_limits: setting(
    z.record(z.string(), groupLimits).default({}),
    'What may be used up of a model in all, by its name in model_list. Where priority_reservation is set and nothing is said here, the rpm and tpm of its deployments together count.',
  ),
  redis_url: setting(secretText().optional(), 'The same as general_settings.redis_url.'),
};

/** Keys of `general_settings` that belong to limits. */
export const limitsGeneralShape = {
  redis_url: setting(
    secretText().optional(),
    'Redis or Valkey through which several gateways count limits together: redis://:password@host:6379/0, or rediss:// for TLS. Without it, every process counts for itself.',
    { env: ['REDIS_URL'] },
  ),
};

/** Keys of `litellm_settings` that belong to limits. */
export const limitsLitellmShape = {
  timezone: setting(
    z
      .string()
      .refine(isTimeZone, 'must be a time zone of the IANA database, such as Europe/Berlin or UTC')
      .default('UTC'),
    'Time zone in which budget periods begin: days at its midnight, weeks on its Mondays, months on their first.',
  ),
  priority_reservation: setting(
    z.record(z.string(), z.number().min(0).max(1)).default({}),
    'Share of each priority class of a limited model, from 0 to 1. Requests over the limit then wait for their turn.',
  ),
  priority_queue_timeout: setting(
    duration('s').default(10_000),
    'How long a request waits for its turn at most, where priority_reservation is set; a bare number counts seconds.',
  ),
};

interface ServerUse {
  readonly rpm_limit?: number | undefined;
  readonly max_parallel_requests?: number | undefined;
  readonly max_budget?: number | undefined;
  readonly soft_budget?: number | undefined;
  readonly budget_duration?: number | undefined;
  readonly mcp_info?:
    | {
        readonly mcp_server_cost_info?:
          | {
              readonly default_cost_per_query?: number | null | undefined;
              readonly tool_name_to_cost_per_query: Readonly<Record<string, number>>;
            }
          | undefined;
      }
    | undefined;
}

export interface UsageInput {
  readonly servers: Readonly<Record<string, ServerUse>>;
  readonly groups: Readonly<Record<string, z.output<typeof groupLimits>>>;
  /** Deployments: the name of the group, and what each takes per minute. */
  readonly models: readonly {
    readonly name: string;
    readonly requestsPerMinute: number | undefined;
    readonly tokensPerMinute: number | undefined;
  }[];
  readonly reservation: Readonly<Record<string, number>>;
  readonly waitMs: number;
  readonly timeZone: string;
  readonly redis: {
    readonly url: Secret | undefined;
    readonly host: string | undefined;
    readonly port: number | undefined;
    readonly password: Secret | undefined;
  };
}

/** The slice of limits that are nobody's own. */
export function resolveUsage(input: UsageInput, report: ConfigReport): UsageConfig {
  const names = new Set(input.models.map(({ name }) => name));
  for (const name of Object.keys(input.groups))
    if (!names.has(name))
      report.warning(
        ['router_settings', 'model_group_limits', name],
        'limits no model: there is none of that name in model_list',
      );
  const total = Object.values(input.reservation).reduce((sum, share) => sum + share, 0);
  if (total > 1.000_001)
    report.warning(
      ['litellm_settings', 'priority_reservation'],
      `reserves ${Math.round(total * 100)} % of each model; every share is made smaller by as much`,
    );
  const isQueued = Object.keys(input.reservation).length > 0;
  return {
    models: limited({
      ...(isQueued ? deploymentLimits(input.models) : {}),
      ...Object.fromEntries(
        Object.entries(input.groups).map(([name, limits]) => [
          name,
          { ...limitSet(limits), tokensPerMinute: limits.tpm_limit },
        ]),
      ),
    }),
    servers: limited(
      Object.fromEntries(Object.entries(input.servers).map(([name, entry]) => [name, limitSet(entry)])),
    ),
    toolCosts: Object.fromEntries(
      Object.entries(input.servers).flatMap(([name, { mcp_info: info }]) => {
        const costs = info?.mcp_server_cost_info;
        if (costs === undefined) return [];
        const { default_cost_per_query: standard, tool_name_to_cost_per_query: byTool } = costs;
        return [[name, { standard: standard ?? undefined, byTool }]];
      }),
    ),
    priority: {
      reservation: Object.fromEntries(
        Object.entries(input.reservation).map(([name, share]) => [name, share / Math.max(1, total)]),
      ),
      waitMs: input.waitMs,
    },
    timeZone: input.timeZone,
    redisUrl: redisUrl(input.redis),
  };
}

/** Those of which something is limited. */
function limited(all: Readonly<Record<string, LimitSet>>): Readonly<Record<string, LimitSet>> {
  return Object.fromEntries(
    Object.entries(all).filter(([, limits]) => Object.values(limits).some((limit) => limit !== undefined)),
  );
}

function limitSet(entry: Omit<ServerUse, 'mcp_info'>): LimitSet {
  return {
    requestsPerMinute: entry.rpm_limit,
    parallelRequests: entry.max_parallel_requests,
    maxBudget: entry.max_budget,
    softBudget: entry.soft_budget,
    budgetDurationMs: entry.budget_duration,
  };
}

/** What all deployments of a group take together, where each of them says it. */
function deploymentLimits(models: UsageInput['models']): Record<string, LimitSet> {
  const groups = Map.groupBy(models, ({ name }) => name);
  return Object.fromEntries(
    [...groups].map(([name, members]) => [
      name,
      {
        requestsPerMinute: sumOf(members.map(({ requestsPerMinute }) => requestsPerMinute)),
        tokensPerMinute: sumOf(members.map(({ tokensPerMinute }) => tokensPerMinute)),
      },
    ]),
  );
}

function sumOf(list: readonly (number | undefined)[]): number | undefined {
  let sum = 0;
  for (const one of list) {
    if (one === undefined) return undefined;
    sum += one;
  }
  return sum;
}

function redisUrl({ url, host, port, password }: UsageInput['redis']): Secret | undefined {
  if (url !== undefined || host === undefined) return url;
  const login = password === undefined ? '' : `:${encodeURIComponent(password.reveal())}@`;
  return new Secret(`redis://${login}${host.includes(':') ? `[${host}]` : host}:${port ?? 6_379}`);
}
