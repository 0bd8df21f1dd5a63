import { z } from 'zod';
import { operation } from '../operation.ts';
import { date, openPeriodOf } from './period.ts';
import { add, sumBy, used } from './used.ts';

const day = z.object({ date: z.string(), api_requests: z.int(), total_tokens: z.int() });
const sums = { daily_data: z.array(day), sum_api_requests: z.int(), sum_total_tokens: z.int() };

/** `GET /global/activity` */
export const globalActivity = operation({
  method: 'GET',
  path: '/global/activity',
  who: 'management key',
  group: 'Spend',
  summary: 'Calls and tokens of each day.',
  query: z.strictObject({ start_date: date, end_date: date }),
  example: { query: { start_date: '2026-11-01', end_date: '2026-11-30' } },
  answer: z.object(sums),
  handle: async ({ query }, deps) => {
    await deps.flush();
    return activity(await used(deps, openPeriodOf(query.start_date, query.end_date, deps.now()), ['day']));
  },
});

/** `GET /global/activity/model` */
export const globalActivityByModel = operation({
  method: 'GET',
  path: '/global/activity/model',
  who: 'management key',
  group: 'Spend',
  summary: 'Calls and tokens of each day, for each of the ten models with the most calls.',
  query: z.strictObject({ start_date: date, end_date: date }),
  example: { query: { start_date: '2026-11-01', end_date: '2026-11-30' } },
  answer: z.array(z.object({ model: z.string(), ...sums })),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const period = openPeriodOf(query.start_date, query.end_date, deps.now());
    const rows = await used(deps, period, ['day', 'model'], { kind: 'llm' });
    return [...sumBy(rows, ({ group }) => group.model)]
      .sort(([, one], [, other]) => other.requests - one.requests)
      .slice(0, MODELS_MAX)
      .map(([model]) => ({ model, ...activity(rows.filter(({ group }) => group.model === model)) }));
  },
});

const MODELS_MAX = 10;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function activity(rows: Awaited<ReturnType<typeof used>>): Record<string, unknown> {
  const all = rows.length === 0 ? undefined : rows.reduce((sum, row) => add(sum, row));
  return {
    daily_data: rows.map(({ group, requests, promptTokens, completionTokens }) => ({
      date: `${MONTHS[Number(group.day?.slice(5, 7)) - 1]} ${group.day?.slice(8)}`,
      api_requests: requests,
      total_tokens: promptTokens + completionTokens,
    })),
    sum_api_requests: all?.requests ?? 0,
    sum_total_tokens: (all?.promptTokens ?? 0) + (all?.completionTokens ?? 0),
  };
}
