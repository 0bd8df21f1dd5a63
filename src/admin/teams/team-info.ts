import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import { everything } from '../accounts/list-query.ts';
import { shownKey, shownTeam } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { shownAll as shownKeys } from '../keys/show.ts';
import { operation } from '../operation.ts';
import { maySeeTeam, seesAll } from '../rights.ts';
import { memberships } from './memberships.ts';
import { shown, shownAll, teamOf } from './show.ts';
import { teamId } from './team-fields.ts';

const membership = z.looseObject({ user_id: z.string(), team_id: z.string() });

/** `GET /team/info` */
export const teamInfo = operation({
  method: 'GET',
  path: '/team/info',
  who: 'any key',
  group: 'Teams',
  summary: 'A team with its keys and members. A key may ask about its own team and those of its user.',
  query: z.strictObject({ team_id: teamId.optional().describe('Without it, the team of the key.') }),
  example: { query: { team_id: 'data' } },
  answer: z.object({
    team_id: z.string(),
    team_info: shownTeam,
    keys: z.array(shownKey),
    team_memberships: z.array(membership),
  }),
  handle: async ({ query, principal, reach }, deps) => {
    const id = query.team_id ?? principal.team;
    if (id === undefined) throw new GatewayError('request-invalid', { reason: 'team_id is missing' });
    if (!maySeeTeam(principal, reach, id, deps.keys))
      throw new GatewayError('team-unknown', { team: id.slice(0, 100) }, { data: { param: 'team_id' } });
    const team = teamOf(id, deps);
    return {
      team_id: team.id,
      team_info: await shown(team, deps),
      keys: await keysOf(team.id, deps),
      team_memberships: await memberships(team, deps),
    };
  },
});

/** `GET /team/list` */
export const listTeams = operation({
  method: 'GET',
  path: '/team/list',
  who: 'any key',
  group: 'Teams',
  summary: 'The teams with their keys and members, by alias. A key sees those of its user.',
  query: z.strictObject({
    user_id: z.string().optional().describe('Only teams of this user.'),
    organization_id: z.string().optional(),
  }),
  example: {},
  answer: z.array(shownTeam.extend({ keys: z.array(shownKey), team_memberships: z.array(membership) })),
  handle: async ({ query, principal, reach }, deps) => {
    const user = query.user_id ?? (seesAll(reach) ? undefined : principal.user);
    const found =
      user === undefined ? everything((asked) => deps.keys.listTeams(asked), {}) : deps.keys.teamsOf(user);
    const teams = found
      .filter(
        (team) =>
          maySeeTeam(principal, reach, team.id, deps.keys) &&
          (query.organization_id === undefined || team.organization === query.organization_id),
      )
      .sort((one, other) => ((one.alias ?? '') < (other.alias ?? '') ? -1 : 1));
    const all = [];
    for (const [index, team] of (await shownAll(teams, deps)).entries())
      all.push({
        ...team,
        keys: await keysOf(teams[index]!.id, deps),
        team_memberships: await memberships(teams[index]!, deps),
      });
    return all;
  },
});

function keysOf(team: string, deps: AdminDeps): Promise<readonly Record<string, unknown>[]> {
  return shownKeys(
    everything((asked) => deps.keys.listKeys(asked), { team }),
    deps,
  );
}
