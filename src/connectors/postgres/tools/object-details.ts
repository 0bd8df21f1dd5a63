import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { dataResult, guarded, objectLines, refusal } from '../results.ts';
import { queryRows, type Row, splitName } from './catalog-rows.ts';
import { meantBy } from './near-relations.ts';
import { DETAIL_QUERIES, DETAIL_TYPES, type DetailType } from './detail-queries.ts';
import { READ_ONLY } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

/** Objects of one name in several schemas that are described at a time. */
const DETAILS_MAX = 5;

const TEXT = { type: 'string' } as const;
const OPTIONAL_TEXT = { type: ['string', 'null'] } as const;
const LIST = { type: ['array', 'null'] } as const;

/** `get_object_details`: everything about one object. */
export function getObjectDetailsTool({ database }: ToolDeps): ToolDefinition {
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
        others: {
          type: 'array',
          items: { type: 'object' },
          description: 'Objects of the same name in other schemas.',
        },
      },
      required: ['object'],
    },
    annotations: READ_ONLY,
    handler: (args, context) =>
      guarded(database.isMasked, async () => {
        const type = args['object_type'] as DetailType;
        const { schema, name } = splitName(args);
        const rows = await queryRows(database, context, `${DETAIL_QUERIES[type]} LIMIT ${DETAILS_MAX}`, [
          schema,
          name,
        ]);
        const found = rows.map((row) => row['object'] as Row);
        const [object, ...others] = found;
        const shown = schema === null ? name : `${schema}.${name}`;
        if (object === undefined) {
          const meant = await meantBy(name, database, context);
          return refusal(
            `There is no ${type.replace('_', ' ')} ${shown}, or the role of this connector may not see it. Use list_objects to see what there is.${meant}`,
          );
        }
        const structured = others.length === 0 ? { object } : { object, others };
        const summary =
          others.length === 0 ? '' : ` There are ${others.length} more of that name in other schemas.`;
        return dataResult(
          `${String(object['kind'])} ${shown}.${summary}`,
          structured,
          found.map(detailText).join('\n\n'),
        );
      }),
  };
}

/** An object's description as text that costs few tokens: what it does not have is left out. */
export function detailText(object: Row): string {
  const lines = Object.entries(object).map(([name, value]) => {
    if (value === null || value === false || (Array.isArray(value) && value.length === 0)) return '';
    const isList = Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);
    if (isList) return `${name}:\n${objectLines(value as readonly Row[])}`;
    return `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
  });
  return lines.filter((line) => line !== '').join('\n');
}
