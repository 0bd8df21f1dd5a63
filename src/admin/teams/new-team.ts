import { z } from 'zod';
import { withDefaults } from '../accounts/defaults.ts';
import { NEW } from '../accounts/read-fields.ts';
import { shownTeam } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { shown } from './show.ts';
import { member, toMember } from './member-fields.ts';
import { readTeam, teamFields, teamId, teamWarnings } from './team-fields.ts';

/** `POST /team/new` */
export const newTeam = operation({
  method: 'POST',
  path: '/team/new',
  who: 'management key',
  group: 'Teams',
  summary: 'Makes a team. What it may use and use up counts for each key of it.',
  body: z.strictObject({
    ...teamFields,
    team_id: teamId.nullish().describe('Without it, one is made.'),
    members_with_roles: z.array(member).max(10_000).nullish(),
  }),
  example: {
    body: {
      team_id: 'data',
      team_alias: 'Data',
      models: ['gpt-4o'],
      max_budget: 500,
      budget_duration: '30d',
      members_with_roles: [{ user_id: 'ada', role: 'admin' }],
    },
  },
  answer: shownTeam,
  handle: async ({ body: given, by, principal }, deps) => {
    const body = withDefaults(given, deps.accountDefaults.team);
    const team = await deps.keys.createTeam(
      {
        ...readTeam(body, NEW, deps.now()),
        ...(body.team_id ? { id: body.team_id } : {}),
        members: (body.members_with_roles ?? []).map((one) => toMember(one, undefined, deps)),
      },
      principal.alias ?? principal.id,
    );
    deps.audit('team-new', principal, { team: team.id, alias: team.alias, by });
    return { ...(await shown(team, deps)), ...teamWarnings(body) };
  },
});
