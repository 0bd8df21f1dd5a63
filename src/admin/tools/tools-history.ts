import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { ToolHistory, ToolVersion } from '../../mcp/mcp-view.ts';
import { operation } from '../operation.ts';
import { serverOf } from '../servers/server-of.ts';
import { time } from '../time.ts';

/** `GET /v1/mcp/tools/history` */
export const toolsHistory = operation({
  method: 'GET',
  path: '/v1/mcp/tools/history',
  who: 'management key',
  group: 'Tools that changed',
  summary: 'The versions of tools. Definitions are shown of one tool only, because all of them may be large.',
  query: z
    .strictObject({
      server: z.string().optional().describe('Only the tools of this server.'),
      tool: z.string().optional().describe('Only this tool of the server, with its definitions.'),
    })
    .refine(({ server, tool }) => tool === undefined || server !== undefined, 'tool needs server'),
  example: { query: { server: 'db', tool: 'query' } },
  answer: z.object({
    tools: z.array(
      z.looseObject({
        server: z.string(),
        tool: z.string(),
        state: z.enum(['offered', 'held', 'removed']),
        hash: z.string().optional(),
        versions: z.array(z.looseObject({ hash: z.string(), firstSeen: z.string(), lastSeen: z.string() })),
      }),
    ),
  }),
  handle: ({ query }, { mcp }) => {
    const { server: wanted, tool } = query;
    const servers =
      wanted === undefined ? mcp.status().map(({ name }) => name) : [serverOf(wanted, mcp).name];
    const tools = servers.flatMap((server) => {
      const all = mcp.review.history(server);
      const one = tool === undefined ? undefined : all.get(tool);
      if (tool !== undefined && one === undefined)
        throw new GatewayError('tool-untracked', { server, tool: tool.slice(0, 100) });
      const sorted = [...all.values()].sort((a, b) => (a.tool < b.tool ? -1 : 1));
      return (one === undefined ? sorted : [one]).map((entry) => ({
        server,
        ...describeHistory(entry, mcp.review.holds(server, entry.tool), one !== undefined),
      }));
    });
    return { tools };
  },
});

function describeHistory(entry: ToolHistory, held: boolean, whole: boolean): Record<string, unknown> {
  return {
    tool: entry.tool,
    state: entry.current === undefined ? 'removed' : held ? 'held' : 'offered',
    hash: entry.current,
    removedAt: entry.removedAt === undefined ? undefined : time(entry.removedAt),
    versions: entry.versions.map((version) => describeVersion(version, whole)),
  };
}

function describeVersion(version: ToolVersion, whole: boolean): Record<string, unknown> {
  const { hash, parts, firstSeen, lastSeen, change, accepted, definition } = version;
  return {
    hash,
    parts: whole ? parts : undefined,
    firstSeen: time(firstSeen),
    lastSeen: time(lastSeen),
    change,
    accepted: accepted === undefined ? undefined : { at: time(accepted.at), by: accepted.by },
    definition: whole && definition !== undefined ? (JSON.parse(definition) as unknown) : undefined,
  };
}
