import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthenticator } from '../auth/authenticate.ts';
import type { LanportConfig } from '../config/load.ts';
import { createPostgresConnector } from '../connectors/postgres/connector.ts';
import { DEMO_DATABASE, DEMO_ROLE } from '../connectors/postgres/demo.ts';
import { systemClock } from '../core/clock.ts';
import { createIdSource } from '../core/ids.ts';
import { Scope } from '../core/scope.ts';
import { SEAL_SECRET_BYTES } from '../core/seal.ts';
import type { Secret } from '../core/secret.ts';
import { Edge } from '../edge/server.ts';
import type { Exchange } from '../gateway/exchange.ts';
import { handleAdmin } from '../gateway/handle-admin.ts';
import { handleMcp, type HandleMcpDeps } from '../gateway/handle-mcp.ts';
import { SseSessions } from '../gateway/handle-sse.ts';
import { handleHealth } from '../gateway/health.ts';
import { sendStatusPage } from '../gateway/status-page.ts';
import { createKeyRing } from '../keys/key-ring.ts';
import { masterKeyFile } from '../keys/master-key-file.ts';
import { createLedger } from '../ledger/ledger.ts';
import { Mcp } from '../mcp/mcp.ts';
import type { InProcessServer, ServerConfig } from '../mcp/mcp-ports.ts';
import { HttpClient } from '../net/http-client.ts';
import { createPolicy } from '../policy/visibility.ts';
import { lockFolder } from '../store/folder-lock.ts';
import { type OpenedStore, openStore, type StoreMode } from '../store/open-store.ts';
import { errorChain, type Log } from '../telemetry/log.ts';
import { postgresConnector } from './connectors.ts';
import { demoServer, prepareDemo } from './demo.ts';
import { EXIT, StartupError } from './startup-error.ts';
import { VERSION } from './version.ts';

