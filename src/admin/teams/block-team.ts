import { z } from 'zod';
import { shownTeam } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { shown } from './show.ts';
import { teamId } from './team-fields.ts';

const blocking = (blocked: boolean, path: string, summary: string) =>
  operation({
    method: 'POST',
    path,
    who: 'management key',
    group: 'Teams',
    summary,
    body: z.strictObject({ team_id: teamId }),
    example: { body: { team_id: 'data' } },
    answer: shownTeam,
    handle: async ({ body, by, principal }, deps) => {
      const team = await deps.keys.updateTeam(body.team_id, { blocked }, principal.alias ?? principal.id);
      deps.audit(blocked ? 'team-block' : 'team-unblock', principal, { team: team.id, by });
      return shown(team, deps);
    },
  });

/** `POST /team/block` */
export const blockTeam = blocking(true, '/team/block', 'Refuses every key of a team until it is unblocked.');
/** `POST /team/unblock` */
export const unblockTeam = blocking(false, '/team/unblock', 'Lets the keys of a blocked team in again.');
