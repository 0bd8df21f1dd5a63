import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import type { LedgerRow } from '../ledger/ledger-ports.ts';
import type { Mcp } from '../mcp/mcp.ts';
import type { ServerStatus } from '../mcp/mcp-view.ts';
import type { Log } from '../telemetry/log.ts';
import type { McpPolicy } from '../policy/visibility.ts';
import { handleToolReview, isToolReview } from './admin-tools.ts';
import type { Exchange } from './exchange.ts';
import { json, publicStatus } from './health.ts';

export interface AdminDeps {
  readonly mcp: Mcp;
  readonly log: Log;
  readonly policy: McpPolicy;
  readonly authenticate: (exchange: Exchange) => Principal;
  readonly recentCalls: (query: {
    readonly limit: number;
    readonly beforeId?: string;
  }) => Promise<readonly LedgerRow[]>;
  readonly accessGroups: readonly string[];
  /** The client's address, as far as proxies in between are trusted. */
  readonly addressOf: (exchange: Exchange) => string;
  readonly reload: () => Promise<ReloadResult>;
}

/** What a reload changed, or every problem that kept it from changing anything. */
export type ReloadResult =
  | { readonly ok: true; readonly change: object; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Operations that change something. */
const POSTED: ReadonlySet<string> = new Set(['tools-accept', 'reload', 'server-restart']);

const LEDGER_LIMIT = { standard: 50, max: 1_000 } as const;

/** The operator's routes. Listing tools takes any key and shows what that key sees; the rest takes the master key. */
export async function handleAdmin(
  exchange: Exchange,
  operation: string,
  argument: string | undefined,
  deps: AdminDeps,
): Promise<void> {
  if (exchange.method !== (POSTED.has(operation) ? 'POST' : 'GET'))
    throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
  const principal = deps.authenticate(exchange); // 401, 403
  if (operation === 'tools') {
    await tools(exchange, principal, deps);
    return;
  }
  if (principal.kind === 'virtual') throw new GatewayError('admin-only'); // 403
  if (isToolReview(operation)) {
    await handleToolReview(exchange, operation, principal, deps);
    return;
  }
  switch (operation) {
    case 'servers':
      json(exchange, 200, deps.mcp.status().map(publicStatus));
      return;
    case 'server':
      json(exchange, 200, server(argument ?? '', deps));
      return;
    case 'server-restart': {
      const { name } = statusOf(argument ?? '', deps);
      deps.log.info('a server is started anew', { server: name, by: principal.alias ?? principal.id });
      await deps.mcp.restart(name);
      json(exchange, 200, server(name, deps));
      return;
    }
    case 'access-groups':
      json(exchange, 200, { access_groups: deps.accessGroups });
      return;
    case 'ledger':
      json(exchange, 200, (await deps.recentCalls(ledgerQuery(exchange))).map(publicRow));
      return;
    case 'reload':
      json(exchange, 200, await reload(deps)); // 422
      return;
    default:
      throw new GatewayError('route-unknown', { path: exchange.path });
  }
}

function statusOf(nameOrAlias: string, { mcp }: AdminDeps): ServerStatus {
  const all = mcp.status();
  const status = all.find(({ name, alias }) => name === nameOrAlias || alias === nameOrAlias);
  if (status !== undefined) return status;
  throw new GatewayError('server-unknown', {
    name: nameOrAlias.slice(0, 100),
    known: all.map(({ name }) => name).join(', '),
  });
}

function server(nameOrAlias: string, deps: AdminDeps): Record<string, unknown> {
  const status = statusOf(nameOrAlias, deps);
  const offer = deps.mcp.catalog.get(status.name);
  return { ...publicStatus(status), toolNames: offer?.tools.map((tool) => tool.originalName) ?? [] };
}

async function tools(exchange: Exchange, principal: Principal, deps: AdminDeps): Promise<void> {
  const visibility = deps.policy.visibility(principal, deps.policy.narrowing(exchange));
  const list = [...(await deps.mcp.tools(visibility))].map(([name, tool]) => ({
    name,
    server: tool.server,
    originalName: tool.originalName,
    description: tool.definition.string('description'),
    inputSchema: tool.definition.value('inputSchema'),
  }));
  json(exchange, 200, { tools: list });
}

async function reload(deps: AdminDeps): Promise<Record<string, unknown>> {
  const result = await deps.reload();
  if (result.ok) return { ...result.change, warnings: result.warnings };
  const { problems } = result;
  throw new GatewayError('config-refused', { problems: problems.join(' ') }, { data: { problems } });
}

function ledgerQuery(exchange: Exchange): { limit: number; beforeId?: string } {
  const query = new URLSearchParams(exchange.query ?? '');
  const limit = Number(query.get('limit') ?? LEDGER_LIMIT.standard);
  if (!Number.isInteger(limit) || limit < 1)
    throw new GatewayError('rpc-params', { reason: 'limit must be a whole number from 1' });
  const before = query.get('before');
  return { limit: Math.min(limit, LEDGER_LIMIT.max), ...(before === null ? {} : { beforeId: before }) };
}

function publicRow(row: LedgerRow): Record<string, unknown> {
  return {
    ...row,
    startedAt: new Date(row.startedAt).toISOString(),
    endedAt: row.endedAt === undefined ? undefined : new Date(row.endedAt).toISOString(),
  };
}
