import { z } from 'zod';
import { operation } from '../operation.ts';

/** `GET /v1/mcp/access_groups` */
export const listAccessGroups = operation({
  method: 'GET',
  path: '/v1/mcp/access_groups',
  who: 'management key',
  group: 'MCP servers',
  summary: 'The names of the access groups of MCP servers.',
  example: {},
  answer: z.object({ access_groups: z.array(z.string()) }),
  handle: (_request, { accessGroups }) => ({ access_groups: accessGroups }),
});
