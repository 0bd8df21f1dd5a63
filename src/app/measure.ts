import type { Edge } from '../edge/server.ts';
import type { Ledger, LedgerStats } from '../ledger/ledger-ports.ts';
import type { Limits } from '../limits/limits.ts';
import type { Mcp } from '../mcp/mcp.ts';
import type { ServerStatus } from '../mcp/mcp-view.ts';
import type { Store } from '../store/store-ports.ts';
import type { CounterName, GaugeName, Metrics, Sample } from '../telemetry/metrics.ts';
import type { ModelSurface } from './model-surface.ts';
import type { Reload } from './reload.ts';

/** The parts of the gateway that are looked at when somebody asks for the metrics. */
export interface MeasuredParts {
  readonly mcp: Mcp;
  readonly models: Pick<ModelSurface, 'deploymentStates'>;
  readonly ledger: Ledger;
  readonly limits: Pick<Limits, 'stats'>;
  readonly store: Store;
  readonly edge: Pick<Edge, 'load'>;
  readonly reload: Pick<Reload, 'state' | 'counts'>;
}

/** States of a server, each of which is a series: 1 for the one that it is in. */
const STATES: readonly ServerStatus['state'][] = [
  'starting',
  'ready',
  'degraded',
  'down',
  'parked',
  'stopped',
];

const one = (value: number): Sample[] => [{ labels: {}, value }];

/** Adds what the parts of the gateway know of themselves. */
export function measure(metrics: Metrics, parts: MeasuredParts): void {
  measureServers(metrics, parts.mcp);
  measureModels(metrics, parts.models);
  measureLedger(metrics, parts.ledger);
  measureLimits(metrics, parts.limits);
  const { mcp, store, edge, reload } = parts;
  metrics.gauge('lanport_sessions', () => one(mcp.sessions.size));
  metrics.gauge('lanport_requests_in_flight', () => one(edge.load.requests));
  metrics.gauge('lanport_streams', () => one(edge.load.streams));
  metrics.gauge('lanport_store_up', async () => {
    const { ok } = await store.health();
    return [{ labels: { store: store.kind }, value: Number(ok) }];
  });
  metrics.counter('lanport_config_reloads_total', () =>
    Object.entries(reload.counts).map(([result, value]) => ({ labels: { result }, value })),
  );
  metrics.gauge('lanport_config_last_reload_successful', () =>
    one(Number(reload.state.refusedAt === undefined)),
  );
  metrics.gauge('lanport_config_loaded_timestamp_seconds', () =>
    one(Date.parse(reload.state.loadedAt) / 1_000),
  );
}

/** Looks once for all metrics that are asked for in one turn of the event loop. */
function once<T>(look: () => T): () => T {
  let seen: { readonly value: T } | undefined;
  return () => {
    if (seen === undefined) {
      seen = { value: look() };
      setImmediate(() => (seen = undefined));
    }
    return seen.value;
  };
}

function measureServers(metrics: Metrics, mcp: Mcp): void {
  const statuses = once(() => mcp.status());
  const gauge = (name: GaugeName, of: (status: ServerStatus) => number): void =>
    metrics.gauge(name, () =>
      statuses().map((status) => ({ labels: { server: status.name }, value: of(status) })),
    );
  metrics.gauge('lanport_server_state', () =>
    statuses().flatMap(({ name, state }) =>
      STATES.map((each) => ({ labels: { server: name, state: each }, value: Number(each === state) })),
    ),
  );
  gauge('lanport_server_in_flight', ({ inFlight }) => inFlight);
  gauge('lanport_server_queue', ({ waiting }) => waiting);
  gauge('lanport_server_tools', ({ tools }) => tools);
  metrics.counter('lanport_server_starts_total', () =>
    statuses().map(({ name, starts }) => ({ labels: { server: name }, value: starts })),
  );
}

/** LiteLLM's numbers for the states of a deployment. */
const DEPLOYMENT_STATES = { healthy: 0, failing: 1, resting: 2 } as const;

function measureModels(metrics: Metrics, models: MeasuredParts['models']): void {
  metrics.gauge('lanport_deployment_in_flight', () =>
    models.deploymentStates().map(({ id, model, inFlight }) => ({
      labels: { model, deployment: id },
      value: inFlight,
    })),
  );
  metrics.gauge('lanport_deployment_up', () =>
    models.deploymentStates().map(({ id, model, state }) => ({
      labels: { model, deployment: id },
      value: Number(state !== 'resting'),
    })),
  );
  metrics.gauge('litellm_deployment_state', () =>
    models.deploymentStates().map(({ id, model, provider, state }) => ({
      labels: { litellm_model_name: model, model_id: id, api_provider: provider },
      value: DEPLOYMENT_STATES[state],
    })),
  );
}

function measureLimits(metrics: Metrics, limits: Pick<Limits, 'stats'>): void {
  metrics.counter('lanport_limit_refusals_total', () =>
    limits.stats().refused.map(({ kind, scope, count: value }) => ({ labels: { kind, scope }, value })),
  );
  metrics.gauge('lanport_limits_waiting', () => one(limits.stats().waiting));
  metrics.counter('lanport_limits_waited_total', () => one(limits.stats().waitedInAll));
  metrics.counter('lanport_soft_budgets_passed_total', () => one(limits.stats().softBudgets));
  metrics.gauge('lanport_limits_shared_up', () => {
    const { shared } = limits.stats();
    return shared === undefined ? [] : one(Number(shared.isUp));
  });
}

function measureLedger(metrics: Metrics, ledger: Ledger): void {
  const gauge = (name: GaugeName, field: keyof LedgerStats): void =>
    metrics.gauge(name, () => one(ledger.stats()[field]));
  const counter = (name: CounterName, field: keyof LedgerStats): void =>
    metrics.counter(name, () => one(ledger.stats()[field]));
  gauge('lanport_ledger_spooled_bytes', 'spooledBytes');
  gauge('lanport_ledger_open_calls', 'open');
  gauge('lanport_ledger_store_failures', 'storeFailures');
  counter('lanport_ledger_calls_total', 'begun');
  counter('lanport_ledger_stored_records_total', 'stored');
  counter('lanport_ledger_dropped_records_total', 'dropped');
  counter('lanport_ledger_refused_calls_total', 'refusedCalls');
}
