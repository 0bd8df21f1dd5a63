import { z } from 'zod';
import { operation } from '../operation.ts';
import { teamId } from './team-fields.ts';

/** `POST /team/delete` */
export const deleteTeams = operation({
  method: 'POST',
  path: '/team/delete',
  who: 'management key',
  group: 'Teams',
  summary: 'Deletes teams with their keys.',
  body: z.strictObject({ team_ids: z.array(teamId).min(1).max(1_000) }),
  example: { body: { team_ids: ['data'] } },
  answer: z.object({ deleted_teams: z.array(z.string()) }),
  handle: async ({ body, by, principal }, deps) => {
    const deleted = await deps.keys.deleteTeams(body.team_ids, principal.alias ?? principal.id);
    for (const { id } of deleted) deps.audit('team-delete', principal, { team: id, by });
    return { deleted_teams: deleted.map(({ id }) => id) };
  },
});
