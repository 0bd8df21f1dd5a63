import { z } from 'zod';
import { shownTeam } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { shown } from './show.ts';
import { teamId } from './team-fields.ts';
import { administered } from './team-members.ts';

/** LiteLLM's word for no model: an empty list of a team bounds nothing, so that taking the last model away would open all. */
const NONE = 'no-default-models';

const changing = (
  path: string,
  summary: string,
  action: string,
  change: (before: readonly string[], named: readonly string[]) => readonly string[],
) =>
  operation({
    method: 'POST',
    path,
    who: 'any key',
    group: 'Teams',
    summary,
    body: z.strictObject({ team_id: teamId, models: z.array(z.string().min(1).max(200)).min(1).max(1_000) }),
    example: { body: { team_id: 'data', models: ['gpt-4o-mini'] } },
    answer: shownTeam,
    handle: async ({ body, by, principal, reach }, deps) => {
      const { id } = administered(body.team_id, principal, reach, deps);
      const team = await deps.keys.updateTeam(
        id,
        ({ models }) => ({ models: change(models, body.models) }),
        principal.alias ?? principal.id,
      );
      deps.audit(action, principal, { team: team.id, models: body.models, by });
      return shown(team, deps);
    },
  });

/** `POST /team/model/add` */
export const addTeamModels = changing(
  '/team/model/add',
  'Gives a team more models; a team that has no list gets one, and may use nothing else then. Takes a management key, or one of an admin of the team.',
  'team-model-add',
  (before, named) => [...new Set([...before.filter((model) => model !== NONE), ...named])],
);
/** `POST /team/model/delete` */
export const removeTeamModels = changing(
  '/team/model/delete',
  'Takes models away from a team. Without the last one, it may use none.',
  'team-model-delete',
  (before, named) => {
    const left = before.filter((model) => !named.includes(model));
    return left.length === 0 && before.length > 0 ? [NONE] : left;
  },
);
