import type { Principal } from '../auth/authenticate.ts';
import type { LimitStats } from '../limits/limits-ports.ts';
import type { Ledger } from '../ledger/ledger-ports.ts';
import type { RetentionState } from '../ledger/retention.ts';
import type { Mcp } from '../mcp/mcp.ts';
import { shownStatus } from '../mcp/shown-status.ts';
import type { Exchange } from './exchange.ts';

export interface HealthDeps {
  readonly mcp: Mcp;
  readonly ledger: Ledger;
  /** Of the ledger's days. */
  readonly retention: () => RetentionState;
  readonly storeHealth: () => Promise<{ readonly ok: boolean; readonly detail: string }>;
  readonly storeKind: string;
  readonly limits: () => LimitStats;
  readonly version: string;
  readonly startedAt: number;
  readonly isDraining: () => boolean;
  /** When the configuration was read, what was wrong with a newer one, what waits for a restart. */
  readonly configuration: () => Readonly<Record<string, unknown>>;
  /** The principal, or `undefined` when the request has no valid key. */
  readonly identify: (exchange: Exchange) => Principal | undefined;
}

/** `GET /health*`. Without a key: status only. With the master key: every server, its findings, the store and the ledger. */
export async function handleHealth(
  exchange: Exchange,
  probe: 'all' | 'liveness' | 'readiness',
  deps: HealthDeps,
): Promise<void> {
  if (probe === 'liveness') {
    json(exchange, 200, "I'm alive!");
    return;
  }
  const store = await deps.storeHealth();
  const ready = !deps.isDraining() && (store.ok || probe === 'all');
  if (probe === 'readiness') {
    json(exchange, ready ? 200 : 503, {
      status: ready ? 'healthy' : 'unhealthy',
      db: store.ok && deps.storeKind !== 'none' ? 'connected' : 'Not connected',
      version: deps.version,
    });
    return;
  }
  const principal = deps.identify(exchange);
  const servers = deps.mcp.status();
  const retention = deps.retention();
  const limits = deps.limits();
  const healthy = servers.filter((server) => server.state === 'ready').length;
  const isWell =
    store.ok &&
    limits.shared?.isUp !== false &&
    healthy === servers.length &&
    retention.strays === 0 &&
    retention.failure === undefined;
  const status = deps.isDraining() ? 'stopping' : isWell ? 'healthy' : 'degraded';
  const detail = {
    version: deps.version,
    startedAt: new Date(deps.startedAt).toISOString(),
    configuration: deps.configuration(),
    store: { kind: deps.storeKind, ...store },
    ledger: { ...deps.ledger.stats(), ...retention },
    limits,
    sessions: deps.mcp.sessions.size,
    healthy_count: healthy,
    unhealthy_count: servers.length - healthy,
    servers: servers.map(shownStatus),
  };
  json(
    exchange,
    200,
    principal?.kind === 'master' || principal?.kind === 'anonymous' ? { status, ...detail } : { status },
  );
}

export function json(exchange: Exchange, status: number, value: unknown): void {
  exchange.send(status, undefined, Buffer.from(`${JSON.stringify(value)}\n`));
}
