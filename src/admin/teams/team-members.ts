import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { TeamMember, TeamRecord } from '../../keys/account-records.ts';
import { memberFields } from '../accounts/fields.ts';
import { shownTeam, shownUser } from '../accounts/shown.ts';
import type { AdminDeps, AdminPrincipal } from '../admin-ports.ts';
import { operation } from '../operation.ts';
import { invalidField } from '../read-input.ts';
import { isTeamAdmin } from '../rights.ts';
import type { Reach } from '../who.ts';
import { shownAll as shownUsers } from '../users/show.ts';
import { shown, teamOf } from './show.ts';
import { member, memberLimitFields, readMemberLimits, toMember } from './member-fields.ts';
import { memberships } from './memberships.ts';
import { teamId } from './team-fields.ts';

const which = z
  .strictObject({ ...memberFields, team_id: teamId })
  .refine(({ user_id: id, user_email: email }) => Boolean(id ?? email), {
    path: ['user_id'],
    error: 'or user_email must say who',
  });

/** `POST /team/member_add` */
export const addMembers = operation({
  method: 'POST',
  path: '/team/member_add',
  who: 'any key',
  group: 'Teams',
  summary: 'Makes users members of a team. Takes a management key, or one of an admin of the team.',
  body: z.strictObject({
    team_id: teamId,
    member: z.union([member, z.array(member).min(1).max(1_000)]),
    ...memberLimitFields,
  }),
  example: { body: { team_id: 'data', member: { user_id: 'ada', role: 'user' }, max_budget_in_team: 20 } },
  answer: shownTeam.extend({
    updated_users: z.array(shownUser),
    updated_team_memberships: z.array(z.unknown()),
  }),
  handle: async ({ body, by, principal, reach }, deps) => {
    const { id } = administered(body.team_id, principal, reach, deps);
    const limits = readMemberLimits(body);
    const members = [body.member].flat().map((one) => toMember(one, limits, deps));
    return add(id, members, { by, principal }, deps);
  },
});

async function add(
  id: string,
  members: readonly TeamMember[],
  { by, principal }: { readonly by: string; readonly principal: AdminPrincipal },
  deps: AdminDeps,
) {
  const team = await deps.keys.setMembers(
    id,
    (before) => {
      for (const { user } of members)
        if (before.members.some((one) => one.user === user))
          throw new GatewayError(
            'account-exists',
            { what: `member "${user}" of team "${id}"` },
            { data: { param: 'user_id', type: 'team_member_already_in_team' } },
          );
      return members;
    },
    principal.alias ?? principal.id,
  );
  deps.audit('team-member-add', principal, { team: team.id, users: members.map(({ user }) => user), by });
  const users = members.flatMap(({ user }) => deps.keys.findUser(user) ?? []);
  const added = new Set(members.map(({ user }) => user));
  return {
    ...(await shown(team, deps)),
    updated_users: await shownUsers(users, deps),
    updated_team_memberships: (await memberships(team, deps)).filter((one) =>
      added.has(String(one['user_id'])),
    ),
  };
}

/** `POST /team/member_delete` */
export const removeMember = operation({
  method: 'POST',
  path: '/team/member_delete',
  who: 'any key',
  group: 'Teams',
  summary: 'Takes a user out of a team. Takes a management key, or one of an admin of the team.',
  body: which,
  example: { body: { team_id: 'data', user_id: 'ada' } },
  answer: shownTeam.extend({ warnings: z.array(z.string()).optional() }),
  handle: async ({ body, by, principal, reach }, deps) => {
    const { user } = memberOf(administered(body.team_id, principal, reach, deps), body);
    const team = await deps.keys.removeMembers(body.team_id, [user], principal.alias ?? principal.id);
    deps.audit('team-member-delete', principal, { team: team.id, users: [user], by });
    const { total } = deps.keys.listKeys({ user, team: team.id, size: 1 });
    const warnings = [
      `${total} keys of this user belong to the team still; delete those that it must not use`,
    ];
    return { ...(await shown(team, deps)), ...(total === 0 ? {} : { warnings }) };
  },
});

/** `POST /team/member_update` */
export const updateMember = operation({
  method: 'POST',
  path: '/team/member_update',
  who: 'any key',
  group: 'Teams',
  summary: "Changes the role of a member, and what it may use up of the team's.",
  body: which.safeExtend({
    role: z.enum(['admin', 'user']).nullish(),
    ...memberLimitFields,
  }),
  example: { body: { team_id: 'data', user_id: 'ada', role: 'admin', max_budget_in_team: 100 } },
  answer: z.object({
    team_id: z.string(),
    user_id: z.string(),
    user_email: z.string().nullable(),
    max_budget_in_team: z.number().nullable(),
    tpm_limit: z.int().nullable(),
    rpm_limit: z.int().nullable(),
  }),
  handle: async ({ body, by, principal, reach }, deps) => {
    const { user } = memberOf(administered(body.team_id, principal, reach, deps), body);
    const team = await deps.keys.setMembers(
      body.team_id,
      (before) => {
        const old = memberOf(before, { user_id: user });
        return [{ ...old, role: body.role ?? old.role, limits: readMemberLimits(body, old.limits) }];
      },
      principal.alias ?? principal.id,
    );
    const { email, role, limits } = memberOf(team, { user_id: user });
    deps.audit('team-member-update', principal, { team: team.id, users: [user], role, by });
    return {
      team_id: team.id,
      user_id: user,
      user_email: email ?? null,
      max_budget_in_team: limits?.maxBudget ?? null,
      tpm_limit: limits?.tokensPerMinute ?? null,
      rpm_limit: limits?.requestsPerMinute ?? null,
    };
  },
});

/** The team, when the key may change it. Throws `team-unknown`, `admin-only`. */
export function administered(
  id: string,
  principal: AdminPrincipal,
  reach: Reach,
  deps: AdminDeps,
): TeamRecord {
  if (reach !== 'all' && reach !== 'manage' && !isTeamAdmin(principal, id, deps.keys))
    throw new GatewayError('admin-only');
  return teamOf(id, deps);
}

function memberOf(
  team: TeamRecord,
  {
    user_id: id,
    user_email: email,
  }: { readonly user_id?: string | null | undefined; readonly user_email?: string | null | undefined },
): TeamMember {
  const found = team.members.find((one) => (id ? one.user === id : one.email === email));
  if (found === undefined) throw invalidField('user_id', `is no member of team ${team.id}`);
  return found;
}
