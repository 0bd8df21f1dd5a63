import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { counted, dataResult, objectLines } from '../results.ts';
import { describeConnectError } from '../errors.ts';
import { queryRows, type Row } from './catalog-rows.ts';
import { READ_ONLY } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

const TEXT = { type: 'string' } as const;
const OPTIONAL_TEXT = { type: ['string', 'null'] } as const;

const ABOUT = `
  SELECT d.datname::text AS database, current_user::text AS role, current_setting('server_version') AS server_version,
         pg_size_pretty(pg_database_size(d.oid)) AS size, pg_encoding_to_char(d.encoding)::text AS encoding,
         shobj_description(d.oid, 'pg_database') AS comment,
         (SELECT count(*)::int FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
            AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))) AS readable_tables,
         (SELECT array_agg(o.datname::text ORDER BY o.datname) FROM pg_catalog.pg_database AS o
          WHERE NOT o.datistemplate AND o.datallowconn AND o.oid <> d.oid) AS others_on_server
  FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()`;

/** `list_databases`: the databases that this connector reads, and what it sees of them. One that is down does not hide the others. */
export function listDatabasesTool(all: ReadonlyMap<string, ToolDeps>): ToolDefinition {
  return {
    name: 'list_databases',
    title: 'List databases',
    description:
      'List the databases that these tools read: name, server version, role, size, number of tables the role can read; other databases on the same server, which cannot be read from here.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    outputSchema: {
      type: 'object',
      properties: {
        databases: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              name: { type: 'string', description: 'For the argument "database", where tools have one.' },
              database: TEXT,
              role: TEXT,
              server_version: TEXT,
              size: TEXT,
              encoding: TEXT,
              comment: OPTIONAL_TEXT,
              readable_tables: { type: 'integer' },
              others_on_server: { type: ['array', 'null'], items: TEXT },
              unavailable: { type: 'string', description: 'Why it cannot be read now.' },
            },
            required: ['name'],
          },
        },
      },
      required: ['databases'],
    },
    annotations: READ_ONLY,
    handler: async (_args, context) => {
      const databases = await Promise.all([...all.values()].map((deps) => about(deps, context)));
      return dataResult(counted(databases.length, 'database'), { databases }, objectLines(databases));
    },
  };
}

async function about({ name, database }: ToolDeps, context: ToolContext): Promise<Row> {
  try {
    const [row] = await queryRows(database, context, ABOUT, []);
    return { name, ...row };
  } catch (error) {
    return { name, unavailable: describeConnectError(error) };
  }
}
