import type { ToolDefinition } from '../../../mcp/tool-server.ts';
import { erDiagramTool } from './er-diagram.ts';
import { executeSqlTool, queryTool } from './execute-sql.ts';
import { executeWriteTool } from './execute-write.ts';
import { explainQueryTool } from './explain-tool.ts';
import { fetchMoreTool } from './fetch-more.ts';
import { databaseHealthTool } from './health-tool.ts';
import { analyzeQueryIndexesTool, analyzeWorkloadIndexesTool } from './index-advice-tools.ts';
import { listDatabasesTool } from './list-databases.ts';
import { listObjectsTool, listTablesTool } from './list-objects.ts';
import { listSchemasTool } from './list-schemas.ts';
import { getObjectDetailsTool } from './object-details.ts';
import { routedTool } from './routed-tool.ts';
import { sampleRowsTool } from './sample-rows.ts';
import { searchObjectsTool } from './search-objects.ts';
import type { ToolDeps } from './tool-deps.ts';
import { topQueriesTool } from './top-queries-tool.ts';
import type { Toolset } from './toolsets.ts';

/** A tool of one database, or of all of them together. */
type ToolEntry =
  | { readonly set: Toolset; make(deps: ToolDeps): ToolDefinition }
  | { readonly set: Toolset; makeForAll(all: ReadonlyMap<string, ToolDeps>): ToolDefinition };

/** Every tool, a line each. `core` is what models see unless the operator asks for more: its size counts in every conversation. */
const TOOLS: readonly ToolEntry[] = [
  { set: 'core', make: listSchemasTool },
  { set: 'core', make: listObjectsTool },
  { set: 'core', make: searchObjectsTool },
  { set: 'core', make: getObjectDetailsTool },
  { set: 'core', make: executeSqlTool },
  { set: 'core', make: explainQueryTool },
  { set: 'schema', makeForAll: listDatabasesTool },
  { set: 'schema', make: erDiagramTool },
  { set: 'data', make: sampleRowsTool },
  { set: 'data', makeForAll: fetchMoreTool },
  { set: 'performance', make: topQueriesTool },
  { set: 'performance', make: databaseHealthTool },
  { set: 'performance', make: analyzeQueryIndexesTool },
  { set: 'performance', make: analyzeWorkloadIndexesTool },
  { set: 'write', make: (deps) => executeWriteTool(deps, deps.writer!) },
  { set: 'aliases', make: queryTool },
  { set: 'aliases', make: listTablesTool },
];

/** The tools of the chosen sets, for these databases by name. With more than one each takes the argument `database`. */
export function makeTools(
  all: ReadonlyMap<string, ToolDeps>,
  chosen: ReadonlySet<Toolset>,
): readonly ToolDefinition[] {
  const writable = new Map([...all].filter(([, deps]) => deps.writer !== undefined));
  return TOOLS.filter(({ set }) => chosen.has(set)).map((entry) => {
    if ('makeForAll' in entry) return entry.makeForAll(all);
    const of = entry.set === 'write' ? writable : all;
    return routedTool(new Map([...of].map(([name, deps]) => [name, entry.make(deps)])), all.size > 1);
  });
}
