import { z } from 'zod';
import type { UserRecord } from '../../keys/account-records.ts';
import { ignoredUserFields, warningsOf } from '../accounts/fields.ts';
import { newWithinBounds, withDefaults } from '../accounts/defaults.ts';
import { NEW, readKey } from '../accounts/read-fields.ts';
import { issuedKey, shownUser } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { issued } from '../keys/show.ts';
import { operation } from '../operation.ts';
import { readMemberLimits } from '../teams/member-fields.ts';
import { teamOf } from '../teams/show.ts';
import { shown } from './show.ts';
import { newUserFields, readUser } from './user-fields.ts';

const body = z.strictObject(newUserFields);
type Body = z.output<typeof body>;

/** `POST /user/new` */
export const newUser = operation({
  method: 'POST',
  path: '/user/new',
  who: 'management key',
  group: 'Users',
  summary: 'Makes a user, and a key for it unless auto_create_key is false.',
  body,
  example: {
    body: {
      user_id: 'ada',
      user_email: 'ada@example.com',
      max_budget: 50,
      budget_duration: '30d',
      auto_create_key: false,
    },
  },
  answer: shownUser.extend({ key: z.string().nullable(), token: issuedKey.shape.token.nullable() }),
  handle: async ({ body: asked, by, principal }, deps) => {
    const given = complete(asked, deps);
    const actor = principal.alias ?? principal.id;
    const teams = (given.teams ?? []).map((team) => (typeof team === 'string' ? { team_id: team } : team));
    for (const { team_id } of teams) teamOf(team_id, deps); // 404, before anything is made
    const user = await deps.keys.createUser(
      { ...readUser(given, NEW, deps.now()), ...(given.user_id ? { id: given.user_id } : {}) },
      actor,
    );
    for (const { team_id, ...member } of teams)
      await deps.keys.setMembers(team_id, [memberOf(user, member)], actor);
    deps.audit('user-new', principal, {
      user: user.id,
      role: user.role,
      teams: teams.map((team) => team.team_id),
      by,
    });
    const key = given.auto_create_key ? await keyFor(user, given, actor, deps) : { key: null, token: null };
    return { ...key, ...(await shown(user, deps)), ...warningsOf(given, ignoredUserFields) };
  },
});

/** A proxy_admin gets no defaults, as in LiteLLM. */
function complete(given: Body, { accountDefaults: { user, internalUser } }: AdminDeps): Body {
  if (given.user_role === 'proxy_admin') return given;
  const completed = withDefaults(given, user);
  return completed.user_role === 'internal_user' ? withDefaults(completed, internalUser) : completed;
}

function memberOf(
  user: UserRecord,
  given: {
    readonly user_role?: 'admin' | 'user' | null | undefined;
    readonly max_budget_in_team?: number | null | undefined;
  },
) {
  return {
    user: user.id,
    email: user.email,
    role: given.user_role ?? 'user',
    limits: readMemberLimits({ max_budget_in_team: given.max_budget_in_team }),
  } as const;
}

/** The user's rights are the key's; limits are not doubled, because those of the user count for each of its keys. What every key is bounded by, it gets. */
async function keyFor(
  user: UserRecord,
  given: Body,
  actor: string,
  deps: AdminDeps,
): Promise<Record<string, unknown>> {
  const bounded = readKey(newWithinBounds({}, deps.accountDefaults), NEW, deps.now());
  const ends = [user.expires, bounded.expires].filter((end) => end !== undefined);
  const key = await deps.keys.createKey(
    {
      ...bounded,
      user: user.id,
      alias: given.key_alias ?? undefined,
      team: given.team_id ?? undefined,
      models: user.models,
      mcp: user.mcp,
      expires: ends.length === 0 ? undefined : Math.min(...ends),
      allowedCacheControls: given.allowed_cache_controls ?? [],
      permissions: given.permissions ?? {},
      guardrails: given.guardrails ?? [],
    },
    actor,
  );
  return issued(key, deps);
}
