import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { SORTS, type Sort, topStatements } from '../advice/statements.ts';
import { dataResult, failure, refusal } from '../results.ts';
import { READ_ONLY } from './run-sql.ts';
import type { ToolDeps } from './tool-deps.ts';

const LIMIT = 10;
const LIMIT_MAX = 100;
const NUMBER = { type: 'number' } as const;

/** `get_top_queries`: what costs this database most, from pg_stat_statements. */
export function topQueriesTool(deps: ToolDeps): ToolDefinition {
  return {
    name: 'get_top_queries',
    title: 'Show the dearest queries',
    description:
      'Show the slowest or most resource-intensive queries of the PostgreSQL database, from pg_stat_statements. Constants are not shown.',
    inputSchema: {
      type: 'object',
      properties: {
        sort_by: {
          type: 'string',
          enum: SORTS,
          default: 'resources',
          description: 'resources: all with over 5 % of the time, blocks or write-ahead log.',
        },
        limit: { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: LIMIT },
      },
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: {
        queries: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              query: { type: 'string' },
              calls: NUMBER,
              total_ms: NUMBER,
              mean_ms: NUMBER,
              rows: NUMBER,
              blocks_accessed: NUMBER,
              blocks_read: NUMBER,
              blocks_dirtied: NUMBER,
              wal_bytes: NUMBER,
              share_percent: NUMBER,
            },
          },
        },
        counted_statements: { type: 'integer' },
        hidden_of_other_roles: { type: 'integer' },
        hidden_of_the_system: { type: 'integer' },
        counted_since: { type: ['string', 'null'] },
        truncated: { type: 'boolean' },
      },
      required: [
        'queries',
        'counted_statements',
        'hidden_of_other_roles',
        'hidden_of_the_system',
        'truncated',
      ],
    },
    annotations: READ_ONLY,
    handler: async (args, context) => {
      const limit = Number(args['limit']);
      try {
        const found = await topStatements(deps, context, args['sort_by'] as Sort);
        if (found.kind === 'missing') return refusal(found.reason);
        const queries = found.statements.slice(0, limit).map((one) => ({
          query: one.shown,
          calls: one.calls,
          total_ms: rounded(one.totalMs),
          mean_ms: rounded(one.meanMs),
          rows: one.rows,
          blocks_accessed: one.blocksAccessed,
          blocks_read: one.blocksRead,
          blocks_dirtied: one.blocksDirtied,
          wal_bytes: one.walBytes,
          share_percent: rounded(one.sharePercent),
        }));
        const summary = [
          `${queries.length} of ${found.counted} counted statements of this database, by ${String(args['sort_by'])}${found.since === undefined ? '' : `, since ${found.since}`}.`,
          found.hiddenOfOthers > 0
            ? `${found.hiddenOfOthers} of other roles are not shown: GRANT pg_read_all_stats would show them.`
            : '',
          found.hiddenOfSystem > 0
            ? `${found.hiddenOfSystem} that only manage sessions or read the catalogue are left out.`
            : '',
        ];
        const structured = {
          queries,
          counted_statements: found.counted,
          hidden_of_other_roles: found.hiddenOfOthers,
          hidden_of_the_system: found.hiddenOfSystem,
          counted_since: found.since ?? null,
          truncated: found.statements.length > limit,
        };
        return dataResult(summary.filter((part) => part !== '').join(' '), structured, queries);
      } catch (error) {
        return failure(error, deps.database.isMasked);
      }
    },
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
