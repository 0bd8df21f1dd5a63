import { z } from 'zod';
import type { UserRecord } from '../../keys/account-records.ts';
import { everything, page, pageOf, pageSize, sortedBy, sortOrder } from '../accounts/list-query.ts';
import { shownUser } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { shownAll } from './show.ts';

const SORTS: Readonly<Record<string, (user: UserRecord) => string | number | undefined>> = {
  created_at: ({ createdAt }) => createdAt,
  user_id: ({ id }) => id,
  user_email: ({ email }) => email,
  user_alias: ({ alias }) => alias,
  user_role: ({ role }) => role,
};

/** `GET /user/list` */
export const listUsers = operation({
  method: 'GET',
  path: '/user/list',
  who: 'management key',
  group: 'Users',
  summary: 'The users, newest first, each with the number of its keys.',
  query: z.strictObject({
    role: z.string().optional(),
    user_ids: z.string().optional().describe('Comma-separated.'),
    sso_user_ids: z.string().optional().describe('No user has one.'),
    user_email: z.string().optional().describe('Text that the address contains.'),
    team: z.string().optional().describe('Only members of this team.'),
    page,
    page_size: pageSize,
    sort_by: z.enum(Object.keys(SORTS) as [string, ...string[]]).optional(),
    sort_order: sortOrder,
  }),
  example: { query: { page: 1, page_size: 25 } },
  answer: z.object({
    users: z.array(shownUser.extend({ key_count: z.int() })),
    total: z.int(),
    page: z.int(),
    page_size: z.int(),
    total_pages: z.int(),
  }),
  handle: async ({ query }, deps) => {
    const ids = query.user_ids?.split(',').map((id) => id.trim());
    const email = query.user_email?.toLowerCase();
    const all = everything((asked) => deps.keys.listUsers(asked), {
      ...(query.team === undefined ? {} : { team: query.team }),
    }).filter(
      (user) =>
        query.sso_user_ids === undefined &&
        (query.role === undefined || user.role === query.role) &&
        (ids === undefined || ids.includes(user.id)) &&
        (email === undefined || user.email?.toLowerCase().includes(email) === true),
    );
    const sorted = sortedBy(
      all,
      query.sort_by === undefined ? undefined : SORTS[query.sort_by],
      query.sort_order,
    );
    const { items, total, pages } = pageOf(sorted, query.page, query.page_size);
    const users = (await shownAll(items, deps)).map((user, index) => ({
      ...user,
      key_count: deps.keys.listKeys({ user: items[index]!.id, size: 1 }).total,
    }));
    return { users, total, page: query.page, page_size: query.page_size, total_pages: pages };
  },
});
