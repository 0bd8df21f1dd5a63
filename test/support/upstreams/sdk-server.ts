import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { callTool, TOOLS } from './tools.ts';

/** A server on the official SDK of the legacy era, with the common tools. */
export function sdkServer(name: string): Server {
  const server = new Server(
    { name, version: '1.0.0' },
    { capabilities: { tools: {} }, instructions: `This is ${name}.` },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: TOOLS }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => callTool(params));
  return server;
}
