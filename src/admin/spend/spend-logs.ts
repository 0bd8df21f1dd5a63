import { z } from 'zod';
import type { UsageRow } from '../../ledger/ledger-ports.ts';
import { flag } from '../accounts/list-query.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { operation } from '../operation.ts';
import { seesAll } from '../rights.ts';
import { date, daysOf, openPeriodOf, type Period } from './period.ts';
import { showSpendLog, spendLog } from './spend-log-row.ts';
import { isUse, keyIdOf, ownFilter, rounded, tokenOf, used } from './used.ts';

const LIMIT = { standard: 1_000, max: 10_000 } as const;

/** `GET /spend/logs` */
export const spendLogs = operation({
  method: 'GET',
  path: '/spend/logs',
  who: 'any key',
  group: 'Spend',
  summary:
    'The calls, newest first; with both dates, sums for each day unless summarize is false. A key sees those of its user. What was asked and answered is in messages and response where it is kept (ledger.levels, store_prompts_in_spend_logs), with a key that does not manage of its own calls alone; 32 MiB at most, of the newest calls.',
  query: z.strictObject({
    api_key: z.string().optional().describe('The key, its token, its alias or its id.'),
    user_id: z.string().optional(),
    request_id: z.string().optional(),
    start_date: date.optional(),
    end_date: date.optional().describe('The last day, which is part of it.'),
    summarize: flag.default(true),
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .max(LIMIT.max)
      .default(LIMIT.standard)
      .describe(`Calls at most; up to ${LIMIT.max}.`),
  }),
  example: { query: { start_date: '2026-11-01', end_date: '2026-11-30', summarize: false } },
  answer: z.array(z.union([spendLog, z.looseObject({ startTime: z.string(), spend: z.number() })])),
  handle: async ({ query, principal, reach }, deps) => {
    await deps.flush();
    const { start_date: start, end_date: end } = query;
    const period = openPeriodOf(start, end, deps.now());
    const filter = {
      ...(query.api_key === undefined ? {} : { key: keyIdOf(query.api_key, deps) }),
      ...(query.user_id === undefined ? {} : { user: query.user_id }),
      ...ownFilter(principal, reach),
    };
    if (start !== undefined && end !== undefined && query.summarize && query.request_id === undefined)
      return summary(await used(deps, period, ['day', 'key', 'user', 'model', 'tool'], filter), period, deps);
    const rows = await deps.spend.find({
      filter: { ...filter, ...period, ...(query.request_id === undefined ? {} : { id: query.request_id }) },
      limit: query.limit,
    });
    const calls = rows.filter(isUse);
    // What was said with another key, of the same user too, is not for this one: a user may be a default that many keys share.
    const readable = seesAll(reach) ? calls : calls.filter(({ keyId }) => keyId === principal.id);
    const bodies = Map.groupBy(await deps.bodiesOf(readable), ({ callId }) => callId);
    return calls.map((row) => showSpendLog(row, bodies.get(row.id) ?? [], deps));
  },
});

/** A row for each day from the first with a call to the end (litellm/proxy/spend_tracking, view_spend_logs). */
function summary(rows: readonly UsageRow[], period: Period, deps: AdminDeps): readonly unknown[] {
  const first = rows[0]?.group.day;
  if (first === undefined) return [];
  return daysOf(period)
    .filter((day) => day >= first)
    .map((day) => {
      const spent = { spend: 0, keys: {}, users: {}, models: {} };
      for (const { group, cost } of rows) {
        if (group.day !== day) continue;
        spent.spend = rounded(spent.spend + cost);
        count(spent.keys, tokenOf(group.key ?? '', deps), cost);
        count(spent.users, group.user ?? '', cost);
        count(spent.models, group.model || (group.tool ? `MCP: ${group.tool}` : ''), cost);
      }
      const { keys, ...rest } = spent;
      return { startTime: day, ...keys, ...rest };
    });
}

function count(sums: Record<string, number>, name: string, cost: number): void {
  sums[name] = rounded((sums[name] ?? 0) + cost);
}
