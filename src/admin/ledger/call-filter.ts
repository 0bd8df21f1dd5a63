import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { CallFilter, LedgerRow } from '../../ledger/ledger-ports.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { keyIdOf } from '../spend/used.ts';
import { time } from '../time.ts';

const AGO_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
const AGO = /^(\d{1,6})([smhdw])$/;

/** A moment: `2026-11-21`, `2026-11-21T13:00:00Z`, or how long ago: `90m`, `7d`. */
const moment = z
  .string()
  .refine(
    (text) => AGO.test(text) || (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text))),
    'must be a time such as 2026-11-21T13:00:00Z, a date, or how long ago, such as 7d',
  );

const text = z.string().min(1).max(200).optional();

/** Which calls are asked for: everything that is given must apply. */
export const callFilter = {
  key: text.describe('The key, its token, its alias or its id.'),
  user: text,
  team: text,
  server: text.describe('Name of an MCP server.'),
  tool: text.describe("The server's own name of the tool, or as the client wrote it."),
  model: text,
  status: z
    .enum(['ok', 'tool-error', 'error', 'denied', 'cancelled', 'timeout', 'unknown', 'open'])
    .optional()
    .describe('open: not ended.'),
  kind: z
    .enum(['mcp', 'llm', 'admin', 'all'])
    .optional()
    .describe('admin: what operators did. Without it MCP and models.'),
  parent: text.describe('Id of a request to a model: the tools that it called.'),
  since: moment.optional().describe('From then on: a time, or how long ago, such as 7d.'),
  until: moment.optional().describe('Before then.'),
};

const schema = z.object(callFilter);

/** As the ledger understands it. */
export function filterOf(query: z.output<typeof schema>, deps: Pick<AdminDeps, 'keys' | 'now'>): CallFilter {
  const { key, since, until, ...rest } = query;
  const given = Object.fromEntries(
    (['user', 'team', 'server', 'tool', 'model', 'status', 'kind', 'parent'] as const).flatMap((name) =>
      rest[name] === undefined ? [] : [[name, rest[name]]],
    ),
  );
  const from = since === undefined ? undefined : momentOf(since, deps.now());
  const to = until === undefined ? undefined : momentOf(until, deps.now());
  if (from !== undefined && to !== undefined && from > to)
    throw new GatewayError('request-invalid', { reason: 'since is after until' });
  return {
    ...given,
    ...(key === undefined ? {} : { key: keyIdOf(key, deps) }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

function momentOf(given: string, now: number): number {
  const ago = AGO.exec(given);
  return ago === null ? Date.parse(given) : now - Number(ago[1]) * AGO_MS[ago[2]!]!;
}

/** Whether a call that has ended is asked for. */
export function fits(
  row: LedgerRow,
  { key, user, team, server, tool, model, status, kind, parent, from, to }: CallFilter,
): boolean {
  return (
    (key === undefined || row.keyId === key) &&
    (user === undefined || row.user === user) &&
    (team === undefined || row.team === team) &&
    (server === undefined || row.server === server) &&
    (tool === undefined || row.originalName === tool || row.toolName === tool) &&
    (model === undefined || row.model === model) &&
    (status === undefined || row.status === status) &&
    (kind === 'all' || (kind === undefined ? row.kind !== 'admin' : row.kind === kind)) &&
    (parent === undefined || row.parentId === parent) &&
    (from === undefined || row.startedAt >= from) &&
    (to === undefined || row.startedAt < to)
  );
}

/** A call as answers show it. */
export function publicCall({ details, tags, ...row }: LedgerRow): Record<string, unknown> {
  return {
    ...row,
    startedAt: time(row.startedAt),
    endedAt: row.endedAt === undefined ? undefined : time(row.endedAt),
    tags: tags === undefined ? undefined : parsed(tags),
    details: details === undefined ? undefined : parsed(details),
  };
}

/** What `publicCall` makes; there are more members than these. */
export const publicCallShape = z.looseObject({
  id: z.string(),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  kind: z.enum(['mcp', 'llm', 'admin']),
  operation: z.string(),
  keyId: z.string(),
});

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}
