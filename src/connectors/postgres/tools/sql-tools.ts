import { InvalidArguments, type ToolDefinition } from '../../../mcp/tool-server.ts';
import type { Database } from '../database.ts';
import { judge } from '../guard/guard.ts';
import type { SqlParser } from '../guard/sql-parser.ts';
import { dataResult, failure, refusal } from '../results.ts';
import { readRows, type RowCaps } from '../rows.ts';

export interface SqlToolDeps {
  readonly database: Database;
  readonly parser: SqlParser;
  readonly caps: RowCaps;
}

/** Rows that a caller may ask for at most. */
const ROWS_MAX = 10_000;

export const READ_ONLY = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false } as const;

const ROWS_SCHEMA = {
  type: 'object',
  properties: {
    columns: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' }, type: { type: 'string' } }, required: ['name', 'type'] } },
    rows: { type: 'array', items: { type: 'array' }, description: 'One array a row, in the order of columns. Numbers beyond 32 bits, dates and times are text.' },
    row_count: { type: 'integer' },
    truncated: { type: 'boolean', description: 'There were more rows, or longer cells, than are shown.' },
    elapsed_ms: { type: 'number' },
  },
  required: ['columns', 'rows', 'row_count', 'truncated', 'elapsed_ms'],
} as const;

/** `execute_sql`: one reading statement. */
export function executeSqlTool({ database, parser, caps }: SqlToolDeps): ToolDefinition {
  return {
    name: 'execute_sql',
    title: 'Run a reading SQL statement',
    description: 'Run one SQL statement that only reads (SELECT, VALUES, TABLE, SHOW, EXPLAIN) and get its rows. Statements that change anything are refused.',
    inputSchema: {
      type: 'object',
      properties: {
        sql: { type: 'string', description: 'One statement, without a trailing second one.' },
        max_rows: { type: 'integer', description: `Rows to return at most; ${caps.rowsMax} when absent, ${ROWS_MAX} at most.`, minimum: 1, maximum: ROWS_MAX },
      },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: ROWS_SCHEMA,
    annotations: READ_ONLY,
    handle: async (args, { signal }) => {
      const sql = String(args['sql']);
      const asked = args['max_rows'] === undefined ? caps.rowsMax : Number(args['max_rows']);
      if (!Number.isInteger(asked) || asked < 1 || asked > ROWS_MAX) throw new InvalidArguments(`Argument "max_rows" must be a whole number from 1 to ${ROWS_MAX}.`);
      const startedMs = performance.now();
      try {
        const facts = await database.facts();
        const verdict = await judge(sql, parser, facts.functions);
        if (!verdict.ok) return refusal(refusalText(verdict));
        const result = await database.read(signal, (client) => readRows(client, sql, [], { ...caps, rowsMax: asked }, facts.types));
        const elapsedMs = Math.round((performance.now() - startedMs) * 100) / 100;
        const names = result.columns.map((column) => column.name);
        const objects = new Set(names).size === names.length;
        return dataResult(
          `${result.rows.length} row${result.rows.length === 1 ? '' : 's'}${result.truncated ? ' (cut: there is more; filter, aggregate, or ask for fewer columns)' : ''}.`,
          { columns: result.columns, rows: result.rows, row_count: result.rows.length, truncated: result.truncated, elapsed_ms: elapsedMs },
          objects ? result.rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]]))) : { columns: names, rows: result.rows },
        );
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
    description: 'Show how PostgreSQL would execute a SELECT. With analyze it is executed, read-only, and real times are shown.',
    inputSchema: {
      type: 'object',
      properties: { sql: { type: 'string', description: 'The SELECT statement, without EXPLAIN.' }, analyze: { type: 'boolean', description: 'Execute it and show real times.', default: false } },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: { type: 'object', properties: { plan: { type: 'string' }, analyzed: { type: 'boolean' } }, required: ['plan', 'analyzed'] },
    annotations: READ_ONLY,
    handle: async (args, { signal }) => {
      const sql = String(args['sql']);
      const analyze = args['analyze'] === true;
      try {
        const facts = await database.facts();
        const verdict = await judge(sql, parser, facts.functions);
        if (!verdict.ok) return refusal(refusalText(verdict));
        if (verdict.facts.kind !== 'select') return refusal('Refused: give the SELECT itself, without EXPLAIN or SHOW.');
        const statement = `EXPLAIN (${analyze ? 'ANALYZE, BUFFERS' : 'COSTS'}) ${sql}`;
        const result = await database.read(signal, (client) => readRows(client, statement, [], { ...caps, rowsMax: ROWS_MAX }, facts.types));
        const plan = result.rows.map((row) => String(row[0])).join('\n');
        return { content: [{ type: 'text', text: plan }], structuredContent: { plan, analyzed: analyze } };
      } catch (error) {
        return failure(error);
      }
    },
  };
}

/** `execute_write`: a tool of its own, offered only where the operator asked for it. */
export function executeWriteTool({ database, caps }: SqlToolDeps): ToolDefinition {
  return {
    name: 'execute_write',
    title: 'Run a writing SQL statement',
    description: 'Run one SQL statement that may change data, in a transaction of its own that is committed when it succeeds.',
    inputSchema: { type: 'object', properties: { sql: { type: 'string' } }, required: ['sql'], additionalProperties: false },
    outputSchema: ROWS_SCHEMA,
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    handle: async (args, { signal }) => {
      const startedMs = performance.now();
      try {
        const { types } = await database.facts();
        const result = await database.write(signal, (client) => readRows(client, String(args['sql']), [], caps, types));
        return dataResult('Done and committed.', { columns: result.columns, rows: result.rows, row_count: result.rows.length, truncated: result.truncated, elapsed_ms: performance.now() - startedMs }, result.rows);
      } catch (error) {
        return failure(error);
      }
    },
  };
}

function refusalText(verdict: { readonly reason: string; readonly position?: number | undefined }): string {
  const where = verdict.position === undefined ? '' : ` (at character ${verdict.position + 1})`;
  return `Refused before it reached the database: ${verdict.reason}${where}. This tool runs one reading statement at a time.`;
}
