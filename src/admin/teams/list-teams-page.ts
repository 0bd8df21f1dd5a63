import { z } from 'zod';
import type { TeamRecord } from '../../keys/account-records.ts';
import { everything, page, pageOf, pageSize, sortedBy, sortOrder } from '../accounts/list-query.ts';
import { shownTeam } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { maySeeTeam } from '../rights.ts';
import { shownAll } from './show.ts';

const SORTS: Readonly<Record<string, (team: TeamRecord) => string | number | undefined>> = {
  team_id: ({ id }) => id,
  team_alias: ({ alias }) => alias,
  created_at: ({ createdAt }) => createdAt,
};

/** `GET /v2/team/list` */
export const listTeamsPage = operation({
  method: 'GET',
  path: '/v2/team/list',
  who: 'any key',
  group: 'Teams',
  summary: 'The teams page by page, newest first. A key sees its own and those of its user.',
  query: z.strictObject({
    user_id: z.string().optional().describe('Only teams of this user.'),
    organization_id: z.string().optional(),
    team_id: z.string().optional(),
    team_alias: z.string().optional().describe('Text that the alias contains.'),
    page,
    page_size: pageSize,
    sort_by: z.enum(Object.keys(SORTS) as [string, ...string[]]).optional(),
    sort_order: sortOrder,
  }),
  example: { query: { team_alias: 'data', page: 1, page_size: 25 } },
  answer: z.object({
    teams: z.array(shownTeam.extend({ members_count: z.int(), keys_count: z.int() })),
    total: z.int(),
    page: z.int(),
    page_size: z.int(),
    total_pages: z.int(),
  }),
  handle: async ({ query, principal, reach }, deps) => {
    const alias = query.team_alias?.toLowerCase();
    const found = everything((asked) => deps.keys.listTeams(asked), {
      ...(query.user_id === undefined ? {} : { user: query.user_id }),
    }).filter(
      (team) =>
        maySeeTeam(principal, reach, team.id, deps.keys) &&
        (query.team_id === undefined || team.id === query.team_id) &&
        (query.organization_id === undefined || team.organization === query.organization_id) &&
        (alias === undefined || team.alias?.toLowerCase().includes(alias) === true),
    );
    const sorted = sortedBy(
      found,
      query.sort_by === undefined ? undefined : SORTS[query.sort_by],
      query.sort_order,
    );
    const { items, total, pages } = pageOf(sorted, query.page, query.page_size);
    const teams = (await shownAll(items, deps)).map((team, at) => ({
      ...team,
      members_count: items[at]!.members.length,
      keys_count: deps.keys.listKeys({ team: items[at]!.id, size: 1 }).total,
    }));
    return { teams, total, page: query.page, page_size: query.page_size, total_pages: pages };
  },
});
