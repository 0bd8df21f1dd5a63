import { z } from 'zod';
import { operation } from '../operation.ts';
import { callFilter, filterOf, publicCall, publicCallShape } from './call-filter.ts';
import { placeOf } from './pages.ts';

const LIMIT = { standard: 50, max: 1_000 } as const;

/** `GET /v1/ledger` */
export const queryCalls = operation({
  method: 'GET',
  path: '/v1/ledger',
  who: 'management key',
  group: 'Ledger',
  summary: 'The calls of the ledger that fit, newest first, with everything that is recorded.',
  query: z.strictObject({
    ...callFilter,
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .default(LIMIT.standard)
      .transform((limit) => Math.min(limit, LIMIT.max))
      .describe(`How many, at most ${LIMIT.max}.`),
    before: z
      .string()
      .optional()
      .describe('The id of a call, for the next page: only older ones are answered.'),
  }),
  example: { query: { server: 'github', status: 'denied', since: '7d', limit: 20 } },
  answer: z.array(publicCallShape),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const before = query.before === undefined ? undefined : await placeOf(query.before, deps);
    const rows = await deps.spend.find({
      filter: filterOf(query, deps),
      limit: query.limit,
      ...(before === undefined ? {} : { before }),
    });
    return rows.map(publicCall);
  },
});
