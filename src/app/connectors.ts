import { createPostgresConnector } from '../connectors/postgres/connector.ts';
import { readDatabases, readEnvironment } from '../connectors/postgres/environment.ts';
import type { Tracer } from '../core/trace.ts';
import type { InProcessServer, ServerConfig } from '../mcp/mcp-ports.ts';
import type { Log } from '../telemetry/log.ts';
import { VERSION } from './version.ts';

/** Makes `command: lanport:postgres` of its entry. `sealSecrets`: the gateway's, so that its other processes go on with a cursor. Throws when the entry does not name the database. */
export function postgresConnector(
  config: ServerConfig,
  log: Log,
  tracer: Tracer,
  sealSecrets?: () => readonly Uint8Array[],
): InProcessServer {
  const env = Object.fromEntries(Object.entries(config.env).map(([name, value]) => [name, value.reveal()]));
  const url = env['DATABASE_URI'] ?? env['DATABASE_URL'];
  const [first, ...moreDatabases] = readDatabases({ url, named: [], env });
  if (first === undefined)
    throw new Error(
      `mcp_servers.${config.name}.env.DATABASE_URI is missing: the connector needs the address of its database`,
    );
  const { debug: _debug, ...options } = readEnvironment(env);
  return createPostgresConnector({
    connection: first.connection,
    writeConnection: first.writeConnection,
    databaseName: first.name,
    moreDatabases,
    log,
    tracer,
    version: VERSION,
    cursorScope: config.name,
    ...options,
    cursorSecrets: options.cursorSecrets ?? sealSecrets,
  }).server;
}
