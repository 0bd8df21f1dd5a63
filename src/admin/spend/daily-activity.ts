import { z } from 'zod';
import type { UsageDimension, UsageRow } from '../../ledger/ledger-ports.ts';
import { page, pageOf } from '../accounts/list-query.ts';
import type { AdminDeps, AdminPrincipal } from '../admin-ports.ts';
import { operation } from '../operation.ts';
import { maySeeTeam, seesAll } from '../rights.ts';
import { date, openPeriodOf } from './period.ts';
import type { Reach } from '../who.ts';
import { add, keyIdOf, ownFilter, sumBy, tokenOf, used } from './used.ts';

/** litellm/types/proxy/management_endpoints/common_daily_activity.py. */
const metrics = z
  .object({
    spend: z.number(),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    cache_read_input_tokens: z.int(),
    cache_creation_input_tokens: z.int(),
    total_tokens: z.int(),
    successful_requests: z.int(),
    failed_requests: z.int(),
    api_requests: z.int(),
  })
  .meta({ id: 'Metrics' });
const breakdown = z.record(z.string(), z.looseObject({ metrics }));
const answer = z
  .object({
    results: z.array(
      z.object({
        date: z.string(),
        metrics,
        breakdown: z.object({
          mcp_servers: breakdown,
          models: breakdown,
          model_groups: breakdown,
          providers: breakdown,
          api_keys: breakdown,
          entities: breakdown,
        }),
      }),
    ),
    metadata: z.looseObject({ total_spend: z.number(), total_api_requests: z.int(), page: z.int() }),
  })
  .meta({ id: 'DailyActivity' });

const dayQuery = {
  start_date: date,
  end_date: date,
  model: z.string().optional(),
  api_key: z.string().optional().describe('The key, its token, its alias or its id.'),
};
const query = {
  ...dayQuery,
  page,
  page_size: z.coerce.number().int().min(1).max(1_000).default(1_000).describe('Days on a page.'),
  exclude_team_ids: z.string().optional().describe('Comma-separated.'),
};

type UsersAsked = z.output<z.ZodObject<typeof query>> & { readonly user_id?: string | undefined };

/** `GET /user/daily/activity` */
export const userDailyActivity = operation({
  method: 'GET',
  path: '/user/daily/activity',
  who: 'any key',
  group: 'Users',
  summary: 'What was used on each day, by model, key, provider and MCP server. A key sees that of its user.',
  query: z.strictObject({ ...query, user_id: z.string().optional().describe('Only this user.') }),
  example: { query: { start_date: '2026-11-01', end_date: '2026-11-30' } },
  answer,
  handle: ({ query: asked, principal, reach }, deps) => ofUsers(asked, principal, reach, deps),
});

/** `GET /user/daily/activity/aggregated` */
export const userDailyActivityWhole = operation({
  method: 'GET',
  path: '/user/daily/activity/aggregated',
  who: 'any key',
  group: 'Users',
  summary: 'The same, all days at once.',
  query: z.strictObject({ ...dayQuery, user_id: z.string().optional().describe('Only this user.') }),
  example: { query: { start_date: '2026-11-01', end_date: '2026-11-30' } },
  answer,
  handle: ({ query: asked, principal, reach }, deps) =>
    ofUsers({ ...asked, page: 1, page_size: Number.MAX_SAFE_INTEGER }, principal, reach, deps),
});

async function ofUsers(
  asked: UsersAsked,
  principal: AdminPrincipal,
  reach: Reach,
  deps: AdminDeps,
): Promise<Record<string, unknown>> {
  await deps.flush();
  const filter = {
    ...(asked.user_id === undefined ? {} : { user: asked.user_id }),
    ...filterOf(asked, deps),
    ...ownFilter(principal, reach),
  };
  const rows = await used(
    deps,
    openPeriodOf(asked.start_date, asked.end_date, deps.now()),
    DIMENSIONS,
    filter,
  );
  return report(rows, asked, 'user', deps);
}

