import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { UserRecord } from '../../keys/account-records.ts';
import { ignoredUserFields, warningsOf } from '../accounts/fields.ts';
import { everything } from '../accounts/list-query.ts';
import { shownUser } from '../accounts/shown.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { operation } from '../operation.ts';
import { shown } from './show.ts';
import { readUser, userFields } from './user-fields.ts';

/** `POST /user/update` */
export const updateUser = operation({
  method: 'POST',
  path: '/user/update',
  who: 'management key',
  group: 'Users',
  summary: 'Changes what is named of a user; null takes a value away.',
  body: z
    .strictObject({ ...userFields, user_id: z.string().min(1).max(200).nullish() })
    .refine(({ user_id: id, user_email: email }) => Boolean(id ?? email), {
      path: ['user_id'],
      error: 'or user_email must say which user',
    }),
  example: { body: { user_id: 'ada', max_budget: 100 } },
  answer: z.object({ user_id: z.string(), data: shownUser, warnings: z.array(z.string()).optional() }),
  handle: async ({ body, by, principal }, deps) => {
    const before = userOf(body.user_id ?? undefined, body.user_email ?? undefined, deps);
    const change = readUser(body, before, deps.now());
    const user = await deps.keys.updateUser(before.id, change, principal.alias ?? principal.id);
    const fields = Object.keys(body).filter((field) => field !== 'user_id');
    deps.audit('user-update', principal, { user: user.id, fields, by });
    return { user_id: user.id, data: await shown(user, deps), ...warningsOf(body, ignoredUserFields) };
  },
});

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
