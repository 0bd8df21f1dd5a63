import { z } from 'zod';
import { operation } from '../operation.ts';

/** `GET /v1/mcp/tools` */
export const listTools = operation({
  method: 'GET',
  path: '/v1/mcp/tools',
  who: 'any key',
  group: 'MCP servers',
  summary: 'The tools that the key sees, under the names that it calls them by.',
  example: {},
  answer: z.object({
    tools: z.array(
      z.object({
        name: z.string(),
        server: z.string(),
        originalName: z.string(),
        description: z.string().optional(),
        inputSchema: z.unknown(),
      }),
    ),
  }),
  handle: async ({ caller }, { mcp }) => ({
    tools: [...(await mcp.tools(caller.visibility()))].map(([name, tool]) => ({
      name,
      server: tool.server,
      originalName: tool.originalName,
      description: tool.definition.string('description'),
      inputSchema: tool.definition.value('inputSchema'),
    })),
  }),
});
