import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import { everything } from '../accounts/list-query.ts';
import { shownKey, shownUser } from '../accounts/shown.ts';
import { shownAll as shownKeys } from '../keys/show.ts';
import { operation } from '../operation.ts';
import { shownAll as shownUsers } from '../users/show.ts';
import { date, openPeriodOf } from './period.ts';
import { rounded, used } from './used.ts';

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
  summary:
    'What was spent by tag, the largest spend first: tags of requests (metadata.tags, tags, x-litellm-tags), as long as their rows are kept, and those that the keys have now.',
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
    const period = openPeriodOf(query.start_date, query.end_date, deps.now());
    const tagsOf = (key: string): readonly string[] => deps.keys.findKey(key)?.tags ?? [];
    const uses = (await used(deps, period, ['key'])).flatMap(({ group, requests, cost }) =>
      tagsOf(group.key ?? '').map((tag) => ({ tag, requests, cost })),
    );
    // A request with a tag that its key has too counts once.
    for (const use of await deps.spend.byTag(period)) if (!tagsOf(use.key).includes(use.tag)) uses.push(use);
    return [...Map.groupBy(uses, ({ tag }) => tag)]
      .filter(([tag]) => wanted === undefined || wanted.includes(tag))
      .map(([tag, all]) => ({
        individual_request_tag: tag,
        log_count: all.reduce((sum, { requests }) => sum + requests, 0),
        total_spend: rounded(all.reduce((sum, { cost }) => sum + cost, 0)),
      }))
      .sort((one, other) => other.total_spend - one.total_spend);
  },
});
