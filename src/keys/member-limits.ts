import { NO_LIMITS } from './account-json.ts';
import type { TeamRecord } from './account-records.ts';
import type { KeyLimits } from './keys-config.ts';

/**
 * What a user may use up of a team's: the limits of its membership, and where those say nothing, the ones that the team has for each of its users, which hold
 * for users who are no members too. Without a budget period of their own, budgets are renewed with the team's. `undefined`: nothing is limited.
 */
export function memberLimits(team: TeamRecord, user: string): KeyLimits | undefined {
  const own = team.members.find((member) => member.user === user)?.limits;
  const { memberLimits: common, limits: ofTeam } = team;
  if (own === undefined && common === undefined) return undefined;
  const durationMs = own?.budgetDurationMs ?? common?.budgetDurationMs;
  const limits: KeyLimits = {
    ...NO_LIMITS,
    maxBudget: own?.maxBudget ?? common?.maxBudget,
    budgetDurationMs: durationMs ?? ofTeam.budgetDurationMs,
    budgetResetAt: durationMs === undefined ? ofTeam.budgetResetAt : undefined,
    requestsPerMinute: own?.requestsPerMinute ?? common?.requestsPerMinute,
    tokensPerMinute: own?.tokensPerMinute ?? common?.tokensPerMinute,
  };
  const { maxBudget, requestsPerMinute, tokensPerMinute } = limits;
  return [maxBudget, requestsPerMinute, tokensPerMinute].every((limit) => limit === undefined)
    ? undefined
    : limits;
}
