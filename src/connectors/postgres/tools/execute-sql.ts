import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { READ_ONLY, ROWS_MAX, ROWS_SCHEMA, runSql, type SqlPage } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

/** `execute_sql`: one reading statement. */
export function executeSqlTool(deps: ToolDeps): ToolDefinition {
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
          description: `Rows to return at most (default ${deps.caps.rowsMax}).`,
          minimum: 1,
          maximum: ROWS_MAX,
        },
        cursor: {
          type: 'string',
          description: 'To go on: next_cursor, with the same sql, which runs again; give it an ORDER BY.',
        },
      },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: ROWS_SCHEMA,
    annotations: READ_ONLY,
    handler: async (args, context) => {
      const sql = String(args['sql']);
      const rows = args['max_rows'] === undefined ? {} : { max_rows: Number(args['max_rows']) };
      if (args['cursor'] === undefined) return runSql(deps, { sql, ...rows }, 0, context);
      const page = deps.cursors.read(String(args['cursor']), context.principalId);
      const before = page.args as unknown as SqlPage;
      if (page.tool !== 'execute_sql' || page.database !== deps.name || before.sql !== sql)
        throw new InvalidArguments(
          'Argument "cursor" belongs to another statement; send the very same "sql" with it.',
        );
      return runSql(deps, { ...before, ...rows }, page.skip, context);
    },
  };
}

/** `query`: execute_sql by the name that the archived reference server gave it. */
export function queryTool(deps: ToolDeps): ToolDefinition {
  return {
    name: 'query',
    title: 'Run a read-only query',
    description: 'Run a read-only SQL query. The same as execute_sql.',
    inputSchema: {
      type: 'object',
      properties: { sql: { type: 'string' } },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: ROWS_SCHEMA,
    annotations: READ_ONLY,
    handler: (args, context) => runSql(deps, { sql: String(args['sql']) }, 0, context),
  };
}
