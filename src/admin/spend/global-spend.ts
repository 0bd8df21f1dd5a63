import { z } from 'zod';
import type { UsageRow } from '../../ledger/ledger-ports.ts';
import { operation } from '../operation.ts';
import { date, openPeriodOf, periodOf } from './period.ts';
import { keyIdOf, rounded, sumBy, tokenOf, used } from './used.ts';

const limit = z.coerce.number().int().min(1).max(1_000).optional().describe('Only the first ones.');
const between = {
  start_date: date.optional().describe('Without it, the last 30 days.'),
  end_date: date.optional(),
};

/** `GET /global/spend` */
export const globalSpend = operation({
  method: 'GET',
  path: '/global/spend',
  who: 'management key',
  group: 'Spend',
  summary: 'What everybody together has spent, in the last 30 days unless dates are given.',
  query: z.strictObject(between),
  example: {},
  answer: z.object({ spend: z.number(), max_budget: z.number().nullable() }),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const [sum] = await used(deps, periodOf(query.start_date, query.end_date, deps.now()), []);
    return { spend: sum?.cost ?? 0, max_budget: null };
  },
});

/** `GET /global/spend/logs` */
export const globalSpendLogs = operation({
  method: 'GET',
  path: '/global/spend/logs',
  who: 'management key',
  group: 'Spend',
  summary: 'What was spent on each day with calls, in the last 30 days unless dates are given.',
  query: z.strictObject({ ...between, api_key: z.string().optional().describe('Only of this key.') }),
  example: {},
  answer: z.array(z.object({ date: z.string(), spend: z.number() })),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const filter = query.api_key === undefined ? {} : { key: keyIdOf(query.api_key, deps) };
    const rows = await used(deps, periodOf(query.start_date, query.end_date, deps.now()), ['day'], filter);
    return rows.map(({ group, cost }) => ({ date: group.day ?? '', spend: cost }));
  },
});

/** `GET /global/spend/keys` */
export const globalSpendKeys = operation({
  method: 'GET',
  path: '/global/spend/keys',
  who: 'management key',
  group: 'Spend',
  summary: 'The keys by what they spent in the last 30 days, the largest spend first.',
  query: z.strictObject({ ...between, limit }),
  example: { query: { limit: 10 } },
  answer: z.array(
    z.object({
      api_key: z.string(),
      key_alias: z.string().nullable(),
      key_name: z.string().nullable(),
      total_spend: z.number(),
    }),
  ),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const rows = await used(deps, periodOf(query.start_date, query.end_date, deps.now()), ['key']);
    return sumBy(rows, ({ group }) => group.key)
      .slice(0, query.limit)
      .map(([id, { cost }]) => {
        const key = deps.keys.findKey(id);
        return {
          api_key: tokenOf(id, deps),
          key_alias: key?.alias ?? null,
          key_name: key?.name ?? null,
          total_spend: cost,
        };
      });
  },
});

/** `GET /global/spend/models` */
export const globalSpendModels = operation({
  method: 'GET',
  path: '/global/spend/models',
  who: 'management key',
  group: 'Spend',
  summary: 'The models by what was spent on them in the last 30 days, the largest spend first.',
  query: z.strictObject({ ...between, limit: limit.default(10) }),
  example: { query: { limit: 10 } },
  answer: z.array(z.object({ model: z.string(), total_spend: z.number() })),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const rows = await used(deps, periodOf(query.start_date, query.end_date, deps.now()), ['model']);
    return sumBy(rows, ({ group }) => group.model)
      .slice(0, query.limit)
      .map(([model, { cost }]) => ({ model, total_spend: cost }));
  },
});

/** `GET /global/spend/provider` */
export const globalSpendProviders = operation({
  method: 'GET',
  path: '/global/spend/provider',
  who: 'management key',
  group: 'Spend',
  summary: 'What was spent at each provider, the largest spend first.',
  query: z.strictObject(between),
  example: { query: { start_date: '2026-11-01', end_date: '2026-11-30' } },
  answer: z.array(z.object({ provider: z.string(), spend: z.number() })),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const rows = await used(deps, periodOf(query.start_date, query.end_date, deps.now()), ['deployment']);
    return sumBy(
      rows,
      ({ group }) => group.deployment && (deps.models.provider(group.deployment) ?? 'Unknown'),
    ).map(([provider, { cost }]) => ({ provider, spend: cost }));
  },
});

