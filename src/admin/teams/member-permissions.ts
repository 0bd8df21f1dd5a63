import { z } from 'zod';
import { shownTeam } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { MEMBER_PERMISSIONS } from '../rights.ts';
import { shown } from './show.ts';
import { memberPermissions, permissionWarnings, teamId } from './team-fields.ts';
import { administered } from './team-members.ts';

/** `GET /team/permissions_list` */
export const listPermissions = operation({
  method: 'GET',
  path: '/team/permissions_list',
  who: 'any key',
  group: 'Teams',
  summary:
    "What members who are no admins may do with the team's keys. Takes a management key, or one of an admin of the team.",
  query: z.strictObject({ team_id: teamId }),
  example: { query: { team_id: 'data' } },
  answer: z.object({
    team_id: z.string(),
    team_member_permissions: z.array(z.string()),
    all_available_permissions: z.array(z.string()),
  }),
  handle: ({ query, principal, reach }, deps) => {
    const team = administered(query.team_id, principal, reach, deps);
    return {
      team_id: team.id,
      team_member_permissions: team.memberPermissions,
      all_available_permissions: MEMBER_PERMISSIONS,
    };
  },
});

/** `POST /team/permissions_update` */
export const updatePermissions = operation({
  method: 'POST',
  path: '/team/permissions_update',
  who: 'any key',
  group: 'Teams',
  summary:
    "Says what members who are no admins may do with the team's keys. Takes a management key, or one of an admin of the team.",
  body: z.strictObject({ team_id: teamId, team_member_permissions: memberPermissions }),
  example: { body: { team_id: 'data', team_member_permissions: ['/key/info', '/key/list'] } },
  answer: shownTeam.extend({ warnings: z.array(z.string()).optional() }),
  handle: async ({ body, by, principal, reach }, deps) => {
    const before = administered(body.team_id, principal, reach, deps);
    const permissions = body.team_member_permissions;
    const team = await deps.keys.updateTeam(
      before.id,
      { memberPermissions: permissions },
      principal.alias ?? principal.id,
    );
    deps.audit('team-permissions', principal, { team: team.id, permissions, by });
    const warnings = permissionWarnings(permissions);
    return { ...(await shown(team, deps)), ...(warnings.length === 0 ? {} : { warnings }) };
  },
});
