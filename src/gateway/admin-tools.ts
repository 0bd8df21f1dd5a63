import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import type { Mcp } from '../mcp/mcp.ts';
import type { ToolHistory, ToolVersion } from '../mcp/mcp-view.ts';
import type { Exchange } from './exchange.ts';
import { json } from './health.ts';

export interface ToolReviewDeps {
  readonly mcp: Mcp;
  readonly addressOf: (exchange: Exchange) => string;
}

const OPERATIONS = ['tools-held', 'tools-history', 'tools-accept'] as const;
type Operation = (typeof OPERATIONS)[number];

/** Digits of a hash that must be given, so that it means one version. */
const HASH = /^[0-9a-f]{8,64}$/;

export function isToolReview(operation: string): operation is Operation {
  return OPERATIONS.some((one) => one === operation);
}

/** What tools were and are, which wait for the operator, and his word on them. Takes the master key, which was checked before. */
export async function handleToolReview(
  exchange: Exchange,
  operation: Operation,
  principal: Principal,
  deps: ToolReviewDeps,
): Promise<void> {
  switch (operation) {
    case 'tools-held':
      json(exchange, 200, { tools: pending(deps.mcp) });
      return;
    case 'tools-history':
      json(exchange, 200, history(exchange, deps.mcp));
      return;
    case 'tools-accept':
      json(exchange, 200, { accepted: await accept(exchange, principal, deps) });
      return;
  }
}

function pending(mcp: Mcp): unknown {
  return mcp.review.pending().map(({ server, tool, held, change, version, accepted }) => ({
    server,
    tool,
    held,
    change,
    hash: version.hash,
    firstSeen: time(version.firstSeen),
    acceptedHash: accepted?.hash,
  }));
}

/** `?server=` and `?tool=` narrow it; definitions are shown of one tool only, because all of them may be large. */
function history(exchange: Exchange, mcp: Mcp): unknown {
  const query = new URLSearchParams(exchange.query ?? '');
  const [wanted, tool] = [query.get('server'), query.get('tool')];
  if (wanted === null && tool !== null)
    throw new GatewayError('request-invalid', { reason: 'tool needs server' });
  const servers = wanted === null ? mcp.status().map(({ name }) => name) : [serverOf(wanted, mcp)];
  const tools = servers.flatMap((server) => {
    const all = mcp.review.history(server);
    const one = tool === null ? undefined : all.get(tool);
    if (tool !== null && one === undefined)
      throw new GatewayError('tool-untracked', { server, tool: tool.slice(0, 100) });
    const sorted = [...all.values()].sort((a, b) => (a.tool < b.tool ? -1 : 1));
    return (one === undefined ? sorted : [one]).map((entry) => ({
      server,
      ...describeHistory(entry, mcp.review.holds(server, entry.tool), one !== undefined),
    }));
  });
  return { tools };
}

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

async function accept(exchange: Exchange, principal: Principal, deps: ToolReviewDeps): Promise<unknown> {
  const { server, tool, hash, all } = await acceptRequest(exchange);
  const by = `${principal.alias ?? principal.id} from ${deps.addressOf(exchange)}`;
  if (server !== undefined) return deps.mcp.acceptTools(serverOf(server, deps.mcp), tool, by, hash);
  if (!all)
    throw new GatewayError('request-invalid', { reason: 'server is missing; all: true means all servers' });
  const accepted = [];
  for (const { name } of deps.mcp.status())
    accepted.push(...(await deps.mcp.acceptTools(name, undefined, by)));
  return accepted;
}

interface AcceptRequest {
  readonly server: string | undefined;
  readonly tool: string | undefined;
  readonly hash: string | undefined;
  readonly all: boolean;
}

/** Without `tool` it is about every tool of the server, which has to be said: `all: true`. */
async function acceptRequest(exchange: Exchange): Promise<AcceptRequest> {
  const invalid = (reason: string): GatewayError => new GatewayError('request-invalid', { reason });
  let body: unknown;
  try {
    body = JSON.parse((await exchange.body()).toString('utf8'));
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw invalid('the body is not JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw invalid('the body is no object');
  const { server, tool, hash, all } = body as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries({ server, tool, hash }))
    if (value !== undefined && typeof value !== 'string') throw invalid(`${name} must be text`);
  if (hash !== undefined && !HASH.test(hash as string))
    throw invalid('hash must be 8 to 64 hexadecimal digits');
  if (tool === undefined && (all !== true || hash !== undefined))
    throw invalid('tool is missing; all: true without hash means all tools');
  if (tool !== undefined && all === true) throw invalid('tool and all: true exclude each other');
  return {
    server: server as string | undefined,
    tool: tool as string | undefined,
    hash: hash as string | undefined,
    all: all === true,
  };
}

/** A server's name, given by name or alias. */
function serverOf(given: string, mcp: Mcp): string {
  const servers = mcp.status();
  const found = servers.find(({ name }) => name === given) ?? servers.find(({ alias }) => alias === given);
  if (found !== undefined) return found.name;
  throw new GatewayError('server-unknown', {
    name: given.slice(0, 100),
    known: servers.map(({ name }) => name).join(', '),
  });
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
