import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { dataResult, guarded, refusal } from '../results.ts';
import { queryRows } from './catalog-rows.ts';
import { READ_ONLY } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

const TABLES_DEFAULT = 30;
const TABLES_MAX = 100;
/** Columns of one table in the diagram; keys come first. */
const COLUMNS_MAX = 40;

interface Column {
  readonly name: string;
  readonly type: string;
  readonly key: 'PK' | 'FK' | 'PK, FK' | 'UK' | null;
}

interface Table {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly Column[] | null;
}

interface Relation {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly columns: readonly string[];
  readonly nullable: boolean;
  readonly single: boolean;
}

/** $1 schema or null, $2 table names or null, $3 how many; those with most foreign keys first, so that the bound keeps what is connected. */
const TABLES = `
  SELECT n.nspname::text AS schema, c.relname::text AS name,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'key',
        CASE WHEN k.p AND k.f THEN 'PK, FK' WHEN k.p THEN 'PK' WHEN k.f THEN 'FK' WHEN k.u THEN 'UK' END)
        ORDER BY k.p DESC NULLS LAST, k.f DESC NULLS LAST, a.attnum)
     FROM pg_catalog.pg_attribute AS a CROSS JOIN LATERAL (
       SELECT bool_or(o.contype = 'p') AS p, bool_or(o.contype = 'f') AS f, bool_or(o.contype = 'u') AS u
       FROM pg_catalog.pg_constraint AS o WHERE o.conrelid = c.oid AND a.attnum = ANY (o.conkey)) AS k
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE')
    AND CASE WHEN $1::text IS NULL THEN n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ELSE n.nspname = $1::text END
    AND ($2::text[] IS NULL OR c.relname = ANY ($2::text[]))
  ORDER BY (SELECT count(*) FROM pg_catalog.pg_constraint AS o
            WHERE o.contype = 'f' AND o.conparentid = 0 AND c.oid IN (o.conrelid, o.confrelid)) DESC, 1, 2
  LIMIT $3::int`;

/** $1: the tables that are shown, each as `schema.name`. */
const RELATIONS = `
  SELECT o.conname::text AS name, fn.nspname || '.' || f.relname AS "from", tn.nspname || '.' || t.relname AS "to",
    (SELECT json_agg(a.attname ORDER BY u.at) FROM unnest(o.conkey) WITH ORDINALITY AS u (number, at)
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = o.conrelid AND a.attnum = u.number) AS columns,
    EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = o.conrelid AND a.attnum = ANY (o.conkey) AND NOT a.attnotnull) AS nullable,
    EXISTS (SELECT FROM pg_catalog.pg_constraint AS s
            WHERE s.conrelid = o.conrelid AND s.contype IN ('p', 'u') AND s.conkey <@ o.conkey) AS single
  FROM pg_catalog.pg_constraint AS o
  JOIN pg_catalog.pg_class AS f ON f.oid = o.conrelid JOIN pg_catalog.pg_namespace AS fn ON fn.oid = f.relnamespace
  JOIN pg_catalog.pg_class AS t ON t.oid = o.confrelid JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
  WHERE o.contype = 'f' AND o.conparentid = 0
    AND fn.nspname || '.' || f.relname = ANY ($1::text[]) AND tn.nspname || '.' || t.relname = ANY ($1::text[])
  ORDER BY 2, 1`;

