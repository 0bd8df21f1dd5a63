import { InvalidArguments } from '../../../mcp/tool-arguments.ts';
import type { ToolContext } from '../../../mcp/tool-context.ts';
import type { ToolDefinition, ToolResult } from '../../../mcp/tool-server.ts';
import type { Page } from '../cursors.ts';
import { type ObjectsPage, runListObjects } from './list-objects.ts';
import { READ_ONLY, runSql, type SqlPage } from './run-sql.ts';
import { runSearch, type SearchPage } from './search-objects.ts';
import type { ToolDeps } from './tool-deps.ts';

/** `fetch_more`: what follows an answer that was cut, whichever tool gave it. */
export function fetchMoreTool(all: ReadonlyMap<string, ToolDeps>): ToolDefinition {
  const [first] = all.values();
  return {
    name: 'fetch_more',
    title: 'Go on with a result',
    description:
      'Get what follows a result that was cut: give its next_cursor. The statement runs again, so give it an ORDER BY. A cursor holds half an hour.',
    inputSchema: {
      type: 'object',
      properties: { cursor: { type: 'string', description: 'next_cursor of the result.' } },
      required: ['cursor'],
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      description: 'As the tool whose result goes on.',
      properties: { truncated: { type: 'boolean' }, next_cursor: { type: ['string', 'null'] } },
      required: ['truncated', 'next_cursor'],
    },
    annotations: READ_ONLY,
    handler: async (args, context) => {
      const page = first!.cursors.read(String(args['cursor']), context.principalId);
      const deps = all.get(page.database);
      if (deps === undefined)
        throw new InvalidArguments(
          `Argument "cursor" is of database ${page.database}, which is not here now.`,
        );
      return goOn(deps, page, context);
    },
  };
}

function goOn(deps: ToolDeps, { tool, args, skip }: Page, context: ToolContext): Promise<ToolResult> {
  switch (tool) {
    case 'execute_sql':
      return runSql(deps, args as unknown as SqlPage, skip, context);
    case 'list_objects':
      return runListObjects(deps, args as unknown as ObjectsPage, skip, context);
    case 'search_objects':
      return runSearch(deps, args as unknown as SearchPage, skip, context);
    default:
      throw new InvalidArguments('Argument "cursor" is of a tool that has no pages.');
  }
}
