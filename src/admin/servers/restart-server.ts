import { operation } from '../operation.ts';
import { serverOf, showServer, shownServer } from './server-of.ts';

/** `POST /v1/mcp/server/{name}/restart` */
export const restartServer = operation({
  method: 'POST',
  path: '/v1/mcp/server/{name}/restart',
  who: 'master key',
  group: 'MCP servers',
  summary: 'Ends a server and starts it anew; answers when it is back, or when it did not come back.',
  example: { params: { name: 'db' } },
  answer: shownServer,
  handle: async ({ params, principal, by }, { mcp, audit }) => {
    const { name } = serverOf(params.name, mcp);
    audit('server-restart', principal, { server: name, by });
    await mcp.restart(name);
    return showServer(name, mcp);
  },
});
