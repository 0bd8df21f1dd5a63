import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { ToolResult } from '../../../mcp/tool-server.ts';
import { judge, type Verdict } from '../guard/guard.ts';
import { dataResult, refusal, rowLines } from '../results.ts';
import { costProblem, isGated } from '../cost-gate.ts';
import { type ReadRows, readRows } from '../rows.ts';
import { failureWithNames } from './near-relations.ts';
import type { ToolDeps } from './tool-deps.ts';

/** Rows that a caller may ask for at most. */
export const ROWS_MAX = 10_000;

/** Of every tool that only reads. */
export const READ_ONLY = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

/** Rows as programs get them. */
export const ROWS_SCHEMA = {
  type: 'object',
  properties: {
    columns: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: { type: 'string' }, type: { type: 'string' } },
        required: ['name', 'type'],
      },
    },
    rows: {
      type: 'array',
      items: { type: 'array' },
      description:
        'In the order of columns. numeric, dates and integers beyond 53 bits are text, as PostgreSQL prints them.',
    },
    row_count: { type: 'integer' },
    truncated: { type: 'boolean', description: 'There are more rows, or cells that were cut.' },
    next_cursor: { type: ['string', 'null'], description: 'Where the rows that follow begin.' },
    elapsed_ms: { type: 'number' },
    notices: { type: 'array', items: { type: 'string' } },
  },
  required: ['columns', 'rows', 'row_count', 'truncated', 'next_cursor', 'elapsed_ms', 'notices'],
} as const;

/** One reading statement, and from which of its rows on. */
export interface SqlPage {
  readonly sql: string;
  readonly max_rows?: number;
}

/** Judges one reading statement, runs it and gives its rows after leaving out `skip`. Never rejects. */
export async function runSql(
  deps: ToolDeps,
  page: SqlPage,
  skip: number,
  context: ToolContext,
): Promise<ToolResult> {
  const { database, parser, caps, cursors, name } = deps;
  const { sql, max_rows: rowsMax = caps.rowsMax } = page;
  const startedMs = performance.now();
  try {
    const facts = await database.facts();
    const verdict = await judge(sql, 'read', parser, facts.functions);
    if (!verdict.ok) return refuse(verdict);
    const { safety } = database.options;
    const gated = isGated(safety);
    if (gated && verdict.facts.executes)
      return refusal('EXPLAIN ANALYZE executes what it explains; use explain_query with analyze.');
    return await database.read(
      context,
      async (session) => {
        const dear = verdict.facts.kind === 'select' ? await costProblem(session, sql, safety) : undefined;
        if (dear !== undefined) return refusal(`Refused before it was executed: ${dear}.`);
        const rows = await readRows(session, sql, { ...caps, rowsMax }, facts.types, skip);
        const next = {
          database: name,
          tool: 'execute_sql',
          args: { ...page },
          skip: skip + rows.rows.length,
        };
        const nextCursor = rows.moreRows ? cursors.write(next, context.principalId) : null;
        return rowsResult(rows, { nextCursor, startedMs, notices: session.notices });
      },
      facts,
    );
  } catch (error) {
    return failureWithNames(error, database, context);
  }
}

/** Rows as a result. `done`: what a writing statement came to, said first and given as members beside the rows. */
export function rowsResult(
  { columns, rows, moreRows, cutCells }: ReadRows,
  about: {
    readonly nextCursor: string | null;
    readonly startedMs: number;
    readonly notices: readonly string[];
    readonly done?: { readonly said: string; readonly members: Readonly<Record<string, unknown>> };
  },
): ToolResult {
  const { nextCursor, notices, done } = about;
  const structured = {
    columns,
    rows,
    row_count: rows.length,
    truncated: moreRows || cutCells > 0,
    next_cursor: nextCursor,
    ...done?.members,
    elapsed_ms: Math.round((performance.now() - about.startedMs) * 100) / 100,
    notices,
  };
  const more = moreRows
    ? nextCursor === null
      ? 'There are more: filter or aggregate.'
      : `There are more: filter, aggregate, or go on with cursor ${nextCursor}`
    : '';
  const summary = [
    done?.said ?? `${rows.length} row${rows.length === 1 ? '' : 's'}.`,
    more,
    cutCells > 0 ? `${cutCells} long cells were cut; use substring() to see the rest.` : '',
  ];
  const names = columns.map((column) => column.name);
  // What the server remarks may quote the data.
  const data = [...notices, ...(names.length === 0 ? [] : [rowLines(names, rows)])].join('\n');
  return dataResult(summary.filter((line) => line !== '').join(' '), structured, data);
}

/** What a caller is told of a statement that the guard holds back. */
export function refuse(verdict: Extract<Verdict, { readonly ok: false }>): ToolResult {
  const where = verdict.position === undefined ? '' : ` (at character ${verdict.position + 1})`;
  return refusal(`Refused before it reached the database: ${verdict.reason}${where}.`);
}
