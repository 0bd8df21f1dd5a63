import type { ToolContext, ToolDefinition, ToolResult } from '../../../mcp/tool-server.ts';
import type { Database } from '../database.ts';
import { dataResult, failure, refusal } from '../results.ts';
import { DETAIL_QUERIES, DETAIL_TYPES, type DetailType } from './detail-queries.ts';
import { LIST_QUERIES, LIST_SCHEMAS, OBJECT_TYPES, type ObjectType } from './list-queries.ts';
import { READ_ONLY } from './sql-tools.ts';

const OBJECTS_MAX = 1_000;
/** Objects of one name in several schemas that are described at a time. */
const DETAILS_MAX = 5;

type Row = Readonly<Record<string, unknown>>;

const TEXT = { type: 'string' } as const;
const OPTIONAL_TEXT = { type: ['string', 'null'] } as const;
const OBJECTS = {
  type: 'array',
  items: { type: 'object', properties: { schema: TEXT, name: TEXT, type: TEXT, comment: OPTIONAL_TEXT } },
} as const;
const LIST = { type: ['array', 'null'] } as const;

/** `list_schemas`, `list_objects`, `get_object_details`: what there is in the database. */
export function schemaTools(database: Database): ToolDefinition[] {
  return [listSchemas(database), listObjects(database), getObjectDetails(database)];
}

function listSchemas(database: Database): ToolDefinition {
  return {
    name: 'list_schemas',
    title: 'List schemas',
    description: 'List the schemas of the PostgreSQL database with their owner, kind and comment.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    outputSchema: {
      type: 'object',
      properties: {
        schemas: {
          type: 'array',
          items: {
            type: 'object',
            properties: { schema_name: TEXT, schema_owner: TEXT, schema_type: TEXT, comment: OPTIONAL_TEXT },
          },
        },
      },
      required: ['schemas'],
    },
    annotations: READ_ONLY,
    handler: (_args, context) =>
      guarded(async () => {
        const schemas = await query(database, context, LIST_SCHEMAS, []);
        return dataResult(counted(schemas.length, 'schema'), { schemas }, schemas);
      }),
  };
}

function listObjects(database: Database): ToolDefinition {
  return {
    name: 'list_objects',
    title: 'List tables and other objects',
    description:
      'List all tables of the PostgreSQL database (show the tables), or its views, functions and other objects, with comments, estimated rows and sizes. Without schema_name: of every user schema.',
    inputSchema: {
      type: 'object',
      properties: {
        schema_name: { type: 'string', description: 'Only this schema.' },
        object_type: { type: 'string', enum: OBJECT_TYPES, default: 'table', description: 'What to list.' },
      },
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: { objects: OBJECTS, truncated: { type: 'boolean' } },
      required: ['objects', 'truncated'],
    },
    annotations: READ_ONLY,
    handler: (args, context) =>
      guarded(async () => {
        const type = args['object_type'] as ObjectType;
        const schema = (args['schema_name'] as string | undefined) ?? null;
        const rows = await query(database, context, `${LIST_QUERIES[type]} LIMIT ${OBJECTS_MAX + 1}`, [
          schema,
        ]);
        const objects = rows.slice(0, OBJECTS_MAX);
        const truncated = rows.length > OBJECTS_MAX;
        const summary = `${counted(objects.length, type.replace('_', ' '))}${truncated ? ', and more: give schema_name' : ''}`;
        const hint =
          rows.length === 0 && schema !== null ? ' list_schemas shows which schemas there are.' : '';
        return dataResult(`${summary}${hint}`, { objects, truncated }, objects);
      }),
  };
}

function getObjectDetails(database: Database): ToolDefinition {
  return {
    name: 'get_object_details',
    title: 'Describe a table or another object',
    description:
      'Describe a table, view or materialized view of the PostgreSQL database: columns with types and comments, keys, foreign keys in both directions, checks, indexes, partitions, policies. Also sequences, functions, types and extensions.',
    inputSchema: {
      type: 'object',
      properties: {
        schema_name: { type: 'string', description: 'Its schema; when absent, every schema is looked in.' },
        object_name: { type: 'string', description: 'Its name, without the schema.' },
        object_type: { type: 'string', enum: DETAIL_TYPES, default: 'table' },
      },
      required: ['object_name'],
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: {
        object: {
          type: 'object',
          properties: {
            schema: TEXT,
            name: TEXT,
            kind: TEXT,
            comment: OPTIONAL_TEXT,
            columns: LIST,
            constraints: LIST,
            foreign_keys: LIST,
            referenced_by: LIST,
            indexes: LIST,
          },
          required: ['schema', 'name', 'kind'],
        },
        others: { ...OBJECTS, description: 'Objects of the same name in other schemas.' },
      },
      required: ['object'],
    },
    annotations: READ_ONLY,
    handler: (args, context) =>
      guarded(async () => {
        const type = args['object_type'] as DetailType;
        const { schema, name } = splitName(args);
        const rows = await query(database, context, `${DETAIL_QUERIES[type]} LIMIT ${DETAILS_MAX}`, [
          schema,
          name,
        ]);
        const found = rows.map((row) => row['object'] as Row);
        const [object, ...others] = found;
        const shown = schema === null ? name : `${schema}.${name}`;
        if (object === undefined) {
          return refusal(
            `There is no ${type.replace('_', ' ')} ${shown}, or the role of this connector may not see it. Use list_objects to see what there is.`,
          );
        }
        const structured = others.length === 0 ? { object } : { object, others };
        const summary =
          others.length === 0 ? '' : ` There are ${others.length} more of that name in other schemas.`;
        return dataResult(`${String(object['kind'])} ${shown}.${summary}`, structured, structured);
      }),
  };
}

/** A name written as `schema.name` means both, when no schema is given. */
function splitName(args: Row): { readonly schema: string | null; readonly name: string } {
  const name = String(args['object_name']);
  if (typeof args['schema_name'] === 'string') return { schema: args['schema_name'], name };
  const dot = name.indexOf('.');
  return dot < 0 ? { schema: null, name } : { schema: name.slice(0, dot), name: name.slice(dot + 1) };
}

async function query(
  database: Database,
  context: ToolContext,
  text: string,
  values: readonly unknown[],
): Promise<readonly Row[]> {
  return database.read(
    context,
    async ({ client }) => (await client.query<Row>({ text, values: [...values] })).rows,
  );
}

async function guarded(work: () => Promise<ToolResult>): Promise<ToolResult> {
  try {
    return await work();
  } catch (error) {
    return failure(error);
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : what.endsWith('x') ? 'es' : 's'}.`;
}
