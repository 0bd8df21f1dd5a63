import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { ToolDefinition, ToolResult } from '../../../mcp/tool-server.ts';
import { counted, dataResult, guarded, objectLines } from '../results.ts';
import { queryRows } from './catalog-rows.ts';
import { LIST_QUERIES, OBJECT_TYPES, type ObjectType } from './list-queries.ts';
import { READ_ONLY } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

const OBJECTS_MAX = 1_000;
const TEXT = { type: 'string' } as const;

const OUTPUT_SCHEMA = {
  type: 'object',
  properties: {
    objects: {
      type: 'array',
      items: {
        type: 'object',
        properties: { schema: TEXT, name: TEXT, type: TEXT, comment: { type: ['string', 'null'] } },
        required: ['schema', 'name', 'type'],
      },
    },
    truncated: { type: 'boolean' },
    next_cursor: { type: ['string', 'null'] },
  },
  required: ['objects', 'truncated', 'next_cursor'],
} as const;

/** Which objects, as the tool's arguments and a cursor say it. */
export interface ObjectsPage {
  readonly schema_name?: string;
  readonly object_type: ObjectType;
}

/** `list_objects`: tables, or objects of another type. */
export function listObjectsTool(deps: ToolDeps): ToolDefinition {
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
    outputSchema: OUTPUT_SCHEMA,
    annotations: READ_ONLY,
    handler: (args, context) => runListObjects(deps, args as unknown as ObjectsPage, 0, context),
  };
}

/** `list_tables`: the tables, by the name that several servers give it. */
export function listTablesTool(deps: ToolDeps): ToolDefinition {
  return {
    name: 'list_tables',
    title: 'List tables',
    description: 'List the tables of the database. The same as list_objects for tables.',
    inputSchema: {
      type: 'object',
      properties: { schema: { type: 'string' }, schema_name: { type: 'string' } },
      additionalProperties: false,
    },
    outputSchema: OUTPUT_SCHEMA,
    annotations: READ_ONLY,
    handler: (args, context) => {
      const schema = args['schema_name'] ?? args['schema'];
      if (args['schema'] !== undefined && schema !== args['schema'])
        throw new InvalidArguments('"schema" and "schema_name" of list_tables name different schemas.');
      const named = schema === undefined ? {} : { schema_name: String(schema) };
      return runListObjects(deps, { ...named, object_type: 'table' }, 0, context);
    },
  };
}

/** One page of objects, after leaving out `skip`. Never rejects. */
export function runListObjects(
  { database, cursors, name }: ToolDeps,
  page: ObjectsPage,
  skip: number,
  context: ToolContext,
): Promise<ToolResult> {
  return guarded(database.isMasked, async () => {
    const { object_type: type, schema_name: schema = null } = page;
    const text = `${LIST_QUERIES[type]} LIMIT ${OBJECTS_MAX + 1} OFFSET ${skip}`;
    const rows = await queryRows(database, context, text, [schema]);
    const objects = rows.slice(0, OBJECTS_MAX);
    const truncated = rows.length > OBJECTS_MAX;
    const next = { database: name, tool: 'list_objects', args: { ...page }, skip: skip + objects.length };
    const nextCursor = truncated ? cursors.write(next, context.principalId) : null;
    const summary = [
      counted(objects.length, type.replace('_', ' ')),
      truncated
        ? `There are more: give schema_name, use search_objects, or fetch_more with cursor ${nextCursor}`
        : '',
      rows.length === 0 && schema !== null ? 'list_schemas shows which schemas there are.' : '',
    ];
    return dataResult(
      summary.filter((part) => part !== '').join(' '),
      { objects, truncated, next_cursor: nextCursor },
      // Which type they are of was said; the names of their columns are.
      objectLines(objects.map(({ type: _type, ...object }) => object)),
    );
  });
}
