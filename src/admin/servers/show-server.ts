import { operation } from '../operation.ts';
import { showServer, shownServer } from './server-of.ts';

/** `GET /v1/mcp/server/{name}` */
export const getServer = operation({
  method: 'GET',
  path: '/v1/mcp/server/{name}',
  who: 'management key',
  group: 'MCP servers',
  summary: 'One server, by its name or alias, with the names of its tools.',
  example: { params: { name: 'db' } },
  answer: shownServer,
  handle: ({ params }, { mcp }) => showServer(params.name, mcp),
});
