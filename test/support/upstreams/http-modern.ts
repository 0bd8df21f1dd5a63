import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { listen } from './listen.ts';
import { type CallParams, callTool, TOOLS } from './tools.ts';

const handler = createMcpHandler(
  () => {
    const server = new Server({ name: 'http-modern', version: '1.0.0' }, { capabilities: { tools: {} } });
    server.setRequestHandler('tools/list', () => ({ tools: TOOLS }));
    server.setRequestHandler('tools/call', ({ params }) => callTool(params as CallParams) as never);
    return server;
  },
  { legacy: 'reject' },
);

listen(toNodeHandler(handler) as Parameters<typeof listen>[0]);
