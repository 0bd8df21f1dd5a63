import type { ToolContext } from '../../mcp/tool-context.ts';
import type { CompletionQuestion, ServerExtras, ServerResources } from '../../mcp/tool-extras.ts';
import { PROMPTS } from './prompts.ts';
import { queryRows } from './tools/catalog-rows.ts';
import { getObjectDetailsTool } from './tools/object-details.ts';
import { runListObjects } from './tools/list-objects.ts';
import { listSchemasTool } from './tools/list-schemas.ts';
import type { ToolDeps } from './tools/tool-deps.ts';
import type { ToolResult } from '../../mcp/tool-server.ts';

const SCHEME = 'postgres-schema:';
const MIME = 'text/plain';
const TEMPLATE_SCHEMA = `${SCHEME}//{database}/{schema}`;
const TEMPLATE_TABLE = `${SCHEME}//{database}/{schema}/{table}`;
/** Names that one completion reads. */
const NAMES_MAX = 101;

const SCHEMA_NAMES = `
  SELECT n.nspname::text AS name FROM pg_catalog.pg_namespace AS n
  WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND has_schema_privilege(n.oid, 'USAGE')
    AND starts_with(lower(n.nspname), lower($1::text)) AND $2::text IS NULL
  ORDER BY 1 LIMIT ${NAMES_MAX}`;

/** $1 what was typed, $2 a schema or null. */
const TABLE_NAMES = `
  SELECT DISTINCT c.relname::text AS name FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE')
    AND CASE WHEN $2::text IS NULL THEN n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ELSE n.nspname = $2::text END
    AND starts_with(lower(c.relname), lower($1::text))
  ORDER BY 1 LIMIT ${NAMES_MAX}`;

/** Resources, prompts and completion over these databases. Their lists do not depend on a database, so that one that is down hides nothing. */
export function extrasOf(all: ReadonlyMap<string, ToolDeps>): ServerExtras {
  return {
    resources: resourcesOf(all),
    prompts: PROMPTS,
    complete: (question, context) => complete(all, question, context),
  };
}

function resourcesOf(all: ReadonlyMap<string, ToolDeps>): ServerResources {
  return {
    listed: [...all.keys()].map((name) => ({
      uri: `${SCHEME}//${encodeURIComponent(name)}`,
      name,
      title: `Schemas of ${name}`,
      description: `The schemas of PostgreSQL database ${name}.`,
      mimeType: MIME,
    })),
    templates: [
      {
        uriTemplate: TEMPLATE_SCHEMA,
        name: 'schema',
        title: 'Tables of a schema',
        description: 'The tables of one schema, with comments, estimated rows and sizes.',
        mimeType: MIME,
      },
      {
        uriTemplate: TEMPLATE_TABLE,
        name: 'table',
        title: 'A table',
        description: 'Columns, keys, indexes and policies of one table or view.',
        mimeType: MIME,
      },
    ],
    read: async (uri, context) => {
      const [database, schema, table] = partsOf(uri) ?? [];
      const deps = all.get(database ?? '');
      if (deps === undefined)
        return { problem: `there is no resource ${uri.slice(0, 200)}; their form is ${TEMPLATE_TABLE}` };
      const result = await readPart(deps, schema, table, context);
      const text = result.content.map((block) => String(block['text'])).join('\n');
      return result.isError === true ? { problem: text } : { text, mimeType: MIME };
    },
  };
}

/** The same text that the tools give, marks included: what reads it is a model, too. */
function readPart(
  deps: ToolDeps,
  schema: string | undefined,
  table: string | undefined,
  context: ToolContext,
): Promise<ToolResult> {
  if (schema === undefined) return listSchemasTool(deps).handler({}, context);
  if (table === undefined)
    return runListObjects(deps, { schema_name: schema, object_type: 'table' }, 0, context);
  return getObjectDetailsTool(deps).handler(
    { schema_name: schema, object_name: table, object_type: 'table' },
    context,
  );
}

/** Database, schema and table, as far as the URI goes; `undefined` for one that is none of ours. */
function partsOf(uri: string): readonly string[] | undefined {
  if (!uri.startsWith(`${SCHEME}//`)) return undefined;
  try {
    const parts = uri
      .slice(SCHEME.length + 2)
      .split('/')
      .map(decodeURIComponent);
    return parts.length <= 3 && parts.every((part) => part !== '') ? parts : undefined;
  } catch {
    return undefined;
  }
}

async function complete(
  all: ReadonlyMap<string, ToolDeps>,
  { argument, value, known }: CompletionQuestion,
  context: ToolContext,
): Promise<readonly string[]> {
  if (argument === 'database') return [...all.keys()].filter((name) => name.startsWith(value));
  const text = argument === 'schema' ? SCHEMA_NAMES : argument === 'table' ? TABLE_NAMES : undefined;
  const deps = all.get(known['database'] ?? '') ?? [...all.values()][0]!;
  if (text === undefined) return [];
  const schema = argument === 'table' ? (known['schema'] ?? null) : null;
  try {
    const rows = await queryRows(deps.database, context, text, [value, schema]);
    return rows.map((row) => String(row['name']));
  } catch {
    // Whoever types can go on without suggestions; a call will say what is wrong.
    return [];
  }
}
