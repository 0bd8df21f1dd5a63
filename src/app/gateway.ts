import { join } from 'node:path';
import type { LanportConfig } from '../config/load.ts';
import { createPostgresConnector } from '../connectors/postgres/connector.ts';
import { DEMO_DATABASE, DEMO_OWNER, DEMO_ROLE } from '../connectors/postgres/demo.ts';
import { systemClock } from '../core/clock.ts';
import { createIdSource } from '../core/ids.ts';
import { Scope } from '../core/scope.ts';
import { SEAL_SECRET_BYTES } from '../core/seal.ts';
import type { Secret } from '../core/secret.ts';
import type { Tracer } from '../core/trace.ts';
import { Edge } from '../edge/server.ts';
import { handleBackup } from '../gateway/handle-backup.ts';
import { handleMcpRest } from '../gateway/handle-mcp-rest.ts';
import { handleMcp } from '../gateway/handle-mcp.ts';
import { createJournal } from '../gateway/journal.ts';
import { handleMetrics } from '../gateway/handle-metrics.ts';
import type { HandleMcpDeps } from '../gateway/mcp-deps.ts';
import { SseSessions } from '../gateway/handle-sse.ts';
import { handleHealth } from '../gateway/health.ts';
import { sendStatusPage } from '../gateway/status-page.ts';
import { openKeyDirectory } from '../keys/open-directory.ts';
import { masterKeyFile } from '../keys/master-key-file.ts';
import { mockModel } from '../llm/model-config.ts';
import { Limits } from '../limits/limits.ts';
import { Mcp } from '../mcp/mcp.ts';
import type { InProcessServer, Neighbours, ServerConfig } from '../mcp/mcp-ports.ts';
import { Agents } from '../net/agents.ts';
import { HttpClient } from '../net/http-client.ts';
import { lockFolder } from '../store/folder-lock.ts';
import { openNeighbours } from '../store/neighbours.ts';
import { type OpenedStore, openStore, type StoreMode } from '../store/open-store.ts';
import { type BufferedLog, errorChain, type Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { openTracing, spanSamples } from '../telemetry/tracing.ts';
import { type Access, requireKey, waitsForKey } from './access.ts';
import { adminHandler } from './admin-surface.ts';
import { openAudit } from './audit.ts';
import { postgresConnector } from './connectors.ts';
import { DEMO_MODEL, demoServer, prepareDemo } from './demo.ts';
import { filesToKeep } from './kept-files.ts';
import { openLedger } from './ledger.ts';
import { LiveConfig } from './live-config.ts';
import { measure } from './measure.ts';
import { ModelSurface } from './model-surface.ts';
import { purgeResponses } from './purge-responses.ts';
import { Recording } from './recording.ts';
import { Reload, type ReloadDeps } from './reload.ts';
import { isRefusedAtTheDoor, refusalOf } from './refused.ts';
import { openSealSecrets } from './seal-secrets.ts';
import { refuseUnfinished } from './unfinished-restore.ts';
import { ledgerRuns, spendHistory } from './spend-history.ts';
import { limitEvents, targetLimits } from './usage-limits.ts';
import { VERSION } from './version.ts';

export interface GatewayOptions {
  readonly config: LanportConfig;
  /** Whether the operator gave a configuration file; without one the demo is served. */
  readonly hasFile: boolean;
  readonly dataFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: BufferedLog;
  /** Reads the configuration again, for a reload. */
  readonly read: ReloadDeps['read'];
  /** The files that `config` was read from, and their state then; to be watched. */
  readonly stamps: ReloadDeps['stamps'];
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
  /** Replaces the configuration by what its files say now; the outcome is logged. */
  reload(): void;
  /** Drains, stops every child, flushes, closes. Never rejects. */
  stop(): Promise<void>;
}

/** How long a start waits for Redis, before limits are counted for this process alone. Milliseconds. */
const REDIS_READY_MS = 3_000;

/** Tells the other gateways to read their configuration again. */
const RELOAD = '{"k":"reload"}';

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
  const { log, dataFolder } = options;
  const clock = systemClock;
  const newId = createIdSource();
  const lock = lockFolder(dataFolder);
  scope.add('data folder', () => lock.release());
  refuseUnfinished(dataFolder);

  const { masterKey, masterKeyPath } = keyOf(options);
  requireKey(options.config, masterKey, options.config.edge.host);
  const opened = await openStore(storeMode(options), log, options.config.limits);
  scope.add('store', () => opened.store[Symbol.asyncDispose](), 30_000);
  const config = await withServers(options, opened);
  const directory = await openKeyDirectory({ table: opened.store.accounts, clock, log });
  scope.add('keys', () => directory[Symbol.asyncDispose]());
  const live = new LiveConfig(config, masterKey, clock, directory, (exchange, surface, code, address) =>
    audit.refusals.note(refusalOf(exchange, surface, code, address)),
  );

  const { ledger, retention, key } = await openLedger(config, dataFolder, scope, {
    store: opened.store,
    clock,
    log,
    onPurged: (what) => audit.notePurged(what),
  });
  const metrics = new Metrics(VERSION);
  const onRefused = (code: string): void => metrics.refused(code);
  scope.add('metrics', async () => metrics[Symbol.dispose]());
  const agents = new Agents();
  scope.add('connections to the collector', async () => agents[Symbol.dispose]());
  const tracing = await openTracing(config.telemetry.traces, {
    version: VERSION,
    log,
    redact: (text) => recording.recorder.text(text),
    agentFor: (protocol) => agents.for(protocol),
  });
  const { tracer } = tracing;
  scope.add('traces', () => tracing[Symbol.asyncDispose]());
  metrics.counter('lanport_spans_total', () => spanSamples(tracing.counts()));
  const recording = new Recording(config, {
    key,
    store: opened.store,
    log,
    now: () => clock.now(),
    onPurged: (days) => audit.note('purge bodies', { details: { days } }),
  });
  scope.add('bodies of calls', () => recording[Symbol.asyncDispose]());
  const journal = createJournal({ ledger, metrics: metrics.calls, log, recorder: () => recording.recorder });
  const audit = openAudit({ journal, newId, clock });
  scope.add('records of refused requests', async () => audit.refusals[Symbol.dispose]());

  const limits = new Limits(
    targetLimits(config.usage, (model) => models.canonical(model)),
    {
      clock,
      history: spendHistory(opened.store.spend, ledger),
      runs: ledgerRuns(opened.store.runs, ledger),
      events: limitEvents(log),
      redisUrl: config.usage.redisUrl?.reveal(),
    },
  );
  scope.add('limits', () => limits[Symbol.asyncDispose]());
  const http = new HttpClient();
  scope.add('outbound connections', () => http[Symbol.asyncDispose]());
  const seals = await openSealSecrets(opened.store.secrets, clock, log);
  scope.add('seal secrets', () => seals.close());
  const neighbours = await openedNeighbours(config, opened, scope, log);
  const mcp = new Mcp({
    config: config.mcp,
    store: opened.store.catalog,
    toolHistory: opened.store.toolHistory,
    http,
    log,
    clock,
    random: Math.random,
    bounds: live.bounds,
    identity: { name: 'lanport', version: VERSION },
    sealSecrets: () => seals.secrets,
    inProcess: connectors(opened, { log, tracer, sealSecrets: () => seals.secrets }),
    environment: options.environment,
    neighbours,
  });
  scope.add('servers', () => mcp[Symbol.asyncDispose](), 20_000);

  let draining = false;
  const sse = new SseSessions();
  const farewells = new Set<() => void>();
  const onStop: HandleMcpDeps['onStop'] = (listener) => {
    farewells.add(listener);
    return () => farewells.delete(listener);
  };
  let known: { readonly access: Access; readonly deps: HandleMcpDeps } | undefined;
  /** What a request needs; one request keeps to the configuration that it began with. */
  const mcpDeps = (): HandleMcpDeps => {
    const { access } = live;
    if (known?.access !== access) {
      const { policy, addressOf } = access;
      const authenticate: HandleMcpDeps['authenticate'] = (exchange) => access.authenticate(exchange, 'mcp');
      known = {
        access,
        deps: {
          mcp,
          policy,
          journal,
          limits,
          toolCosts: (server) => live.toolCosts[server],
          log,
          onRefused,
          tracer,
          clock,
          newId,
          authenticate,
          addressOf,
          version: VERSION,
          onStop,
          current: mcpDeps,
        },
      };
    }
    return known.deps;
  };
  const startedAt = clock.now();
  const models: ModelSurface = new ModelSurface(config, {
    live,
    http,
    journal,
    onRefused,
    limits,
    responses: opened.store.responses,
    log,
    tracer,
    clock,
    newId,
    mcpDeps,
  });
  const edge = new Edge({
    bounds: live.bounds,
    browser: live.browser,
    newId,
    clock,
    log,
    onRefused: (code, exchange) => {
      onRefused(code);
      if (isRefusedAtTheDoor(code))
        audit.refusals.note(refusalOf(exchange, 'edge', code, live.access.addressOf(exchange)));
    },
    before: (exchange, route) =>
      waitsForKey(route) && live.access.showsUnknownKey(exchange) ? directory.catchUp() : undefined,
    handlers: {
      mcp: (exchange) => handleMcp(exchange, mcpDeps()),
      sse: (exchange) => sse.open(exchange, mcpDeps()),
      messages: (exchange) => sse.post(exchange, mcpDeps()),
      'mcp-rest': (exchange, { operation }) => handleMcpRest(exchange, operation, mcpDeps()),
      health: (exchange, route) =>
        handleHealth(exchange, route.probe, {
          mcp,
          ledger,
          retention: () => retention.state,
          storeHealth: () => opened.store.health(),
          storeKind: opened.store.kind,
          limits: () => limits.stats(),
          version: VERSION,
          startedAt,
          isDraining: () => draining,
          configuration: () => ({ files: live.files, ...reload.state }),
          identify: (one) => live.access.identify(one),
        }),
      metrics: (exchange) =>
        handleMetrics(exchange, {
          metrics,
          isPublic: () => live.metricsPublic,
          authenticate: (one) => live.access.authenticate(one, 'admin'),
          mayRead: ({ kind, id }) =>
            kind !== 'virtual' || directory.findKey(id)?.allowedRoutes.includes('/metrics') === true,
        }),
      admin: adminHandler({
        live,
        mcp,
        models: () => models.asked,
        directory,
        store: opened.store,
        ledger,
        log,
        clock,
        reload: () => {
          neighbours?.tell(RELOAD);
          return reload.request('admin');
        },
        acts: audit.acts,
        journal,
        recording,
        onStop,
      }),
      backup: (exchange) =>
        handleBackup(exchange, {
          authenticate: (one) => live.access.authenticate(one, 'admin'),
          acts: audit.acts,
          addressOf: (one) => live.access.addressOf(one),
          log,
          archive: async () => {
            await ledger.flush(AbortSignal.timeout(5_000)).catch(() => undefined);
            return opened.store.backup?.archive({ madeBy: VERSION, files: filesToKeep(dataFolder) });
          },
        }),
      status: (exchange) => sendStatusPage(exchange, VERSION),
      ...models.handlers,
    },
    openSocket: models.openSocket,
  });
  scope.add('listener', () => edge[Symbol.asyncDispose]());
  const stopFollowing = live.followKeys({ mcp, edge, log });
  scope.add('streams of keys', async () => stopFollowing());
  const reload = new Reload({
    read: options.read,
    stamps: options.stamps,
    apply: async (next) => {
      const renewed = { ...options, config: next };
      const served = await withServers(renewed, opened);
      const newModels = models.prepare(served);
      const change = await live.apply(served, keyOf(renewed).masterKey, { mcp, edge, log });
      newModels.use();
      limits.reconfigure(targetLimits(next.usage, (model) => models.canonical(model)));
      recording.use(served);
      recording.noteDeployments(models.deployments);
      return change;
    },
    onDone: (trigger, outcome) => audit.noteReload(trigger, outcome),
    clock,
    log,
  });
  measure(metrics, { mcp, models, ledger, limits, store: opened.store, edge, reload });
  retention.start();
  recording.start(models.deployments);
  const stopPurging = purgeResponses(opened.store.responses, log);
  scope.add('deletion of expired answers', async () => stopPurging());
  await mcp.start();
  await limits.ready(REDIS_READY_MS);
  const { port } = await edge.listen(config.edge.host, config.edge.port);
  scope.add(
    'requests under way',
    () => {
      draining = true;
      for (const farewell of [...farewells]) farewell();
      return edge.drain(config.limits.shutdownDrainMs, () => {
        // Closing the servers ends the calls; what does not close is reported by the step that follows.
        mcp[Symbol.asyncDispose]().catch(() => undefined);
      });
    },
    config.limits.shutdownDrainMs + 3_000,
  );
  reload.start();
  neighbours?.hear((word) => {
    if (word === RELOAD) reload.request('neighbour').catch(() => undefined);
  });
  scope.add('reload', () => reload[Symbol.asyncDispose](), 15_000);
  const host = config.edge.host === '0.0.0.0' || config.edge.host === '::' ? '127.0.0.1' : config.edge.host;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    masterKey,
    masterKeyPath,
    storeKind: opened.store.kind,
    servers: config.mcp.servers.map((server) => server.name),
    reload: () => void reload.request('signal').catch(() => undefined),
    stop,
  };
}

