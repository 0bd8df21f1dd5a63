import { calendarOf } from '../limits/budget-period.ts';
import type { UsageConfig } from '../limits/limits-config.ts';
import type { Account, LimitEvents, LimitSet } from '../limits/limits-ports.ts';
import type { TargetLimits } from '../limits/limits.ts';
import { errorChain, type Log } from '../telemetry/log.ts';

/** The limits of models and servers, as accounts. `canonical`: the name of the group that a model's name stands for. */
export function targetLimits(
  { models, servers, priority, timeZone }: UsageConfig,
  canonical: (model: string) => string,
): TargetLimits {
  return {
    models: accounts('model', models, (name) => `router_settings.model_group_limits.${name}`),
    servers: accounts('server', servers, (name) => `mcp_servers.${name}`),
    canonical,
    priority,
    calendar: calendarOf(timeZone),
  };
}

function accounts(
  scope: 'model' | 'server',
  all: Readonly<Record<string, LimitSet>>,
  source: (name: string) => string,
): ReadonlyMap<string, Account> {
  return new Map(Object.entries(all).map(([id, limits]) => [id, { scope, id, limits, source: source(id) }]));
}

/** Tells the operator. */
export function limitEvents(log: Log): LimitEvents {
  return {
    softBudget: ({ scope, id, source }, usd, soft) =>
      log.warn('a soft budget is passed', { scope, account: id, source, spentUsd: usd, softBudgetUsd: soft }),
    historyUnknown: ({ scope, id }, error) =>
      log.warn('what was spent before cannot be read, so that a budget counts from zero for now', {
        scope,
        account: id,
        reason: errorChain(error),
      }),
    sharedUp: (isBack) =>
      log.info(
        isBack
          ? 'limits are counted together through Redis again'
          : 'limits are counted together through Redis',
      ),
    sharedDown: (reason) =>
      log.warn('Redis is away: this process goes on with its share of every limit', { reason }),
    leftCounted: (run, budgets, usd) =>
      log.info('what a gateway had spent and told nobody when it ended is counted now', {
        run,
        budgets,
        mostUsd: usd,
      }),
  };
}