/** `GET /team/daily/activity` */
export const teamDailyActivity = operation({
  method: 'GET',
  path: '/team/daily/activity',
  who: 'any key',
  group: 'Teams',
  summary: 'What teams used on each day. A key sees its own team and those of its user.',
  query: z.strictObject({
    ...query,
    team_ids: z.string().optional().describe('Comma-separated; only these.'),
  }),
  example: { query: { team_ids: 'data', start_date: '2026-11-01', end_date: '2026-11-30' } },
  answer,
  handle: async ({ query: asked, principal, reach }, deps) => {
    await deps.flush();
    const wanted = listOf(asked.team_ids);
    const without = listOf(asked.exclude_team_ids) ?? [];
    const period = openPeriodOf(asked.start_date, asked.end_date, deps.now());
    const rows = (await used(deps, period, [...DIMENSIONS, 'team'], filterOf(asked, deps))).filter(
      ({ group: { team = '' } }) =>
        team !== '' &&
        (wanted === undefined || wanted.includes(team)) &&
        !without.includes(team) &&
        (seesAll(reach) || maySeeTeam(principal, reach, team, deps.keys)),
    );
    return report(rows, asked, 'team', deps);
  },
});

const DIMENSIONS: readonly UsageDimension[] = ['day', 'key', 'user', 'model', 'deployment', 'server'];

function filterOf(
  asked: { readonly model?: string | undefined; readonly api_key?: string | undefined },
  deps: AdminDeps,
): { readonly model?: string; readonly key?: string } {
  return {
    ...(asked.model === undefined ? {} : { model: asked.model }),
    ...(asked.api_key === undefined ? {} : { key: keyIdOf(asked.api_key, deps) }),
  };
}

function listOf(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function report(
  rows: readonly UsageRow[],
  { page: number, page_size: size }: { readonly page: number; readonly page_size: number },
  entity: 'user' | 'team',
  deps: AdminDeps,
): Record<string, unknown> {
  const days = [...new Set(rows.map(({ group }) => group.day ?? ''))].sort().reverse();
  const { items, pages } = pageOf(days, number, size);
  const total = measure(rows);
  return {
    results: items.map((day) => {
      const ofDay = rows.filter(({ group }) => group.day === day);
      return { date: day, metrics: measure(ofDay), breakdown: breakdownOf(ofDay, entity, deps) };
    }),
    metadata: {
      ...Object.fromEntries(
        Object.entries(total).map(([name, value]) => [`total_${name.replace(/^total_/, '')}`, value]),
      ),
      page: number,
      total_pages: pages,
      has_more: number < pages,
    },
  };
}

function measure(rows: readonly UsageRow[]): z.input<typeof metrics> {
  const sum = rows.length === 0 ? undefined : rows.reduce((one, other) => add(one, other));
  const { requests = 0, failures = 0, promptTokens = 0, completionTokens = 0, cost = 0 } = sum ?? {};
  return {
    spend: cost,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
    total_tokens: promptTokens + completionTokens,
    successful_requests: requests - failures,
    failed_requests: failures,
    api_requests: requests,
  };
}

function breakdownOf(
  rows: readonly UsageRow[],
  entity: 'user' | 'team',
  deps: AdminDeps,
): Record<string, unknown> {
  const by = (
    nameOf: (row: UsageRow) => string | undefined,
    metadataOf: (name: string) => Record<string, unknown> = () => ({}),
  ): Record<string, unknown> =>
    Object.fromEntries(
      sumBy(rows, nameOf).map(([name, sum]) => [
        name,
        { metrics: measure([sum]), metadata: metadataOf(name), api_key_breakdown: {} },
      ]),
    );
  const models = by(({ group }) => group.model);
  return {
    mcp_servers: by(({ group }) => group.server),
    models,
    model_groups: models,
    providers: by(({ group }) => group.deployment && deps.models.provider(group.deployment)),
    api_keys: by(
      ({ group }) => tokenOf(group.key ?? '', deps),
      (token) => {
        const key = deps.keys.findKey(token);
        return { key_alias: key?.alias ?? null, team_id: key?.team ?? null };
      },
    ),
    entities: by(
      ({ group }) => group[entity],
      (id) => (entity === 'team' ? { team_alias: deps.keys.findTeam(id)?.alias ?? null } : {}),
    ),
  };
}
