import type { Readable, Writable } from 'node:stream';
import { createPostgresConnector, type PostgresConnectorOptions } from '../connectors/postgres/connector.ts';
import {
  type EnvironmentOptions,
  listOf,
  readDatabases,
  readEnvironment,
} from '../connectors/postgres/environment.ts';
import { readerRoleScript } from '../connectors/postgres/role.ts';
import { serve } from '../connectors/serve.ts';
import { createLog } from '../telemetry/log.ts';
import { EXIT, StartupError } from './startup-error.ts';
import { VERSION } from './version.ts';

/** How `lanport postgres` serves, from its options and environment. */
export interface PostgresSettings extends EnvironmentOptions {
  readonly url: string | undefined;
  /** Further databases, each `name=url`. */
  readonly databases: readonly string[];
  /** For what has no option: MCP_DATABASES, MCP_WRITE_DATABASE_URI, MCP_WRITE_DATABASES. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly transport: 'stdio' | 'http';
  readonly host: string;
  readonly port: number;
  readonly allowedHosts: readonly string[];
}

export interface PostgresIo {
  /** The two carry MCP messages, and nothing else, when the transport is stdio. */
  readonly input: Readable;
  readonly output: Writable;
  readonly stderr: { write(text: string): boolean };
  /** Resolves with the name of the signal that asks for the end. */
  readonly stopRequested: Promise<string>;
}

/** Serves the PostgreSQL connector until it is asked to stop or its input ends. Resolves with the exit code; rejects with StartupError. */
export async function servePostgres(settings: PostgresSettings, io: PostgresIo): Promise<number> {
  const { url, databases, env, host, port, allowedHosts, debug, allowWrite } = settings;
  const [first, ...moreDatabases] = configured(() => readDatabases({ url, named: databases, env }));
  if (first === undefined) {
    throw new StartupError(
      'no database is given: set DATABASE_URI=postgresql://user:password@host:5432/database, or write the URL after the command',
      EXIT.configuration,
    );
  }
  const log = createLog(io.stderr, debug ? 'debug' : 'info');
  const stop = new AbortController();
  void io.stopRequested.then(() => stop.abort());
  await using connector = openConnector({
    connection: first.connection,
    writeConnection: first.writeConnection,
    databaseName: first.name,
    moreDatabases,
    log,
    version: VERSION,
    serverName: settings.serverName,
    allowWrite,
    allowDefinitions: settings.allowDefinitions,
    cursorSecrets: settings.cursorSecrets,
    toolsets: settings.toolsets,
    allowFunctions: settings.allowFunctions,
    rolePolicy: settings.rolePolicy,
    safety: settings.safety,
  });
  const { input, output } = io;
  const onListening = (actual: number): void => {
    const base = `http://${host.includes(':') ? `[${host}]` : host}:${actual}`;
    output.write(
      `PostgreSQL connector: ${base}/mcp (streamable HTTP), ${base}/sse (HTTP+SSE), ${base}/health\n`,
    );
    log.info('ready', { port: actual, host, write: allowWrite });
    if (!/^(?:127\.|localhost$|::1$)/.test(host)) {
      log.warn('anybody who reaches this port can use the database role of this connector', {
        host,
        port: actual,
      });
    }
  };
  try {
    await serve(connector.server, {
      target:
        settings.transport === 'stdio'
          ? { kind: 'stdio', input, output }
          : { kind: 'http', host, port, allowedHosts, onListening },
      signal: stop.signal,
      health: connector.health,
      log,
    });
  } catch (error) {
    throw explain(error, host, port);
  } finally {
    log.flush();
  }
  // What still waits on it would keep the process.
  input.destroy();
  return EXIT.ok;
}

/** What the environment says of the connector. Throws StartupError that names the variable. */
export function environmentOf(env: Readonly<Record<string, string | undefined>>): EnvironmentOptions {
  return configured(() => readEnvironment(env));
}

/** The names in a list with commas between them. */
export function namesIn(text: string): readonly string[] {
  return listOf(text);
}

/** The script that makes a role which may read one schema and nothing else. */
export function printRole(role: string, schema: string, database: string): string {
  return readerRoleScript(role, schema, database);
}

function openConnector(
  options: PostgresConnectorOptions,
): ReturnType<typeof createPostgresConnector> & AsyncDisposable {
  const connector = configured(() => createPostgresConnector(options));
  return { ...connector, [Symbol.asyncDispose]: connector.close };
}

/** What `read` gives; what it throws is a mistake in the configuration. */
function configured<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new StartupError(error instanceof Error ? error.message : String(error), EXIT.configuration, error);
  }
}

function explain(error: unknown, host: string, port: number): StartupError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new StartupError(
      `port ${port} on ${host} is taken by another program: choose another with --port`,
      EXIT.start,
      error,
    );
  }
  if (code === 'EADDRNOTAVAIL') {
    return new StartupError(
      `${host} is not an address of this machine: choose another with --host`,
      EXIT.start,
      error,
    );
  }
  if (code === 'EACCES') {
    return new StartupError(
      `this user may not listen on port ${port}: choose one above 1023 with --port`,
      EXIT.start,
      error,
    );
  }
  return new StartupError(message, EXIT.start, error);
}
