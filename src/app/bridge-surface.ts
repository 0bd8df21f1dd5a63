import { createSecretKey, randomBytes } from 'node:crypto';
import { createRedactor } from '../core/redact.ts';
import { Recorder } from '../ledger/recorder.ts';
import { STANDARD_RECORDING } from '../ledger/recording-config.ts';
import { createAuthenticator, type Principal } from '../auth/authenticate.ts';
import { BOUNDS } from '../core/bounds.ts';
import { systemClock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import { createIdSource } from '../core/ids.ts';
import { passingTracer } from '../core/trace.ts';
import type { Secret } from '../core/secret.ts';
import { Edge } from '../edge/server.ts';
import type { Exchange } from '../gateway/exchange.ts';
import { handleMcp } from '../gateway/handle-mcp.ts';
import { createJournal } from '../gateway/journal.ts';
import type { HandleMcpDeps } from '../gateway/mcp-deps.ts';
import { SseSessions } from '../gateway/handle-sse.ts';
import { json } from '../gateway/health.ts';
import { shownStatus } from '../mcp/shown-status.ts';
import { sendStatusPage } from '../gateway/status-page.ts';
import { createKeyRing } from '../keys/key-ring.ts';
import { OPEN_GATE } from '../limits/limits.ts';
import type { Ledger, LedgerStats } from '../ledger/ledger-ports.ts';
import { Mcp } from '../mcp/mcp.ts';
import type { ServerConfig } from '../mcp/mcp-ports.ts';
import { errorMessage, errorObject, idIn } from '../mcp/mcp-wire.ts';
import type { HttpClient } from '../net/http-client.ts';
import { createPolicy } from '../policy/visibility.ts';
import type { Log } from '../telemetry/log.ts';
import { VERSION } from './version.ts';

/** One server behind the gateway's own surface: what of the engine and the gateway a bridge uses is used here and nowhere else. */
export interface BridgeSurface extends AsyncDisposable {
  readonly edge: Edge;
  /** Starts the server; resolves when it is up or has failed for the first time, with the reason. */
  start(): Promise<string | undefined>;
}

export interface SurfaceOptions {
  readonly server: ServerConfig;
  readonly http: HttpClient;
  readonly log: Log;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What clients must present; `undefined` serves this machine, or anyone. */
  readonly key: Secret | undefined;
  readonly anyone: boolean;
  readonly allowedHosts: readonly string[];
  /** 32 bytes; the same after a restart for sessions that go on. */
  readonly sessionSecret: Uint8Array | undefined;
}

const ANYONE: Principal = Object.freeze({
  id: 'anyone',
  kind: 'anonymous',
  alias: undefined,
  user: undefined,
  team: undefined,
  scopeKey: 'anyone',
  grants: undefined,
  allowances: [],
});

export function createSurface(options: SurfaceOptions): BridgeSurface {
  const { server, log, key, anyone } = options;
  const clock = systemClock;
  const newId = createIdSource();
  const secret = options.sessionSecret ?? randomBytes(32);
  const farewells = new Set<() => void>();
  const mcp = new Mcp({
    config: { servers: [server], separator: '-' },
    store: forgetfulCatalog,
    toolHistory: forgetfulHistory,
    http: options.http,
    log,
    clock,
    random: Math.random,
    // There is one server to wait for, and without it there is nothing to list.
    bounds: { ...BOUNDS, firstListWaitMs: server.startTimeoutMs },
    identity: { name: server.name, version: VERSION },
    sealSecrets: () => [secret],
    inProcess: new Map(),
    environment: options.environment,
  });
  const ring = createKeyRing({ masterKey: key, keys: [] });
  const authenticator = createAuthenticator({
    ring,
    allowedIps: [],
    useXForwardedFor: false,
    trustLoopbackWithoutKeys: true,
    clock,
  });
  const authenticate = (exchange: Exchange): Principal =>
    key === undefined && anyone
      ? ANYONE
      : authenticator.authenticate({
          headers: exchange.headers,
          query: exchange.query,
          remoteAddress: exchange.remoteAddress,
          routeKind: 'mcp',
        });
  const recorder = new Recorder({
    redactor: createRedactor({ key: createSecretKey(randomBytes(32)) }),
    config: STANDARD_RECORDING,
    bodies: undefined,
  });
  const deps: HandleMcpDeps = {
    mcp,
    policy: createPolicy({
      servers: [server],
      defaultAccess: 'all',
      keyHeaderOf: authenticator.keyHeaderOf,
    }),
    journal: createJournal({ ledger: forgetfulLedger, log, recorder: () => recorder }),
    limits: OPEN_GATE,
    onRefused: () => undefined,
    toolCosts: () => undefined,
    log,
    tracer: passingTracer,
    clock,
    newId,
    authenticate,
    addressOf: (exchange) => authenticator.addressOf(exchange),
    version: VERSION,
    current: () => deps,
    onStop: (listener) => {
      farewells.add(listener);
      return () => farewells.delete(listener);
    },
  };
  const sse = new SseSessions();
  const edge = new Edge({
    bounds: BOUNDS,
    browser: { allowedHosts: options.allowedHosts, checkHost: key === undefined },
    newId,
    clock,
    log,
    handlers: {
      mcp: async (exchange) => {
        if (!(await refuseWithoutServer(exchange, mcp, authenticate))) await handleMcp(exchange, deps);
      },
      sse: (exchange) => sse.open(exchange, deps),
      messages: (exchange) => sse.post(exchange, deps),
      health: (exchange, route) => health(exchange, route.probe, mcp, authenticate),
      'mcp-rest': unknownRoute,
      admin: unknownRoute,
      metrics: unknownRoute,
      backup: unknownRoute,
      llm: unknownRoute,
      models: unknownRoute,
      response: unknownRoute,
      status: (exchange) => sendStatusPage(exchange, VERSION),
    },
  });
  return {
    edge,
    start: async () => {
      await mcp.start();
      await mcp.tools({ key: 'first', servers: [server.name], allowsTool: () => true });
      const { state, reason } = mcp.status()[0]!;
      return state === 'ready' ? undefined : (reason ?? 'it did not answer in time');
    },
    [Symbol.asyncDispose]: async () => {
      for (const farewell of [...farewells]) farewell();
      await edge.drain(BOUNDS.shutdownDrainMs);
      await edge[Symbol.asyncDispose]();
      await mcp[Symbol.asyncDispose]();
    },
  };
}

/** An empty list would say that the server has no tools; while it was never reached, that is not known, and why is. */
async function refuseWithoutServer(
  exchange: Exchange,
  mcp: Mcp,
  authenticate: (exchange: Exchange) => Principal,
): Promise<boolean> {
  const status = mcp.status()[0]!;
  const isUnknown = status.toolsReadAt === undefined && status.state !== 'ready' && status.failures > 0;
  if (exchange.method !== 'POST' || !isUnknown) return false;
  authenticate(exchange);
  const id = idIn(await exchange.body());
  const error = new GatewayError('server-down', {
    server: status.name,
    state: status.state,
    since: new Date(status.since).toISOString(),
    reason: `${(status.reason ?? 'it was never reached').replace(/\.$/, '')}.`,
  });
  exchange.send(503, { 'retry-after': '2' }, errorMessage(id, errorObject(error)));
  return true;
}

/** `/health` answers 200 only while the server can be used, so that a container's health check can read it. Who may call it sees more. */
function health(
  exchange: Exchange,
  probe: 'all' | 'liveness' | 'readiness',
  mcp: Mcp,
  authenticate: (exchange: Exchange) => Principal,
): void {
  const server = mcp.status()[0]!;
  const healthy = server.state === 'ready';
  if (probe === 'liveness') json(exchange, 200, { status: 'alive' });
  else
    json(exchange, healthy ? 200 : 503, {
      status: healthy ? 'healthy' : server.state,
      version: VERSION,
      ...(maySeeMore(exchange, authenticate) ? { server: shownStatus(server) } : {}),
    });
}

/** Details name commands and addresses: not for anyone. */
function maySeeMore(exchange: Exchange, authenticate: (exchange: Exchange) => Principal): boolean {
  try {
    return authenticate(exchange) !== ANYONE;
  } catch (error) {
    if (error instanceof GatewayError) return false;
    throw error;
  }
}

function unknownRoute(exchange: Exchange): never {
  throw new GatewayError('route-unknown', { path: exchange.path.slice(0, 200) });
}

const forgetfulCatalog = {
  loadAll: () => Promise.resolve([]),
  save: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};

const forgetfulHistory = {
  load: () => Promise.resolve([]),
  save: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};

const NO_STATS: LedgerStats = {
  begun: 0,
  ended: 0,
  stored: 0,
  spooledBytes: 0,
  dropped: 0,
  open: 0,
  ignoredEnds: 0,
  refusedCalls: 0,
  storeFailures: 0,
};

/** A bridge keeps no record of calls: the gateway in front of it does. */
const forgetfulLedger: Ledger = {
  begin: () => Promise.resolve(),
  end: () => undefined,
  stats: () => NO_STATS,
  flush: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
