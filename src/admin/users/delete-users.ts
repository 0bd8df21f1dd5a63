import { z } from 'zod';
import { operation } from '../operation.ts';

/** `POST /user/delete` */
export const deleteUsers = operation({
  method: 'POST',
  path: '/user/delete',
  who: 'management key',
  group: 'Users',
  summary: 'Deletes users with their keys, and takes them out of their teams. Answers how many.',
  body: z.strictObject({ user_ids: z.array(z.string().min(1).max(200)).min(1).max(1_000) }),
  example: { body: { user_ids: ['ada'] } },
  answer: z.int(),
  handle: async ({ body, by, principal }, deps) => {
    const deleted = await deps.keys.deleteUsers(body.user_ids, principal.alias ?? principal.id);
    for (const { id } of deleted) deps.audit('user-delete', principal, { user: id, by });
    return deleted.length;
  },
});
