import type { ToolDefinition, ToolResult } from '../../../mcp/tool-server.ts';
import type { Database } from '../database.ts';
import { judge } from '../guard/guard.ts';
import { UNCOUNTED } from '../guard/node-tags.ts';
import { statementName } from '../guard/statement-facts.ts';
import { refusal } from '../results.ts';
import { type ReadRows, readRows } from '../rows.ts';
import type { Session } from '../session.ts';
import { failureWithNames } from './near-relations.ts';
import { refuse, ROWS_SCHEMA, rowsResult } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

/** Undoes the transaction: more rows would be changed than the caller meant. */
class TooManyRows extends Error {
  override readonly name = 'TooManyRows';
}

function descriptionFor(definesToo: boolean): string {
  const what = definesToo
    ? 'rows (INSERT, UPDATE, DELETE, MERGE; RETURNING gives rows), or tables, views and indexes (CREATE, ALTER, DROP, TRUNCATE)'
    : 'rows (INSERT, UPDATE, DELETE, MERGE; RETURNING gives rows)';
  return `Run one SQL statement that changes ${what} of the PostgreSQL database, in a transaction of its own that is committed when it succeeds. Try it with dry_run first.`;
}

const OUTPUT_SCHEMA = {
  ...ROWS_SCHEMA,
  properties: {
    ...ROWS_SCHEMA.properties,
    affected_rows: { type: 'integer', description: 'Rows that it changed, or would change.' },
    changed_rows: {
      type: 'integer',
      description: 'The same with those that WITH, triggers and foreign keys changed.',
    },
    committed: { type: 'boolean' },
  },
  required: [...ROWS_SCHEMA.required, 'affected_rows', 'changed_rows', 'committed'],
} as const;

/** `execute_write`: a tool of its own, offered only where the operator asked for it, on the connection of the role that writes. */
export function executeWriteTool(deps: ToolDeps, writer: Database): ToolDefinition {
  return {
    name: 'execute_write',
    title: 'Run a writing SQL statement',
    description: descriptionFor(deps.definesToo),
    inputSchema: {
      type: 'object',
      properties: {
        sql: { type: 'string', description: 'One statement.' },
        dry_run: {
          type: 'boolean',
          default: false,
          description: 'Execute it, tell what it would change, and roll back.',
        },
        max_affected_rows: {
          type: 'integer',
          minimum: 0,
          description:
            'Roll back and fail when it would change more rows, all told. Not for TRUNCATE, DROP and ALTER TABLE.',
        },
      },
      required: ['sql'],
      additionalProperties: false,
    },
    outputSchema: OUTPUT_SCHEMA,
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    handler: async (args, context) => {
      const sql = String(args['sql']);
      const isDry = args['dry_run'] === true;
      const changedMax = Number(args['max_affected_rows'] ?? Number.POSITIVE_INFINITY);
      const startedMs = performance.now();
      try {
        const facts = await writer.facts();
        const verdict = await judge(sql, deps.definesToo ? 'define' : 'write', deps.parser, facts.functions);
        if (!verdict.ok) return refuse(verdict);
        const { statement } = verdict.facts;
        if (Number.isFinite(changedMax) && UNCOUNTED.has(statement))
          return refusal(
            `Refused before it reached the database: PostgreSQL does not count the rows that ${statementName(statement)} takes away or changes, so max_affected_rows cannot bound it. Leave max_affected_rows out, or count the rows first; DELETE and UPDATE are counted.`,
          );
        const run = isDry ? writer.tryOut.bind(writer) : writer.write.bind(writer);
        const done = await run(
          context,
          async (session): Promise<Written> => {
            const before = await changesOf(session);
            const rows = await readRows(session, sql, deps.caps, facts.types, 0, true);
            // What is done at the end otherwise, where a trial does not come, and after rows have been counted.
            await session.client.query('SET CONSTRAINTS ALL IMMEDIATE');
            // A SELECT gives rows, and changes those of its WITH.
            const own = statement === 'SelectStmt' ? 0 : (rows.affectedRows ?? 0);
            const changed = Math.max(own, (await changesOf(session)) - before);
            if (changed > changedMax) throw new TooManyRows(String(changed));
            return { rows, affected: own === 0 ? changed : own, changed, notices: session.notices };
          },
          facts,
        );
        return written(done, { isDry, startedMs });
      } catch (error) {
        if (error instanceof TooManyRows)
          return refusal(
            `Rolled back, nothing has changed: ${error.message} rows would be changed, and max_affected_rows is ${changedMax}.`,
          );
        return failureWithNames(error, writer, context);
      }
    },
  };
}

interface Written {
  readonly rows: ReadRows;
  /** Rows that the statement itself names. */
  readonly affected: number;
  /** With those that WITH, triggers and foreign keys changed. */
  readonly changed: number;
  readonly notices: readonly string[];
}

/** Row changes that this session has counted and not reported yet; the difference of two is what happened between them. */
const CHANGES = `
  SELECT coalesce(pg_catalog.sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::float8 AS changes FROM pg_catalog.pg_stat_xact_user_tables AS s`;

async function changesOf({ client }: Session): Promise<number> {
  return (await client.query<{ changes: number }>(CHANGES)).rows[0]?.changes ?? 0;
}

function written(
  { rows, affected, changed, notices }: Written,
  { isDry, startedMs }: { readonly isDry: boolean; readonly startedMs: number },
): ToolResult {
  const more = changed > affected ? `, ${changed} with those of WITH, triggers and foreign keys` : '';
  const said = isDry
    ? `Rolled back as asked; ${affected} rows would be affected${more}. Sequences may have moved on.`
    : `Committed; ${affected} rows affected${more}.`;
  return rowsResult(rows, {
    nextCursor: null,
    startedMs,
    notices,
    done: { said, members: { affected_rows: affected, changed_rows: changed, committed: !isDry } },
  });
}
