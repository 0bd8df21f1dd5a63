import { z } from 'zod';
import { shownTeam } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { shown, teamOf } from './show.ts';
import { readTeam, teamFields, teamId, teamWarnings } from './team-fields.ts';

/** `POST /team/update` */
export const updateTeam = operation({
  method: 'POST',
  path: '/team/update',
  who: 'management key',
  group: 'Teams',
  summary: 'Changes what is named of a team; null takes a value away.',
  body: z.strictObject({ ...teamFields, team_id: teamId }),
  example: { body: { team_id: 'data', max_budget: 1000 } },
  answer: z.object({ team_id: z.string(), data: shownTeam, warnings: z.array(z.string()).optional() }),
  handle: async ({ body, by, principal }, deps) => {
    const { id } = teamOf(body.team_id, deps);
    const team = await deps.keys.updateTeam(
      id,
      (before) => readTeam(body, before, deps.now()),
      principal.alias ?? principal.id,
    );
    const fields = Object.keys(body).filter((field) => field !== 'team_id');
    deps.audit('team-update', principal, { team: team.id, fields, by });
    return { team_id: team.id, data: await shown(team, deps), ...teamWarnings(body) };
  },
});
