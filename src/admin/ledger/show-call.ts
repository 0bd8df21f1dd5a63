import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { LedgerRow } from '../../ledger/ledger-ports.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { operation } from '../operation.ts';
import { parsedBody } from './parsed-body.ts';
import { publicCall, publicCallShape } from './call-filter.ts';

const TOOLS_MAX = 1_000;

/** `GET /v1/ledger/{id}` */
export const showCall = operation({
  method: 'GET',
  path: '/v1/ledger/{id}',
  who: 'management key',
  group: 'Ledger',
  summary:
    'One call with what was asked and answered, where that is kept; of a request to a model also the tools that it called, and what all of it came to; of a tool, the request that called it.',
  example: { params: { id: '019355e4-7a6f-7b3f-8000-000000000000' } },
  answer: z.object({
    call: publicCallShape,
    parent: publicCallShape.optional(),
    tools: z.array(publicCallShape),
    bodies: z.array(
      z.object({
        part: z.enum(['request', 'response']),
        content: z.unknown().describe('JSON where all of it is there, else text.'),
        bytes: z.int().describe('Length of all of it, as it came.'),
        droppedBytes: z.int(),
      }),
    ),
    totals: z
      .object({
        calls: z.int(),
        toolBytes: z.int().describe('Size of what the tools answered.'),
        toolMs: z.number(),
        promptTokens: z.int(),
        completionTokens: z.int(),
        cost: z.number().describe('US dollars, tools included.'),
      })
      .optional(),
  }),
  handle: async ({ params }, deps) => {
    await deps.flush();
    const call = await oneCall(params.id, deps);
    if (call === undefined) throw new GatewayError('call-unknown', { id: params.id.slice(0, 100) });
    const tools = await deps.spend.find({ filter: { parent: call.id }, limit: TOOLS_MAX });
    const parent = call.parentId === undefined ? undefined : await oneCall(call.parentId, deps);
    const bodies = await deps.bodiesOf([call]);
    return {
      call: publicCall(call),
      parent: parent === undefined ? undefined : publicCall(parent),
      tools: [...tools].reverse().map(publicCall),
      bodies: bodies.map(({ part, content, bytes, droppedBytes }) => ({
        part,
        content: parsedBody(content),
        bytes,
        droppedBytes,
      })),
      totals: call.kind === 'llm' ? totalsOf(call, tools) : undefined,
    };
  },
});

async function oneCall(id: string, { spend }: AdminDeps): Promise<LedgerRow | undefined> {
  const [row] = await spend.find({ filter: { id, kind: 'all' }, limit: 1 });
  return row;
}

function totalsOf(call: LedgerRow, tools: readonly LedgerRow[]): Record<string, number> {
  const sum = (valueOf: (row: LedgerRow) => number | undefined, rows: readonly LedgerRow[]): number =>
    rows.reduce((all, row) => all + (valueOf(row) ?? 0), 0);
  return {
    calls: tools.length,
    toolBytes: sum(({ bytesOut }) => bytesOut, tools),
    toolMs: sum(({ totalMs }) => totalMs, tools),
    promptTokens: call.promptTokens ?? 0,
    completionTokens: call.completionTokens ?? 0,
    cost: Math.round(sum(({ cost }) => cost, [call, ...tools]) * 1e12) / 1e12,
  };
}
