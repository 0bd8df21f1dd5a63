import { GatewayError } from '../../core/errors.ts';
import type { TeamRecord } from '../../keys/account-records.ts';
import { showTeam } from '../accounts/show-account.ts';
import { spendOf, spendOfAll } from '../accounts/spend-of.ts';
import type { AdminDeps } from '../admin-ports.ts';

/** A team as it is answered, with what was spent. */
export async function shown(team: TeamRecord, deps: AdminDeps): Promise<Record<string, unknown>> {
  return showTeam(team, await spendOf('team', team, deps), deps);
}

/** Several teams. */
export async function shownAll(
  teams: readonly TeamRecord[],
  deps: AdminDeps,
): Promise<readonly Record<string, unknown>[]> {
  const spent = await spendOfAll('team', teams, deps);
  return teams.map((team) => showTeam(team, spent.get(team.id) ?? 0, deps));
}

/** A team by its id. Throws `team-unknown`. */
export function teamOf(id: string, { keys }: AdminDeps): TeamRecord {
  const team = keys.findTeam(id);
  if (team !== undefined) return team;
  throw new GatewayError('team-unknown', { team: id.slice(0, 100) }, { data: { param: 'team_id' } });
}
