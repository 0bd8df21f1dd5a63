import { z } from 'zod';
import type { LedgerRow } from '../../ledger/ledger-ports.ts';
import { operation } from '../operation.ts';
import { time } from '../time.ts';

const LIMIT = { standard: 50, max: 1_000 } as const;

/** `GET /v1/ledger` */
export const recentCalls = operation({
  method: 'GET',
  path: '/v1/ledger',
  who: 'management key',
  group: 'Spend',
  summary: 'The newest calls of the ledger, newest first: MCP and models, with everything that is recorded.',
  query: z.strictObject({
    limit: z.coerce
      .number()
      .int()
      .min(1)
      .default(LIMIT.standard)
      .transform((limit) => Math.min(limit, LIMIT.max))
      .describe(`How many, at most ${LIMIT.max}.`),
    before: z.string().optional().describe('The id of a call; only older ones are answered.'),
  }),
  example: { query: { limit: 20 } },
  answer: z.array(
    z.looseObject({
      id: z.string(),
      startedAt: z.string(),
      endedAt: z.string().optional(),
      kind: z.enum(['mcp', 'llm']),
      operation: z.string(),
      keyId: z.string(),
    }),
  ),
  handle: async ({ query }, deps) =>
    (
      await deps.recentCalls({
        limit: query.limit,
        ...(query.before === undefined ? {} : { beforeId: query.before }),
      })
    ).map(publicRow),
});

function publicRow(row: LedgerRow): Record<string, unknown> {
  return {
    ...row,
    startedAt: time(row.startedAt),
    endedAt: row.endedAt === undefined ? undefined : time(row.endedAt),
  };
}
