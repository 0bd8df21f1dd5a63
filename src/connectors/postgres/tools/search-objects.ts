import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { ToolDefinition, ToolResult } from '../../../mcp/tool-server.ts';
import { counted, dataResult, guarded, objectLines } from '../results.ts';
import { queryRows, type Row } from './catalog-rows.ts';
import { DETAIL_QUERIES } from './detail-queries.ts';
import { detailText } from './object-details.ts';
import { READ_ONLY } from './run-sql.ts';
import { SEARCH_OBJECTS } from './search-queries.ts';
import type { ToolDeps } from './tool-deps.ts';

type Detail = 'names' | 'summary' | 'full';

/** Objects that one answer has at most; `full` ones are long. */
const FOUND_MAX: Readonly<Record<Detail, number>> = { names: 100, summary: 30, full: 5 };

/** What is searched for, as the tool's arguments and a cursor say it. */
export interface SearchPage {
  readonly pattern: string;
  readonly schema_name?: string;
  readonly detail: Detail;
}

const TEXT = { type: 'string' } as const;

/** `search_objects`: finds what has to do with a word, as briefly as asked. */
export function searchObjectsTool(deps: ToolDeps): ToolDefinition {
  return {
    name: 'search_objects',
    title: 'Search for tables, columns and other objects',
    description:
      'Find tables, views, functions, types, indexes and sequences of the PostgreSQL database by a part of their name, of a column or of a comment. Best in large databases.',
    inputSchema: {
      type: 'object',
      properties: {
        pattern: { type: 'string', maxLength: 200, description: 'Part of a name; * stands for anything.' },
        schema_name: { type: 'string' },
        detail: { type: 'string', enum: ['names', 'summary', 'full'], default: 'summary' },
      },
      required: ['pattern'],
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      properties: {
        objects: {
          type: 'array',
          items: {
            type: 'object',
            properties: { schema: TEXT, name: TEXT, kind: TEXT },
            required: ['schema', 'name', 'kind'],
          },
        },
        truncated: { type: 'boolean' },
        next_cursor: { type: ['string', 'null'] },
      },
      required: ['objects', 'truncated', 'next_cursor'],
    },
    annotations: READ_ONLY,
    handler: (args, context) => runSearch(deps, args as unknown as SearchPage, 0, context),
  };
}

/** One page of what was found, after leaving out `skip`. */
export function runSearch(
  deps: ToolDeps,
  page: SearchPage,
  skip: number,
  context: ToolContext,
): Promise<ToolResult> {
  const { database, cursors, name } = deps;
  const { detail, schema_name: schema = null } = page;
  const plain = page.pattern.trim().toLowerCase();
  if (plain.replaceAll('*', '') === '')
    throw new InvalidArguments('Argument "pattern" of search_objects is empty; list_objects lists all.');
  return guarded(database.isMasked, async () => {
    const max = FOUND_MAX[detail];
    const values = [`%${escaped(plain)}%`, schema, plain, max + 1, skip];
    const rows = await queryRows(database, context, SEARCH_OBJECTS, values);
    const truncated = rows.length > max;
    const found = rows.slice(0, max);
    const objects =
      detail === 'full'
        ? await Promise.all(found.map((row) => described(deps, row, context)))
        : found.map(detail === 'names' ? named : summarised);
    const next = { database: name, tool: 'search_objects', args: { ...page }, skip: skip + found.length };
    const nextCursor = truncated ? cursors.write(next, context.principalId) : null;
    const summary = [
      counted(found.length, 'object'),
      truncated ? `There are more: search for less, or fetch_more with cursor ${nextCursor}` : '',
    ];
    return dataResult(
      summary.filter((part) => part !== '').join(' '),
      { objects, truncated, next_cursor: nextCursor },
      detail === 'full' ? objects.map(detailText).join('\n\n') : objectLines(objects),
    );
  });
}

function named({ schema, name, kind }: Row): Row {
  return { schema, name, kind };
}

function summarised({ rank: _rank, readable, ...row }: Row): Row {
  const known = Object.entries(row).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(known), ...(readable === false ? { readable } : {}) };
}

/** Everything about one of the found. */
async function described({ database }: ToolDeps, row: Row, context: ToolContext): Promise<Row> {
  const { schema, name, kind } = row;
  const type = /function|procedure|aggregate/.test(String(kind))
    ? 'function'
    : kind === 'sequence'
      ? 'sequence'
      : /enum|domain/.test(String(kind))
        ? 'type'
        : 'table';
  const [found] = await queryRows(database, context, DETAIL_QUERIES[type], [schema, name]);
  return (found?.['object'] as Row | undefined) ?? summarised(row);
}

/** The text as a LIKE pattern that means it literally, but for `*`. */
function escaped(text: string): string {
  return text.replaceAll(/[\\%_]/g, String.raw`\$&`).replaceAll('*', '%');
}
