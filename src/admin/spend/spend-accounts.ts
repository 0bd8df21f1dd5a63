import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import { everything } from '../accounts/list-query.ts';
import { shownKey, shownUser } from '../accounts/shown.ts';
import { shownAll as shownKeys } from '../keys/show.ts';
import { operation } from '../operation.ts';
import { shownAll as shownUsers } from '../users/show.ts';
import { date, openPeriodOf } from './period.ts';
import { add, used } from './used.ts';
import type { UsageRow } from '../../ledger/ledger-ports.ts';

const bySpend = (one: Record<string, unknown>, other: Record<string, unknown>): number =>
  Number(other['spend']) - Number(one['spend']);

/** `GET /spend/keys` */
export const spendKeys = operation({
  method: 'GET',
  path: '/spend/keys',
  who: 'management key',
  group: 'Spend',
  summary: 'Every key with what it has spent, the largest spend first.',
  example: {},
  answer: z.array(shownKey),
  handle: async (_request, deps) => {
    await deps.flush();
    const keys = everything((asked) => deps.keys.listKeys(asked), { withConfigured: true });
    return [...(await shownKeys(keys, deps))].sort(bySpend);
  },
});

/** `GET /spend/users` */
export const spendUsers = operation({
  method: 'GET',
  path: '/spend/users',
  who: 'management key',
  group: 'Spend',
  summary: 'Every user with what its keys have spent, the largest spend first.',
  query: z.strictObject({ user_id: z.string().optional().describe('Only this one.') }),
  example: {},
  answer: z.array(shownUser),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const { user_id: id } = query;
    if (id === undefined)
      return [
        ...(await shownUsers(
          everything((asked) => deps.keys.listUsers(asked), {}),
          deps,
        )),
      ].sort(bySpend);
    const user = deps.keys.findUser(id);
    if (user === undefined)
      throw new GatewayError('user-unknown', { user: id.slice(0, 100) }, { data: { param: 'user_id' } });
    return shownUsers([user], deps);
  },
});

/** `GET /spend/tags` */
export const spendTags = operation({
  method: 'GET',
  path: '/spend/tags',
  also: ['/global/spend/tags'],
  who: 'management key',
  group: 'Spend',
  summary: 'What was spent by tag, the largest spend first. The tags are those that the keys have now.',
  query: z.strictObject({
    start_date: date.optional(),
    end_date: date.optional(),
    tags: z.string().optional().describe('Comma-separated; only these.'),
  }),
  example: {},
  answer: z.array(
    z.object({ individual_request_tag: z.string(), log_count: z.int(), total_spend: z.number() }),
  ),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const wanted = query.tags?.split(',').map((tag) => tag.trim());
    const sums = new Map<string, UsageRow>();
    for (const row of await used(deps, openPeriodOf(query.start_date, query.end_date, deps.now()), ['key']))
      for (const tag of deps.keys.findKey(row.group.key ?? '')?.tags ?? [])
        if (wanted === undefined || wanted.includes(tag)) sums.set(tag, add(sums.get(tag), row));
    return [...sums]
      .sort(([, one], [, other]) => other.cost - one.cost)
      .map(([tag, { requests, cost }]) => ({
        individual_request_tag: tag,
        log_count: requests,
        total_spend: cost,
      }));
  },
});
