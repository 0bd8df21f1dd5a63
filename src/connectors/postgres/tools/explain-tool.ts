import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { judge } from '../guard/guard.ts';
import { dataResult, failure, refusal } from '../results.ts';
import { readRows } from '../rows.ts';
import { READ_ONLY, refuse, ROWS_MAX } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

/** `explain_query`: the plan of one reading statement, executed only when asked. */
export function explainQueryTool({ database, parser, caps }: ToolDeps): ToolDefinition {
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
