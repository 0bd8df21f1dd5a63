import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import type { Mcp } from '../../mcp/mcp.ts';
import type { ServerStatus } from '../../mcp/mcp-view.ts';
import { shownStatus } from '../../mcp/shown-status.ts';

/** A server by its name or alias. Throws `server-unknown`. */
export function serverOf(given: string, mcp: Mcp): ServerStatus {
  const all = mcp.status();
  const found = all.find(({ name }) => name === given) ?? all.find(({ alias }) => alias === given);
  if (found !== undefined) return found;
  throw new GatewayError('server-unknown', {
    name: given.slice(0, 100),
    known: all.map(({ name }) => name).join(', '),
  });
}

/** Everything about one server, with the names of its tools. */
export function showServer(given: string, mcp: Mcp): Record<string, unknown> {
  const status = serverOf(given, mcp);
  const offer = mcp.catalog.get(status.name);
  return { ...shownStatus(status), toolNames: offer?.tools.map((tool) => tool.originalName) ?? [] };
}

/** One server as it is answered; there are more members than these. */
export const shownServer = z
  .looseObject({
    server_id: z.string(),
    name: z.string(),
    alias: z.string().optional(),
    state: z.enum(['starting', 'ready', 'down', 'parked', 'failed']).or(z.string()),
    since: z.string().describe('RFC 3339'),
    reason: z.string().optional(),
    tools: z.int(),
  })
  .meta({ id: 'Server' });