/** `get_er_diagram`: tables and their foreign keys as a Mermaid diagram. */
export function erDiagramTool({ database }: ToolDeps): ToolDefinition {
  return {
    name: 'get_er_diagram',
    title: 'Draw an entity-relationship diagram',
    description:
      'Draw tables of the PostgreSQL database and their foreign keys as a Mermaid entity-relationship diagram. Bounded: the most connected tables first.',
    inputSchema: {
      type: 'object',
      properties: {
        schema_name: { type: 'string', description: 'Only this schema; otherwise every user schema.' },
        tables: { type: 'array', items: { type: 'string' }, description: 'Only tables of these names.' },
        columns: {
          type: 'string',
          enum: ['all', 'keys', 'none'],
          default: 'keys',
          description: 'Which columns to show.',
        },
        max_tables: { type: 'integer', minimum: 1, maximum: TABLES_MAX, default: TABLES_DEFAULT },
      },
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: {
        mermaid: { type: 'string' },
        tables: { type: 'integer' },
        relations: { type: 'integer' },
        truncated: { type: 'boolean', description: 'There are more tables or columns.' },
      },
      required: ['mermaid', 'tables', 'relations', 'truncated'],
    },
    annotations: READ_ONLY,
    handler: (args, context) =>
      guarded(database.isMasked, async () => {
        const schema = (args['schema_name'] as string | undefined) ?? null;
        const only = Array.isArray(args['tables']) ? args['tables'].map(String) : null;
        const max = Number(args['max_tables']);
        const found = (await queryRows(database, context, TABLES, [
          schema,
          only,
          max + 1,
        ])) as readonly unknown[] as readonly Table[];
        const tables = found.slice(0, max);
        if (tables.length === 0)
          return refusal('There are no such tables. Use list_objects to see what there is.');
        const names = tables.map((table) => `${table.schema}.${table.name}`);
        const relations = (await queryRows(database, context, RELATIONS, [
          names,
        ])) as readonly unknown[] as readonly Relation[];
        const shown = args['columns'] as 'all' | 'keys' | 'none';
        const { text, isCut } = diagram(tables, relations, shown);
        const truncated = isCut || found.length > max;
        const structured = { mermaid: text, tables: tables.length, relations: relations.length, truncated };
        const summary = `Mermaid diagram of ${tables.length} tables and ${relations.length} foreign keys.${
          truncated
            ? ' There are more tables or columns: give schema_name or tables, or raise max_tables.'
            : ''
        }`;
        return dataResult(summary, structured, text);
      }),
  };
}

function diagram(
  tables: readonly Table[],
  relations: readonly Relation[],
  shown: 'all' | 'keys' | 'none',
): { readonly text: string; readonly isCut: boolean } {
  // One schema needs no prefix.
  const isOne = new Set(tables.map((table) => table.schema)).size === 1;
  const ids = new Map(
    tables.map(({ schema, name }) => [`${schema}.${name}`, quoted(isOne ? name : `${schema}.${name}`)]),
  );
  let isCut = false;
  const lines = ['erDiagram'];
  for (const { schema, name, columns } of tables) {
    const id = ids.get(`${schema}.${name}`)!;
    const wanted = (columns ?? []).filter(
      (column) => shown === 'all' || (shown === 'keys' && column.key !== null),
    );
    isCut ||= wanted.length > COLUMNS_MAX;
    if (wanted.length === 0) {
      lines.push(`  ${id}`);
      continue;
    }
    lines.push(`  ${id} {`, ...wanted.slice(0, COLUMNS_MAX).map(columnLine), '  }');
  }
  for (const { from, to, columns, nullable, single } of relations) {
    const many = single ? 'o|' : 'o{';
    lines.push(
      `  ${ids.get(to)} ${nullable ? '|o' : '||'}--${many} ${ids.get(from)} : ${quoted(columns.join(', '))}`,
    );
  }
  return { text: lines.join('\n'), isCut };
}

function columnLine({ name, type, key }: Column): string {
  // A word in Mermaid's grammar: letters, digits, underscores, hyphens, brackets.
  const word = (text: string): string => text.replaceAll(/[^\p{L}\p{N}_()[\]-]+/gu, '_') || '_';
  return `    ${word(type)} ${word(name)}${key === null ? '' : ` ${key}`}`;
}

/** A name that Mermaid reads as one; quotes and line ends cannot end it. */
function quoted(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `"${name.replaceAll(/["\r\n]+/g, '_')}"`;
}
