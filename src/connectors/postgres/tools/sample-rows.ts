import { quoteIdentifier } from '../role.ts';
import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { guarded, refusal } from '../results.ts';
import { queryRows, splitName } from './catalog-rows.ts';
import { meantBy } from './near-relations.ts';
import { READ_ONLY, ROWS_SCHEMA, runSql } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

const ROWS_DEFAULT = 5;
const ROWS_MAX = 100;
/** As many times the rows asked for are drawn, so that none are missing in the end. */
const SURPLUS = 20;
/** Tables with at most so many rows are drawn from as a whole. */
const WHOLE_ROWS = 10_000;
/** Tables with at most so many are read as a whole to draw from; of larger ones, some pages are. */
const SCANNED_ROWS = 1_000_000;

/** The columns that the role may read; $1 schema or null, $2 name. */
const READABLE = `
  SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, c.reltuples::float8 AS rows,
         array_agg(a.attname::text ORDER BY a.attnum) AS columns, has_table_privilege(c.oid, 'SELECT') AS whole
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE ($1::text IS NULL OR n.nspname = $1::text) AND c.relname = $2::text AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
    AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
  GROUP BY n.nspname, c.oid, c.relname, c.relkind, c.reltuples
  ORDER BY array_position(pg_catalog.current_schemas(false), n.nspname), n.nspname LIMIT 1`;

interface Readable {
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly whole: boolean;
}

/** `sample_rows`: a look at what a table holds. */
export function sampleRowsTool(deps: ToolDeps): ToolDefinition {
  return {
    name: 'sample_rows',
    title: 'Show some rows of a table',
    description:
      'Show a few rows of a table or view of the PostgreSQL database: the first that come, or random ones. Only columns that the role may read.',
    inputSchema: {
      type: 'object',
      properties: {
        object_name: { type: 'string', description: 'Table or view, without the schema.' },
        schema_name: { type: 'string' },
        rows: { type: 'integer', minimum: 1, maximum: ROWS_MAX, default: ROWS_DEFAULT },
        random: { type: 'boolean', default: false, description: 'From all over the table; tables only.' },
      },
      required: ['object_name'],
      additionalProperties: false,
    },
    outputSchema: ROWS_SCHEMA,
    annotations: READ_ONLY,
    handler: (args, context) =>
      guarded(deps.database.isMasked, async () => {
        const { schema, name } = splitName(args);
        const [found] = (await queryRows(deps.database, context, READABLE, [
          schema,
          name,
        ])) as readonly unknown[] as readonly Readable[];
        if (found === undefined) {
          const shown = schema === null ? name : `${schema}.${name}`;
          const meant = await meantBy(name, deps.database, context);
          return refusal(
            `There is no table or view ${shown} with a column that the role of this connector may read. Use list_objects to see what there is.${meant}`,
          );
        }
        const sql = sampleStatement(found, Number(args['rows']), args['random'] === true);
        return runSql(deps, { sql, max_rows: ROWS_MAX }, 0, context);
      }),
  };
}

function sampleStatement(found: Readable, rows: number, isRandom: boolean): string {
  const { schema, name, kind, rows: estimate, columns, whole } = found;
  const list = whole ? '*' : columns.map(quoteIdentifier).join(', ');
  const from = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
  const isTable = kind === 'r' || kind === 'm' || kind === 'p';
  if (!isRandom || !isTable) return `SELECT ${list} FROM ${from} LIMIT ${rows}`;
  const percent = Math.min(100, (100 * SURPLUS * rows) / estimate);
  const method = estimate <= SCANNED_ROWS ? 'BERNOULLI' : 'SYSTEM';
  const sample = estimate <= WHOLE_ROWS ? '' : ` TABLESAMPLE ${method} (${percent.toFixed(6)})`;
  return `SELECT ${list} FROM ${from}${sample} ORDER BY pg_catalog.random() LIMIT ${rows}`;
}
