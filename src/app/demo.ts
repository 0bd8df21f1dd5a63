import { DEMO_DATABASE, loadDemo } from '../connectors/postgres/demo.ts';
import type { ServerConfig } from '../mcp/mcp-ports.ts';
import type { OpenedStore } from '../store/open-store.ts';
import type { Log } from '../telemetry/log.ts';

/** The server that a gateway without a configuration file has: the built-in PostgreSQL connector on the demo database. */
export function demoServer(startTimeoutMs: number, callTimeoutMs: number, concurrency: number): ServerConfig {
  return {
    name: 'postgres',
    alias: undefined,
    otherAliases: [],
    transport: 'in-process',
    transportStrict: false,
    url: undefined,
    command: 'lanport:demo',
    args: [],
    env: {},
    cwd: undefined,
    headers: {},
    extraHeaders: [],
    description: 'The demo database: customers, products and orders of a small company.',
    accessGroups: [],
    allowAllKeys: false,
    allowedTools: undefined,
    disallowedTools: [],
    toolOverrides: {},
    onToolChange: 'notify',
    startTimeoutMs,
    callTimeoutMs,
    concurrency,
    toolPrefix: 'alias',
    isolation: 'shared',
    idleShutdownMs: undefined,
    source: { file: 'defaults', line: 0, keyLines: {} },
  };
}

/** The model that a gateway without a configuration file has: it answers itself, and calls the tools that it is asked for. */
export const DEMO_MODEL = 'gpt-4o-mock';

/** Makes the demo database on the embedded server, unless it is there. Rejects with what PostgreSQL says. */
export async function prepareDemo(embedded: NonNullable<OpenedStore['embedded']>, log: Log): Promise<void> {
  await embedded.ensureDatabase(DEMO_DATABASE);
  const state = await embedded.withDatabase(DEMO_DATABASE, loadDemo);
  if (state === 'loaded') log.info('the demo database was loaded', { database: DEMO_DATABASE });
}
