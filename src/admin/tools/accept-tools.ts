import { z } from 'zod';
import { operation } from '../operation.ts';
import { serverOf } from '../servers/server-of.ts';

/** `POST /v1/mcp/tools/accept` */
export const acceptTools = operation({
  method: 'POST',
  path: '/v1/mcp/tools/accept',
  who: 'master key',
  group: 'Tools that changed',
  summary: 'Accepts a tool as it is now, all tools of a server, or all tools; they are offered from then on.',
  body: z
    .strictObject({
      server: z.string().optional().describe('The server whose tools it is about; without it, all servers.'),
      tool: z.string().optional(),
      hash: z
        .string()
        .regex(/^[0-9a-f]{8,64}$/, 'must be 8 to 64 hexadecimal digits')
        .optional()
        .describe('The version that was looked at; another one is not accepted.'),
      all: z.boolean().optional().describe('Says that every tool is meant, where no tool is named.'),
    })
    .superRefine(({ server, tool, hash, all }, context) => {
      const problem = (path: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [path], message });
      if (tool === undefined && (all !== true || hash !== undefined))
        problem('tool', 'is missing; all: true without hash means all tools');
      if (tool !== undefined && all === true) problem('all', 'and tool exclude each other');
      if (server === undefined && all !== true) problem('server', 'is missing; all: true means all servers');
    }),
  example: { body: { server: 'github', tool: 'create_issue', hash: '3f9ac0d17be2' } },
  answer: z.object({ accepted: z.array(z.looseObject({ server: z.string(), tool: z.string() })) }),
  handle: async ({ body, by, principal }, { mcp, audit }) => {
    const { server, tool, hash } = body;
    audit('tools-accept', principal, { server, tool, hash, by });
    if (server !== undefined)
      return { accepted: await mcp.acceptTools(serverOf(server, mcp).name, tool, by, hash) };
    const accepted = [];
    for (const { name } of mcp.status()) accepted.push(...(await mcp.acceptTools(name, undefined, by)));
    return { accepted };
  },
});