/** `GET /global/spend/teams` */
export const globalSpendTeams = operation({
  method: 'GET',
  path: '/global/spend/teams',
  who: 'management key',
  group: 'Spend',
  summary: 'What teams spent on each day and in all, in the last 30 days unless dates are given.',
  query: z.strictObject(between),
  example: {},
  answer: z.object({
    daily_spend: z.array(z.looseObject({ date: z.string() })),
    teams: z.array(z.string()),
    total_spend_per_team: z.array(z.object({ team_id: z.string(), total_spend: z.number() })),
  }),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const nameOf = ({ group }: UsageRow): string | undefined =>
      group.team && (deps.keys.findTeam(group.team)?.alias ?? group.team);
    const rows = await used(deps, periodOf(query.start_date, query.end_date, deps.now()), ['day', 'team']);
    const totals = sumBy(rows, nameOf);
    const days = new Map<string, Record<string, string | number>>();
    for (const row of rows) {
      const [day, team] = [row.group.day ?? '', nameOf(row)];
      if (!team) continue;
      const sums = days.get(day) ?? { date: day };
      sums[team] = rounded(Number(sums[team] ?? 0) + row.cost);
      days.set(day, sums);
    }
    return {
      daily_spend: [...days.values()],
      teams: totals.map(([team]) => team),
      total_spend_per_team: totals.map(([team, { cost }]) => ({ team_id: team, total_spend: cost })),
    };
  },
});

const model = z.object({
  model: z.string(),
  total_cost: z.number(),
  total_input_tokens: z.int(),
  total_output_tokens: z.int(),
});

/** `GET /global/spend/report` */
export const globalSpendReport = operation({
  method: 'GET',
  path: '/global/spend/report',
  who: 'management key',
  group: 'Spend',
  summary:
    'What teams spent day by day with the models that they used, or what keys or users spent on each model.',
  query: z.strictObject({
    start_date: date,
    end_date: date,
    group_by: z.enum(['team', 'api_key', 'customer']).default('team'),
    api_key: z.string().optional().describe('Only this key.'),
    internal_user_id: z.string().optional().describe('Only this user.'),
    team_id: z.string().optional().describe('Only this team.'),
    customer_id: z.string().optional().describe('The same as internal_user_id.'),
  }),
  example: { query: { start_date: '2026-11-01', end_date: '2026-11-30', group_by: 'api_key' } },
  answer: z.array(
    z.union([
      z.looseObject({ group_by_day: z.string(), teams: z.array(z.looseObject({ team_name: z.string() })) }),
      z.looseObject({ total_cost: z.number(), model_details: z.array(model) }),
    ]),
  ),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const user = query.internal_user_id ?? query.customer_id;
    const filter = {
      ...(query.api_key === undefined ? {} : { key: keyIdOf(query.api_key, deps) }),
      ...(user === undefined ? {} : { user }),
      ...(query.team_id === undefined ? {} : { team: query.team_id }),
    };
    const period = openPeriodOf(query.start_date, query.end_date, deps.now());
    if (query.group_by === 'team' && query.api_key === undefined && user === undefined)
      return byTeam(await used(deps, period, ['day', 'team', 'model', 'key'], filter), deps);
    const isByKey = query.group_by === 'api_key' || query.api_key !== undefined;
    const dimension = isByKey ? 'key' : 'user';
    const rows = await used(deps, period, [dimension, 'model'], filter);
    return sumBy(rows, ({ group }) => group[dimension]).map(
      ([id, { cost, promptTokens, completionTokens }]) => ({
        ...(isByKey ? { api_key: tokenOf(id, deps) } : { internal_user_id: id }),
        total_cost: cost,
        total_input_tokens: promptTokens,
        total_output_tokens: completionTokens,
        model_details: sumBy(
          rows.filter(({ group }) => group[dimension] === id),
          ({ group }) => group.model,
        ).map(([name, sum]) => ({
          model: name,
          total_cost: sum.cost,
          total_input_tokens: sum.promptTokens,
          total_output_tokens: sum.completionTokens,
        })),
      }),
    );
  },
});

function byTeam(rows: readonly UsageRow[], deps: Parameters<typeof tokenOf>[1]): readonly unknown[] {
  const days = [...new Set(rows.map(({ group }) => group.day ?? ''))].sort();
  return days.map((day) => {
    const ofDay = rows.filter(({ group }) => group.day === day);
    return {
      group_by_day: `${day}T00:00:00+00:00`,
      teams: sumBy(ofDay, ({ group }) => group.team).map(([team, { cost }]) => ({
        team_name: deps.keys.findTeam(team)?.alias ?? team,
        total_spend: cost,
        metadata: ofDay
          .filter(({ group }) => group.team === team && group.model !== '')
          .map(({ group, cost: spend, promptTokens, completionTokens }) => ({
            model: group.model,
            spend,
            total_tokens: promptTokens + completionTokens,
            api_key: tokenOf(group.key ?? '', deps),
          })),
      })),
    };
  });
}
