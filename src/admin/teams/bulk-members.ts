import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { TeamMember, TeamRecord } from '../../keys/account-records.ts';
import { everything } from '../accounts/list-query.ts';
import { shownTeam } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { operation } from '../operation.ts';
import { invalidField } from '../read-input.ts';
import { shown as shownUser } from '../users/show.ts';
import { member, memberLimitFields, readMemberLimits, toMember } from './member-fields.ts';
import { memberships } from './memberships.ts';
import { shown } from './show.ts';
import { teamId } from './team-fields.ts';
import { administered } from './team-members.ts';

/** Members that one request names at most, as in LiteLLM. */
const MEMBERS_MAX = 500;

/** What became of one who was named (LiteLLM: TeamMemberAddResult). */
interface Result {
  readonly user_id: string | null;
  readonly user_email: string | null;
  readonly success: boolean;
  readonly error: string | null;
  readonly updated_user: object | null;
  readonly updated_team_membership: object | null;
}

/** `POST /team/bulk_member_add` */
export const addManyMembers = operation({
  method: 'POST',
  path: '/team/bulk_member_add',
  who: 'any key',
  group: 'Teams',
  summary:
    'Makes many users members of a team, and says of each what became of it. Takes a management key, or one of an admin of the team.',
  body: z.strictObject({
    team_id: teamId,
    members: z.array(member).max(MEMBERS_MAX).nullish(),
    all_users: z
      .boolean()
      .nullish()
      .describe('All users that are no members yet, instead of members; takes a management key.'),
    ...memberLimitFields,
  }),
  example: {
    body: {
      team_id: 'data',
      members: [{ user_id: 'ada', role: 'admin' }, { user_id: 'bob' }],
      max_budget_in_team: 20,
    },
  },
  answer: z.object({
    team_id: z.string(),
    results: z.array(
      z.looseObject({
        user_id: z.string().nullable(),
        user_email: z.string().nullable(),
        success: z.boolean(),
        error: z.string().nullable(),
      }),
    ),
    total_requested: z.int(),
    successful_additions: z.int(),
    failed_additions: z.int(),
    updated_team: shownTeam.nullable(),
  }),
  handle: async ({ body, by, principal, reach }, deps) => {
    const before = administered(body.team_id, principal, reach, deps);
    // Who there is, an admin of a team need not know.
    if (body.all_users === true && reach === 'own') throw new GatewayError('admin-only');
    const asked = body.all_users === true ? strangers(before, deps) : (body.members ?? []);
    if (asked.length === 0)
      throw invalidField('members', 'must name somebody, or all_users must be true and find somebody');
    const limits = readMemberLimits(body);
    const known = new Set(before.members.map(({ user }) => user));
    const read = asked.map((one) => ({ one, read: newMember(one, known, limits, deps) }));
    const members = read.flatMap(({ read: found }) => (typeof found === 'string' ? [] : [found]));
    let users: readonly string[] = [];
    if (members.length > 0)
      await deps.keys.setMembers(
        before.id,
        // Who became a member meanwhile, stays as it was said there.
        (now) => {
          const added = members.filter(({ user }) => !now.members.some((one) => one.user === user));
          users = added.map(({ user }) => user);
          return added;
        },
        principal.alias ?? principal.id,
      );
    if (users.length > 0) deps.audit('team-member-add', principal, { team: before.id, users, by });
    const team = deps.keys.findTeam(before.id) ?? before;
    const shownMemberships = new Map(
      (await memberships(team, deps)).map((one) => [String(one['user_id']), one]),
    );
    const results: Result[] = [];
    for (const { one, read: found } of read) {
      const isAdded = typeof found !== 'string';
      const user = isAdded ? deps.keys.findUser(found.user) : undefined;
      results.push({
        user_id: isAdded ? found.user : (one.user_id ?? null),
        user_email: one.user_email ?? null,
        success: isAdded,
        error: isAdded ? null : found,
        updated_user: user === undefined ? null : await shownUser(user, deps),
        updated_team_membership: isAdded ? (shownMemberships.get(found.user) ?? null) : null,
      });
    }
    return {
      team_id: team.id,
      results,
      total_requested: asked.length,
      successful_additions: members.length,
      failed_additions: asked.length - members.length,
      updated_team: members.length === 0 ? null : await shown(team, deps),
    };
  },
});

function strangers(team: TeamRecord, { keys }: AdminDeps): readonly z.output<typeof member>[] {
  const known = new Set(team.members.map(({ user }) => user));
  return everything((asked) => keys.listUsers(asked), {})
    .filter(({ id }) => !known.has(id))
    .map(({ id }) => ({ user_id: id, role: 'user' }));
}

/** The member, who is known from now on; or why it is none. */
function newMember(
  given: z.output<typeof member>,
  known: Set<string>,
  limits: TeamMember['limits'],
  deps: AdminDeps,
): TeamMember | string {
  try {
    const made = toMember(given, limits, deps);
    if (known.has(made.user)) return 'is a member of the team already';
    known.add(made.user);
    return made;
  } catch (error) {
    if (error instanceof GatewayError) return error.message;
    throw error;
  }
}
