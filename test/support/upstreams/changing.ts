import { readFileSync, writeFileSync } from 'node:fs';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  CallToolRequestSchema,
  ListToolsRequestSchema,
  type ListToolsResult,
} from '@modelcontextprotocol/sdk/types.js';

/**
 * A server that changes its tools when it is told to: they stand in the file that is its argument. Its tool `become` replaces them and
 * says so; every other tool gives back the arguments that it was called with.
 */
const file = process.argv[2]!;
const BECOME = {
  name: 'become',
  description: 'Replaces the other tools.',
  inputSchema: { type: 'object' as const, properties: { tools: { type: 'array' } } },
};

const server = new Server(
  { name: 'changing', version: '1.0.0' },
  { capabilities: { tools: { listChanged: true } } },
);
const tools = (): ListToolsResult['tools'] =>
  JSON.parse(readFileSync(file, 'utf8')) as ListToolsResult['tools'];
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [BECOME, ...tools()] }));
server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
  if (params.name !== 'become')
    return { content: [{ type: 'text', text: JSON.stringify({ tool: params.name, ...params.arguments }) }] };
  writeFileSync(file, JSON.stringify(params.arguments?.['tools']));
  await server.sendToolListChanged();
  return { content: [{ type: 'text', text: 'changed' }] };
});
await server.connect(new StdioServerTransport());
