import { z } from 'zod';
import { operation } from '../operation.ts';
import { time } from '../time.ts';

/** `GET /v1/mcp/tools/held` */
export const heldTools = operation({
  method: 'GET',
  path: '/v1/mcp/tools/held',
  who: 'management key',
  group: 'Tools that changed',
  summary: 'The tools that changed or were added and wait for the operator.',
  example: {},
  answer: z.object({
    tools: z.array(
      z.looseObject({
        server: z.string(),
        tool: z.string(),
        held: z.boolean(),
        hash: z.string(),
        firstSeen: z.string(),
      }),
    ),
  }),
  handle: (_request, { mcp }) => ({
    tools: mcp.review.pending().map(({ server, tool, held, change, version, accepted }) => ({
      server,
      tool,
      held,
      change,
      hash: version.hash,
      firstSeen: time(version.firstSeen),
      acceptedHash: accepted?.hash,
    })),
  }),
});
