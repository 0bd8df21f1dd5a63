import { createHash } from 'node:crypto';
import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import type { ToolDefinition, ToolResult } from '../../../mcp/tool-server.ts';
import type { Database } from '../database.ts';
import { judge, type Verdict } from '../guard/guard.ts';
import type { SqlParser } from '../guard/sql-parser.ts';
import { dataResult, failure, refusal } from '../results.ts';
import { type ReadRows, readRows, type RowCaps } from '../rows.ts';

export interface SqlToolDeps {
  readonly database: Database;
  readonly parser: SqlParser;
  readonly caps: RowCaps;
}

/** Rows that a caller may ask for at most. */
const ROWS_MAX = 10_000;
/** Rows that a cursor may leave out: each page runs the statement anew. */
const SKIP_ROWS_MAX = 100_000;

export const READ_ONLY = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

const ROWS_SCHEMA = {
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
        'One array a row, in the order of columns. numeric, dates, times and integers beyond 53 bits are text, exactly as PostgreSQL prints them.',
    },
    row_count: { type: 'integer' },
    truncated: { type: 'boolean', description: 'There are more rows, or cells that were cut.' },
    next_cursor: {
      type: ['string', 'null'],
      description: 'Give it back as "cursor" to get the rows that follow.',
    },
    affected_rows: { type: 'integer', description: 'Rows that a writing statement changed.' },
    elapsed_ms: { type: 'number' },
    notices: { type: 'array', items: { type: 'string' }, description: 'What the server remarked.' },
  },
  required: ['columns', 'rows', 'row_count', 'truncated', 'next_cursor', 'elapsed_ms', 'notices'],
} as const;

