import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { counted, dataResult, guarded, objectLines } from '../results.ts';
import { queryRows } from './catalog-rows.ts';
import { LIST_SCHEMAS } from './list-queries.ts';
import { READ_ONLY } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

const TEXT = { type: 'string' } as const;

/** `list_schemas`: the schemas that there are. */
export function listSchemasTool({ database }: ToolDeps): ToolDefinition {
  return {
    name: 'list_schemas',
    title: 'List schemas',
    description: 'List the schemas of the PostgreSQL database with their owner, kind and comment.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    outputSchema: {
      type: 'object',
      properties: {
        role: { type: 'object', description: 'Which role reads, and how much of the database it may read.' },
        schemas: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              schema_name: TEXT,
              schema_owner: TEXT,
              schema_type: TEXT,
              usable: { type: 'boolean' },
              comment: { type: ['string', 'null'] },
            },
          },
        },
      },
      required: ['schemas', 'role'],
    },
    annotations: READ_ONLY,
    handler: (_args, context) =>
      guarded(database.isMasked, async () => {
        const schemas = await queryRows(database, context, LIST_SCHEMAS, []);
        const { user, sees } = await database.facts();
        const hidden = sees.relationsInAll - sees.relations;
        const role = { name: user, readable_relations: sees.relations, hidden_relations: hidden };
        const short =
          hidden === 0
            ? ''
            : ` The role ${user} may read ${sees.relations} of ${sees.relationsInAll} tables and views; the operator can grant more.`;
        return dataResult(
          `${counted(schemas.length, 'schema')}${short}`,
          { schemas, role },
          objectLines(schemas),
        );
      }),
  };
}
