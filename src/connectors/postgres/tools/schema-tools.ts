import { InvalidArguments, type ToolDefinition, type ToolResult } from '../../../mcp/tool-server.ts';
import type { Database } from '../database.ts';
import { dataResult, failure, refusal } from '../results.ts';
import { DETAIL_QUERIES, LIST_QUERIES, LIST_SCHEMAS, OBJECT_TYPES, type ObjectType } from './schema-queries.ts';
import { READ_ONLY } from './sql-tools.ts';

const OBJECTS_MAX = 1_000;

type Row = Readonly<Record<string, unknown>>;

/** `list_schemas`, `list_objects`, `get_object_details`: what there is in the database. */
export function schemaTools(database: Database): ToolDefinition[] {
  const query = (signal: AbortSignal, text: string, values: readonly unknown[]): Promise<readonly Row[]> => database.read(signal, async (client) => (await client.query<Row>({ text, values: [...values] })).rows);
  const guarded = async (work: () => Promise<ToolResult>): Promise<ToolResult> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof InvalidArguments) throw error;
      return failure(error);
    }
  };
  return [
    {
      name: 'list_schemas',
      title: 'List schemas',
      description: 'List the schemas of the database with their owner, kind and comment.',
      inputSchema: { type: 'object', properties: {}, additionalProperties: false },
      outputSchema: { type: 'object', properties: { schemas: { type: 'array', items: { type: 'object' } } }, required: ['schemas'] },
      annotations: READ_ONLY,
      handle: (_args, { signal }) =>
        guarded(async () => {
          const schemas = await query(signal, LIST_SCHEMAS, []);
          return dataResult(`${schemas.length} schemas.`, { schemas }, schemas);
        }),
    },
    {
      name: 'list_objects',
      title: 'List tables and other objects',
      description: 'List all tables of the database, or objects of another type, with comments, estimated rows and sizes. Without schema_name: every user schema.',
      inputSchema: {
        type: 'object',
        properties: {
          schema_name: { type: 'string', description: 'Only this schema.' },
          object_type: { type: 'string', enum: OBJECT_TYPES, default: 'table', description: 'What to list.' },
        },
        additionalProperties: false,
      },
      outputSchema: { type: 'object', properties: { objects: { type: 'array', items: { type: 'object' } }, truncated: { type: 'boolean' } }, required: ['objects', 'truncated'] },
      annotations: READ_ONLY,
      handle: (args, { signal }) =>
        guarded(async () => {
          const type = (args['object_type'] ?? 'table') as ObjectType;
          const schema = args['schema_name'] ?? null;
          const rows = await query(signal, `${LIST_QUERIES[type]} LIMIT ${OBJECTS_MAX + 1}`, [schema]);
          const objects = rows.slice(0, OBJECTS_MAX);
          const truncated = rows.length > OBJECTS_MAX;
          const where = typeof schema === 'string' ? ` in schema ${schema}` : '';
          return dataResult(`${objects.length} object${objects.length === 1 ? '' : 's'} of type ${type}${where}${truncated ? ', and more' : ''}.`, { objects, truncated }, objects);
        }),
    },
    {
      name: 'get_object_details',
      title: 'Describe a table or another object',
      description: 'Describe a table, view or materialized view: columns with types and comments, keys, foreign keys in both directions, checks, indexes, partitions, policies. Also sequences, extensions and functions.',
      inputSchema: {
        type: 'object',
        properties: {
          schema_name: { type: 'string' },
          object_name: { type: 'string' },
          object_type: { type: 'string', enum: Object.keys(DETAIL_QUERIES), default: 'table' },
        },
        required: ['schema_name', 'object_name'],
        additionalProperties: false,
      },
      outputSchema: { type: 'object', properties: { object: { type: 'object' } }, required: ['object'] },
      annotations: READ_ONLY,
      handle: (args, { signal }) =>
        guarded(async () => {
          const type = (args['object_type'] ?? 'table') as keyof typeof DETAIL_QUERIES;
          const name = `${String(args['schema_name'])}.${String(args['object_name'])}`;
          const [object] = await query(signal, DETAIL_QUERIES[type], [args['schema_name'], args['object_name']]);
          if (object === undefined) return refusal(`There is no ${type} ${name}, or the role of this connector may not see it. Use list_objects to see what there is.`);
          return dataResult(`${type} ${name}.`, { object }, object);
        }),
    },
  ];
}