/** `execute_sql`: one reading statement. */
export function executeSqlTool({ database, parser, caps }: SqlToolDeps): ToolDefinition {
  return {
    name: 'execute_sql',
    title: 'Run a reading SQL statement',
    description:
      'Run one SQL statement that only reads (SELECT, WITH, VALUES, TABLE, SHOW, EXPLAIN) on the PostgreSQL database and get its rows. Statements that change anything are refused.',
    inputSchema: {
      type: 'object',
      properties: {
        sql: { type: 'string', description: 'One statement.' },
        max_rows: {
          type: 'integer',
          description: `Rows to return at most (default ${caps.rowsMax}).`,
          minimum: 1,
          maximum: ROWS_MAX,
        },
        cursor: {
          type: 'string',
          description:
            'next_cursor of an earlier result of the same statement. The statement runs again; give it an ORDER BY.',
        },
      },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: ROWS_SCHEMA,
    annotations: READ_ONLY,
    handler: async (args, context) => {
      const sql = String(args['sql']);
      const skipRows = args['cursor'] === undefined ? 0 : readCursor(String(args['cursor']), sql);
      const rowsMax = Number(args['max_rows'] ?? caps.rowsMax);
      const startedMs = performance.now();
      try {
        const facts = await database.facts();
        const verdict = await judge(sql, 'read', parser, facts.functions);
        if (!verdict.ok) return refuse(verdict);
        return await database.read(context, async (session) => {
          const rows = await readRows(session, sql, { ...caps, rowsMax }, facts.types, skipRows);
          const next = skipRows + rows.rows.length;
          const cursor = rows.moreRows && next <= SKIP_ROWS_MAX ? writeCursor(next, sql) : null;
          return rowsResult(rows, { nextCursor: cursor, startedMs, notices: session.notices });
        });
      } catch (error) {
        return failure(error);
      }
    },
  };
}

/** `explain_query`: the plan of one reading statement, executed only when asked. */
export function explainQueryTool({ database, parser, caps }: SqlToolDeps): ToolDefinition {
  return {
    name: 'explain_query',
    title: 'Explain a query',
    description:
      'Show how PostgreSQL would execute a SELECT: the plan with estimated costs and rows. With analyze it is executed, read-only, and real times and rows are shown.',
    inputSchema: {
      type: 'object',
      properties: {
        sql: { type: 'string', description: 'The SELECT statement, without EXPLAIN.' },
        analyze: { type: 'boolean', description: 'Execute it and show what it really took.', default: false },
      },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: { plan: { type: 'string' }, analyzed: { type: 'boolean' }, truncated: { type: 'boolean' } },
      required: ['plan', 'analyzed', 'truncated'],
    },
    annotations: READ_ONLY,
    handler: async (args, context) => {
      const sql = String(args['sql']);
      const analyze = args['analyze'] === true;
      const prefix = `EXPLAIN (${analyze ? 'ANALYZE, BUFFERS' : 'COSTS'}) `;
      try {
        const facts = await database.facts();
        const verdict = await judge(sql, 'read', parser, facts.functions);
        if (!verdict.ok) return refuse(verdict);
        if (verdict.facts.kind !== 'select')
          return refusal('Give the SELECT itself, without EXPLAIN or SHOW.');
        // The statement that runs is judged, not only the one it was made from.
        const whole = await judge(prefix + sql, 'read', parser, facts.functions);
        if (!whole.ok) return refuse(whole);
        const lines = await database.read(context, (session) =>
          readRows(session, prefix + sql, { ...caps, rowsMax: ROWS_MAX }, facts.types),
        );
        const plan = lines.rows.map((row) => String(row[0])).join('\n');
        return dataResult(
          analyze ? 'Executed plan.' : 'Estimated plan.',
          { plan, analyzed: analyze, truncated: lines.moreRows },
          plan,
        );
      } catch (error) {
        return failure(error, prefix.length);
      }
    },
  };
}

/** `execute_write`: a tool of its own, offered only where the operator asked for it. */
export function executeWriteTool({ database, parser, caps }: SqlToolDeps): ToolDefinition {
  return {
    name: 'execute_write',
    title: 'Run a writing SQL statement',
    description:
      'Run one SQL statement that changes rows, tables, views or indexes of the PostgreSQL database, in a transaction of its own that is committed when it succeeds. With RETURNING its rows are returned.',
    inputSchema: {
      type: 'object',
      properties: { sql: { type: 'string', description: 'One statement.' } },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: ROWS_SCHEMA,
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    handler: async (args, context) => {
      const sql = String(args['sql']);
      const startedMs = performance.now();
      try {
        const facts = await database.facts();
        const verdict = await judge(sql, 'write', parser, facts.functions);
        if (!verdict.ok) return refuse(verdict);
        const done = await database.write(context, async (session) => ({
          rows: await readRows(session, sql, caps, facts.types),
          notices: session.notices,
        }));
        return rowsResult(done.rows, { nextCursor: null, startedMs, notices: done.notices, committed: true });
      } catch (error) {
        return failure(error);
      }
    },
  };
}

function rowsResult(
  { columns, rows, moreRows, cutCells, affectedRows }: ReadRows,
  about: {
    readonly nextCursor: string | null;
    readonly startedMs: number;
    readonly notices: readonly string[];
    readonly committed?: boolean;
  },
): ToolResult {
  const { nextCursor, notices, committed = false } = about;
  const structured = {
    columns,
    rows,
    row_count: rows.length,
    truncated: moreRows || cutCells > 0,
    next_cursor: nextCursor,
    ...(committed && affectedRows !== undefined ? { affected_rows: affectedRows } : {}),
    elapsed_ms: Math.round((performance.now() - about.startedMs) * 100) / 100,
    notices,
  };
  const summary = [
    committed
      ? `Committed; ${affectedRows ?? 0} rows affected.`
      : `${rows.length} row${rows.length === 1 ? '' : 's'}.`,
    moreRows
      ? 'There are more: filter or aggregate, ask for more with max_rows, or go on with next_cursor.'
      : '',
    nextCursor === null ? '' : `next_cursor: ${nextCursor}`,
    cutCells > 0 ? `${cutCells} long cells were cut; use substring() to see the rest.` : '',
    ...notices,
  ];
  const names = columns.map((column) => column.name);
  const distinct = new Set(names).size === names.length;
  const data = distinct
    ? rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]])))
    : { columns: names, rows };
  return dataResult(summary.filter((line) => line !== '').join(' '), structured, data);
}

function refuse(verdict: Extract<Verdict, { readonly ok: false }>): ToolResult {
  const where = verdict.position === undefined ? '' : ` (at character ${verdict.position + 1})`;
  return refusal(`Refused before it reached the database: ${verdict.reason}${where}.`);
}

/** Where a result goes on: rows to leave out, bound to the statement that they are rows of. */
function writeCursor(skipRows: number, sql: string): string {
  return Buffer.from(`${skipRows}.${digest(sql)}`).toString('base64url');
}

function readCursor(text: string, sql: string): number {
  const match = /^(\d{1,6})\.(\w+)$/.exec(Buffer.from(text, 'base64url').toString());
  const skipRows = Number(match?.[1]);
  if (match === null || skipRows > SKIP_ROWS_MAX) {
    throw new InvalidArguments('Argument "cursor" is not a next_cursor of this tool.');
  }
  if (match[2] !== digest(sql)) {
    throw new InvalidArguments(
      'Argument "cursor" belongs to another statement; send the very same "sql" with it.',
    );
  }
  return skipRows;
}

function digest(sql: string): string {
  return createHash('sha256').update(sql).digest('hex').slice(0, 16);
}