export interface GatewayOptions {
  readonly config: LanportConfig;
  /** Whether the operator gave a configuration file; without one the demo is served. */
  readonly hasFile: boolean;
  readonly dataFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

export interface Gateway {
  /** `http://host:port` as a client on this machine reaches it. */
  readonly url: string;
  /** `undefined`: no key is configured, and only this machine is served. */
  readonly masterKey: Secret | undefined;
  /** Where a generated master key is kept. */
  readonly masterKeyPath: string | undefined;
  readonly storeKind: string;
  readonly servers: readonly string[];
  /** Drains, stops every child, flushes, closes. Never rejects. */
  stop(): Promise<void>;
}

const LOOPBACK = /^(?:127\.|localhost$|::1$)/;

/** Builds the gateway from its configuration and starts it. Rejects with what went wrong; then nothing is left running. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log } = options;
  const scope = new Scope();
  const stop = async (): Promise<void> => {
    for (const failure of await scope.close())
      log.warn('something did not close', { what: failure.name, reason: errorChain(failure.error) });
  };
  try {
    return await build(options, scope, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function build(options: GatewayOptions, scope: Scope, stop: () => Promise<void>): Promise<Gateway> {
  const { config, log, dataFolder } = options;
  const clock = systemClock;
  const newId = createIdSource();
  mkdirSync(dataFolder, { recursive: true });
  const lock = lockFolder(dataFolder);
  scope.add('data folder', () => lock.release());

  const { masterKey, masterKeyPath } = keyOf(options);
  if (masterKey === undefined && config.keys.keys.length === 0 && !LOOPBACK.test(config.edge.host)) {
    throw new StartupError(
      `no key is configured, and ${config.edge.host} can be reached from other machines: set general_settings.master_key, or listen on 127.0.0.1`,
      EXIT.configuration,
    );
  }
  const opened = await openStore(storeMode(options), log);
  scope.add('store', () => opened.store[Symbol.asyncDispose](), 30_000);
  const servers = await serversOf(options, opened);

  const ledger = await createLedger({
    store: opened.store.ledger,
    folder: join(dataFolder, 'ledger'),
    writer: `${Date.now().toString(36)}-${randomUUID().slice(0, 8)}`,
    clock,
    log,
    bounds: {
      memoryRowsMax: config.limits.ledgerMemoryRowsMax,
      diskBytesMax: config.limits.ledgerDiskBytesMax,
    },
  });
  scope.add('ledger', () => ledger[Symbol.asyncDispose]());

  const http = new HttpClient();
  scope.add('outbound connections', () => http[Symbol.asyncDispose]());
  const mcp = new Mcp({
    config: { servers, separator: config.mcp.separator },
    store: opened.store.catalog,
    http,
    log,
    clock,
    random: Math.random,
    bounds: config.limits,
    identity: { name: 'lanport', version: VERSION },
    sessionSecret: await opened.store.secrets.getOrCreate('session-seal', SEAL_SECRET_BYTES),
    inProcess: connectors(opened, log),
    environment: options.environment,
  });
  scope.add('servers', () => mcp[Symbol.asyncDispose](), 20_000);

  const ring = createKeyRing({ masterKey, keys: config.keys.keys });
  const authenticator = createAuthenticator({
    ring,
    headerName: config.edge.keyHeaderName,
    allowedIps: config.edge.allowedIps,
    useXForwardedFor: config.edge.useXForwardedFor,
    trustLoopbackWithoutKeys: true,
    clock,
  });
  const authenticate = (routeKind: 'mcp' | 'admin' | 'health') => (exchange: Exchange) =>
    authenticator.authenticate({
      headers: exchange.headers,
      query: exchange.query,
      remoteAddress: exchange.remoteAddress,
      routeKind,
    });
  const policy = createPolicy({
    servers,
    defaultAccess: config.keys.defaultAccess,
    keyHeaderOf: authenticator.keyHeaderOf,
  });
  let draining = false;
  const sse = new SseSessions(config.limits);
  mcp.onAnnouncement((message) => sse.announce(message));
  const deps: HandleMcpDeps = {
    mcp,
    policy,
    ledger,
    log,
    clock,
    newId,
    authenticate: authenticate('mcp'),
    addressOf: (exchange) => authenticator.addressOf(exchange),
    version: VERSION,
  };
  const startedAt = clock.now();
  const edge = new Edge({
    bounds: config.limits,
    browser: { allowedHosts: config.edge.allowedHosts, checkHost: ring.size === 0 },
    newId,
    clock,
    log,
    handlers: {
      mcp: (exchange) => handleMcp(exchange, deps),
      sse: (exchange) => sse.open(exchange, deps),
      messages: (exchange) => sse.post(exchange, deps),
      health: (exchange, route) =>
        handleHealth(exchange, route.probe, {
          mcp,
          ledger,
          storeHealth: () => opened.store.health(),
          storeKind: opened.store.kind,
          version: VERSION,
          startedAt,
          isDraining: () => draining,
          identify: (one) => {
            try {
              return authenticate('health')(one);
            } catch {
              return undefined;
            }
          },
        }),
      admin: (exchange, route) =>
        handleAdmin(exchange, route.operation, route.argument, {
          mcp,
          policy,
          authenticate: authenticate('admin'),
          recentCalls: async (query) => {
            await ledger.flush(AbortSignal.timeout(1_000)).catch(() => undefined);
            return opened.store.ledger.recent(query);
          },
          accessGroups: [...new Set(servers.flatMap((server) => server.accessGroups))].sort(),
        }),
      status: (exchange) => sendStatusPage(exchange, VERSION),
    },
  });
  scope.add('listener', () => edge[Symbol.asyncDispose]());
  await mcp.start();
  const { port } = await edge.listen(config.edge.host, config.edge.port);
  scope.add(
    'requests under way',
    () => {
      draining = true;
      return edge.drain(config.limits.shutdownDrainMs);
    },
    config.limits.shutdownDrainMs + 2_000,
  );
  const host = config.edge.host === '0.0.0.0' || config.edge.host === '::' ? '127.0.0.1' : config.edge.host;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    masterKey,
    masterKeyPath,
    storeKind: opened.store.kind,
    servers: servers.map((server) => server.name),
    stop,
  };
}

/** The master key: the configured one; else, where there is no file or only virtual keys, a generated one that is kept. */
function keyOf({ config, hasFile, dataFolder, log }: GatewayOptions): {
  masterKey: Secret | undefined;
  masterKeyPath: string | undefined;
} {
  if (config.keys.masterKey !== undefined)
    return { masterKey: config.keys.masterKey, masterKeyPath: undefined };
  if (hasFile && config.keys.keys.length === 0) return { masterKey: undefined, masterKeyPath: undefined };
  const file = masterKeyFile(join(dataFolder, 'master.key'));
  if (file.warning !== undefined) log.warn('the master key is not private', { fix: file.warning });
  return { masterKey: file.key, masterKeyPath: file.path };
}

function storeMode({ config, dataFolder }: GatewayOptions): StoreMode {
  if (config.store.disabled) return { kind: 'none', dataFolder };
  return config.store.databaseUrl === undefined
    ? { kind: 'embedded', dataFolder }
    : { kind: 'external', url: config.store.databaseUrl };
}

/** The configured servers; without a file, the demo, where there is an embedded database to put it in. */
async function serversOf(
  { config, hasFile, log }: GatewayOptions,
  opened: OpenedStore,
): Promise<readonly ServerConfig[]> {
  if (hasFile || config.mcp.servers.length > 0 || opened.embedded === undefined) return config.mcp.servers;
  await prepareDemo(opened.embedded, log);
  return [
    demoServer(config.limits.serverStartMs, config.limits.callTotalMs, config.limits.inFlightPerServerMax),
  ];
}

function connectors(
  { embedded }: OpenedStore,
  log: Log,
): ReadonlyMap<string, (config: ServerConfig) => InProcessServer> {
  const postgres = (config: ServerConfig): InProcessServer => postgresConnector(config, log);
  const all = new Map([['postgres', postgres]]);
  if (embedded !== undefined) {
    all.set(
      'demo',
      () =>
        createPostgresConnector({
          connection: embedded.connection(DEMO_DATABASE, DEMO_ROLE),
          log,
          version: VERSION,
          allowWrite: false,
          allowFunctions: [],
        }).server,
    );
  }
  return all;
}
