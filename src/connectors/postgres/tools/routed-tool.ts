import type { ToolDefinition } from '../../../mcp/tool-server.ts';

/**
 * The tools of several databases, which differ in nothing else, as one with an argument `database`; the first is the default. `isNamed`
 * false: there is only one, and no argument.
 */
export function routedTool(tools: ReadonlyMap<string, ToolDefinition>, isNamed: boolean): ToolDefinition {
  const [first] = tools;
  if (first === undefined) throw new Error('a tool needs a database');
  const [name, tool] = first;
  if (!isNamed) return tool;
  const { properties = {} } = tool.inputSchema as { readonly properties?: Readonly<Record<string, unknown>> };
  return {
    ...tool,
    inputSchema: {
      ...tool.inputSchema,
      properties: {
        ...properties,
        database: { type: 'string', enum: [...tools.keys()], default: name, description: 'Which database.' },
      },
    },
    handler: ({ database, ...args }, context) => tools.get(String(database))!.handler(args, context),
  };
}
