import { z } from 'zod';
import { shownStatus } from '../../mcp/shown-status.ts';
import { operation } from '../operation.ts';
import { shownServer } from './server-of.ts';

/** `GET /v1/mcp/server` */
export const listServers = operation({
  method: 'GET',
  path: '/v1/mcp/server',
  who: 'management key',
  group: 'MCP servers',
  summary: 'Every MCP server with its state, what was found about it and its last words.',
  example: {},
  answer: z.array(shownServer),
  handle: (_request, { mcp }) => mcp.status().map(shownStatus),
});
