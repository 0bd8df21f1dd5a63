import { z } from 'zod';
import type { KeyRecord } from '../../keys/account-records.ts';
import { everything, flag, page, pageOf, pageSize, sortedBy, sortOrder } from '../accounts/list-query.ts';
import { shownKey } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { maySeeKey, seesAll } from '../rights.ts';
import { shownAll } from './show.ts';

const SORTS: Readonly<Record<string, (key: KeyRecord) => string | number | undefined>> = {
  created_at: ({ createdAt }) => createdAt,
  updated_at: ({ updatedAt }) => updatedAt,
  expires: ({ expires }) => expires,
  key_alias: ({ alias }) => alias,
  user_id: ({ user }) => user,
  team_id: ({ team }) => team,
  max_budget: ({ limits }) => limits.maxBudget,
};

/** `GET /key/list` */
export const listKeys = operation({
  method: 'GET',
  path: '/key/list',
  who: 'any key',
  group: 'Keys',
  summary: 'The keys, newest first, as tokens or whole. A key sees itself and those of its user.',
  query: z.strictObject({
    page,
    size: pageSize,
    user_id: z.string().optional(),
    team_id: z.string().optional(),
    organization_id: z.string().optional().describe('No key has one, so the list is empty.'),
    key_hash: z.string().optional().describe('Only the key with this token.'),
    key_alias: z.string().optional(),
    return_full_object: flag.optional().describe('Whole keys instead of tokens.'),
    include_team_keys: flag.optional().describe('Also those of teams that the user administers.'),
    include_created_by_keys: flag.optional(),
    include_configured: flag
      .optional()
      .describe('Also the keys of the configuration, which can be changed there only.'),
    expand: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('LiteLLM has it; here it has no effect.'),
    sort_by: z.enum(Object.keys(SORTS) as [string, ...string[]]).optional(),
    sort_order: sortOrder,
  }),
  example: { query: { return_full_object: true, size: 100 } },
  answer: z.object({
    keys: z.array(z.union([z.string().describe('token'), shownKey])),
    total_count: z.int(),
    current_page: z.int(),
    total_pages: z.int(),
  }),
  handle: async ({ query, principal, reach }, deps) => {
    const { user_id: user, team_id: team } = query;
    const all = everything((asked) => deps.keys.listKeys(asked), {
      withConfigured: query.include_configured ?? false,
      ...(user === undefined ? {} : { user }),
      ...(team === undefined ? {} : { team }),
    }).filter(
      (key) =>
        query.organization_id === undefined &&
        (query.key_hash === undefined || key.digest === query.key_hash) &&
        (query.key_alias === undefined || key.alias === query.key_alias) &&
        (seesAll(reach) || maySeeKey(principal, reach, key, deps.keys, '/key/list')),
    );
    const sorted = sortedBy(
      all,
      query.sort_by === undefined ? undefined : SORTS[query.sort_by],
      query.sort_order,
    );
    const { items, total, pages } = pageOf(sorted, query.page, query.size);
    return {
      keys:
        query.return_full_object === true ? await shownAll(items, deps) : items.map(({ digest }) => digest),
      total_count: total,
      current_page: query.page,
      total_pages: pages,
    };
  },
});

/** `GET /key/aliases` */
export const listKeyAliases = operation({
  method: 'GET',
  path: '/key/aliases',
  who: 'management key',
  group: 'Keys',
  summary: 'The aliases of all keys, in alphabetical order.',
  example: {},
  answer: z.object({ aliases: z.array(z.string()) }),
  handle: (_request, { keys }) => ({
    aliases: everything((asked) => keys.listKeys(asked), { withConfigured: true })
      .flatMap(({ alias }) => (alias === undefined ? [] : [alias]))
      .sort(),
  }),
});
