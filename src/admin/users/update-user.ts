import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { UserRecord } from '../../keys/account-records.ts';
import { ignoredUserFields, warningsOf } from '../accounts/fields.ts';
import { everything } from '../accounts/list-query.ts';
import { shownUser } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { type AdminRequest, operation } from '../operation.ts';
import { invalidField } from '../read-input.ts';
import { shown } from './show.ts';
import { readUser, userFields } from './user-fields.ts';

const body = z
  .strictObject({ ...userFields, user_id: z.string().min(1).max(200).nullish() })
  .refine(({ user_id: id, user_email: email }) => Boolean(id ?? email), {
    path: ['user_id'],
    error: 'or user_email must say which user',
  });
type Body = z.output<typeof body>;
const { user_email: _email, ...fieldsOfAll } = userFields;

/** Users that one request names at most, as in LiteLLM. */
const USERS_MAX = 500;

/** `POST /user/update` */
export const updateUser = operation({
  method: 'POST',
  path: '/user/update',
  who: 'management key',
  group: 'Users',
  summary: 'Changes what is named of a user; null takes a value away.',
  body,
  example: { body: { user_id: 'ada', max_budget: 100 } },
  answer: z.object({ user_id: z.string(), data: shownUser, warnings: z.array(z.string()).optional() }),
  handle: async (request, deps) => {
    const user = await change(request.body, request, deps);
    return {
      user_id: user.id,
      data: await shown(user, deps),
      ...warningsOf(request.body, ignoredUserFields),
    };
  },
});

/** `POST /user/bulk_update` */
export const updateManyUsers = operation({
  method: 'POST',
  path: '/user/bulk_update',
  who: 'management key',
  group: 'Users',
  summary: 'Changes several users, or all of them in the same way, and says of each what became of it.',
  body: z.strictObject({
    users: z.array(body).max(USERS_MAX).nullish().describe('Each as in /user/update.'),
    all_users: z.boolean().nullish(),
    user_updates: z.strictObject(fieldsOfAll).nullish().describe('What changes of all_users.'),
  }),
  example: {
    body: {
      users: [
        { user_id: 'ada', max_budget: 100 },
        { user_id: 'bob', blocked: true },
      ],
    },
  },
  answer: z.object({
    results: z.array(
      z.object({
        user_id: z.string().nullable(),
        user_email: z.string().nullable(),
        success: z.boolean(),
        error: z.string().nullable(),
        updated_user: shownUser.nullable(),
      }),
    ),
    total_requested: z.int(),
    successful_updates: z.int(),
    failed_updates: z.int(),
  }),
  handle: async (request, deps) => {
    const asked = wanted(request.body, deps);
    const results = [];
    for (const one of asked) results.push(await tried(one, request, deps));
    const done = results.filter(({ success }) => success).length;
    return {
      results,
      total_requested: asked.length,
      successful_updates: done,
      failed_updates: asked.length - done,
    };
  },
});

function wanted(
  given: {
    readonly users?: readonly Body[] | null | undefined;
    readonly all_users?: boolean | null | undefined;
    readonly user_updates?: Omit<Body, 'user_id' | 'user_email'> | null | undefined;
  },
  { keys }: AdminDeps,
): readonly Body[] {
  const { users, all_users: isAll, user_updates: updates } = given;
  if (isAll !== true && users && users.length > 0) return users;
  if (isAll !== true || !updates || (users && users.length > 0))
    throw invalidField('users', 'must name users; or all_users must be true, with user_updates and no users');
  return everything((asked) => keys.listUsers(asked), {}).map(({ id }) => ({ ...updates, user_id: id }));
}

type Asked = Pick<AdminRequest<unknown, unknown, unknown>, 'by' | 'principal'>;

async function tried(given: Body, request: Asked, deps: AdminDeps) {
  const named = { user_id: given.user_id ?? null, user_email: given.user_email ?? null };
  try {
    const user = await change(given, request, deps);
    return { ...named, user_id: user.id, success: true, error: null, updated_user: await shown(user, deps) };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { ...named, success: false, error: error.message, updated_user: null };
  }
}

async function change(given: Body, { by, principal }: Asked, deps: AdminDeps): Promise<UserRecord> {
  const { id } = userOf(given.user_id ?? undefined, given.user_email ?? undefined, deps);
  const fields = Object.keys(given).filter((field) => field !== 'user_id');
  const user = await deps.keys.updateUser(
    id,
    (before) => readUser(given, before, deps.now()),
    principal.alias ?? principal.id,
  );
  deps.audit('user-update', principal, { user: user.id, fields, by });
  return user;
}

function userOf(id: string | undefined, email: string | undefined, { keys }: AdminDeps): UserRecord {
  const user =
    id === undefined
      ? everything((asked) => keys.listUsers(asked), { text: email ?? '' }).find((one) => one.email === email)
      : keys.findUser(id);
  if (user !== undefined) return user;
  throw new GatewayError(
    'user-unknown',
    { user: (id ?? email ?? '').slice(0, 100) },
    { data: { param: id === undefined ? 'user_email' : 'user_id' } },
  );
}