/** The other gateways, where there can be some. */
async function openedNeighbours(
  config: LanportConfig,
  { store }: OpenedStore,
  scope: Scope,
  log: Log,
): Promise<Neighbours | undefined> {
  const url = config.usage.redisUrl?.reveal();
  if (url === undefined) return undefined;
  const secret = await store.secrets.getOrCreate('words', SEAL_SECRET_BYTES);
  const neighbours = openNeighbours(url, secret, log);
  scope.add('words to other gateways', () => neighbours[Symbol.asyncDispose]());
  return neighbours;
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

/** The configuration with its servers; without a file, with the demo, where there is an embedded database to put it in. */
async function withServers(
  { config, hasFile, log }: GatewayOptions,
  { embedded }: OpenedStore,
): Promise<LanportConfig> {
  if (hasFile || config.mcp.servers.length > 0 || embedded === undefined) return config;
  await prepareDemo(embedded, log);
  const { serverStartMs, callTotalMs, inFlightPerServerMax } = config.limits;
  const demo = demoServer(serverStartMs, callTotalMs, inFlightPerServerMax);
  const models = config.llm.models.length > 0 ? config.llm.models : [mockModel(DEMO_MODEL)];
  return { ...config, mcp: { ...config.mcp, servers: [demo] }, llm: { ...config.llm, models } };
}

function connectors(
  { embedded }: OpenedStore,
  {
    log,
    tracer,
    sealSecrets,
  }: { readonly log: Log; readonly tracer: Tracer; readonly sealSecrets: () => readonly Uint8Array[] },
): ReadonlyMap<string, (config: ServerConfig) => InProcessServer> {
  const postgres = (config: ServerConfig): InProcessServer =>
    postgresConnector(config, log, tracer, sealSecrets);
  const all = new Map([['postgres', postgres]]);
  if (embedded !== undefined) {
    all.set(
      'demo',
      () =>
        createPostgresConnector({
          connection: embedded.connection(DEMO_DATABASE, DEMO_ROLE),
          log,
          tracer,
          version: VERSION,
          allowWrite: false,
          allowFunctions: [],
          cursorSecrets: sealSecrets,
          demoOwner: { connection: embedded.connection(DEMO_DATABASE, DEMO_OWNER), role: DEMO_ROLE },
        }).server,
    );
  }
  return all;
}
