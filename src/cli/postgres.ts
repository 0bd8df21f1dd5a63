import type { Readable, Writable } from 'node:stream';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  environmentOf,
  namesIn,
  type PostgresSettings,
  printRole,
  servePostgres,
} from '../app/serve-postgres.ts';
import { EXIT, StartupError } from '../app/startup-error.ts';
import type { ProgramIo } from './program-io.ts';

/** Default of postgres-mcp, whose place this command takes. */
const PORT = 8_000;
const HOST = '127.0.0.1';

/** What commander hands over; what was not given is absent. */
interface PostgresOptions {
  readonly transport?: string;
  readonly host?: string;
  readonly port?: number;
  readonly accessMode?: 'restricted' | 'unrestricted';
  readonly allowDdl?: true;
  readonly rolePolicy?: 'enforce' | 'warn';
  readonly allowFunction: readonly string[];
  readonly database: readonly string[];
  readonly toolsets?: string;
  readonly statementTimeout?: string;
  readonly lockTimeout?: string;
  readonly idleTimeout?: string;
  readonly searchPath?: string;
  readonly mask: readonly string[];
  readonly maxCost?: string;
  readonly maxRowsEstimated?: string;
  readonly serverName?: string;
  readonly allowedHost: readonly string[];
  readonly printRole?: string | true;
  readonly schema: string;
  readonly sseHost?: string;
  readonly ssePort?: number;
  readonly streamableHttpHost?: string;
  readonly streamableHttpPort?: number;
}

/** Where messages come from and go to over stdio. */
export interface PostgresStreams {
  readonly input: Readable;
  readonly output: Writable;
}

const HELP = `
Environment:
  DATABASE_URI     URL of the database, when it is not given as an argument
  MCP_TRANSPORT    stdio, http, streamable-http or sse
  MCP_PORT         TCP port
  MCP_HOST         address to listen on
  MCP_ALLOW_WRITE  true adds the tool execute_write, for rows; MCP_ALLOW_DDL  as --allow-ddl
  MCP_WRITE_DATABASE_URI  how the role that writes reaches the database, when it is another one
  MCP_TOOLSETS     as --toolsets
  MCP_DATABASES    name=url of further databases, with commas between; MCP_WRITE_DATABASES for their writing roles
  MCP_SERVER_NAME  as --server-name
  MCP_CURSOR_SECRET  32 or more random characters: processes with the same secret go on with each other's cursors
  MCP_DEBUG        true logs in detail
  MCP_STATEMENT_TIMEOUT, MCP_LOCK_TIMEOUT, MCP_IDLE_TIMEOUT, MCP_SEARCH_PATH, MCP_MASK (commas between),
  MCP_MAX_COST, MCP_MAX_ROWS_ESTIMATED  as the options of these names
  MCP_ALLOW_FUNCTIONS, MCP_ROLE_POLICY  as --allow-function (commas between) and --role-policy

An option wins over its variable. Over HTTP both /mcp and /sse are served, and /health.

Exit code: 0 ended as asked, 2 wrong options or no database, 3 could not listen.

Examples:
  DATABASE_URI=postgresql://reader:secret@db/shop lanport postgres
  lanport postgres postgresql://reader@localhost/shop --transport http --port 8686
  lanport postgres --print-role shop_reader --schema shop postgresql://localhost/shop | psql`;

/** Adds `lanport postgres`, an MCP server of its own for PostgreSQL databases. */
export function registerPostgresCommand(
  program: Command,
  io: ProgramIo,
  streams: PostgresStreams = { input: process.stdin, output: process.stdout },
): void {
  const list = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  program
    .command('postgres')
    .argument('[url]', 'URL of the database: postgresql://user:password@host:5432/database')
    .description('Serve a PostgreSQL database over MCP, read-only.')
    .option('-t, --transport <kind>', 'stdio (default), http, streamable-http or sse')
    .option('-p, --port <number>', `TCP port (${PORT})`, portOf)
    .option('--host <address>', `address to listen on (${HOST})`)
    .addOption(
      new Option(
        '--access-mode <mode>',
        'restricted (default), or unrestricted: adds the tool execute_write',
      ).choices(['restricted', 'unrestricted']),
    )
    .option('--allow-ddl', 'let execute_write define, alter and drop tables, views and indexes, too')
    .addOption(
      new Option(
        '--role-policy <policy>',
        'a role that may do more than read: warn (default), or enforce: refuse it',
      ).choices(['enforce', 'warn']),
    )
    .option(
      '--allow-function <rule>',
      'let reads call schema.name, schema.* or extension.* (repeatable)',
      list,
      [],
    )
    .option('--statement-timeout <time>', 'how long a statement may run: 500ms, 30s (default), 2min')
    .option('--lock-timeout <time>', 'how long it may wait for a lock (2s)')
    .option('--idle-timeout <time>', 'how long a transaction may lie idle (60s)')
    .option(
      '--search-path <schemas>',
      "schemas for names without one, instead of the role's (commas between)",
    )
    .option(
      '--mask <rule>',
      'never show a column: column, table.column, /pattern/, type:name (repeatable)',
      list,
      [],
    )
    .option('--max-cost <number>', 'refuse statements that the planner expects to cost more')
    .option('--max-rows-estimated <number>', 'refuse statements with a step of more expected rows')
    .option('--toolsets <names>', 'more tools: all, schema, data, performance, aliases (commas between)')
    .option('--database <name=url>', 'a further database (repeatable)', list, [])
    .option('--server-name <name>', 'how the server calls itself to clients')
    .option(
      '--allowed-host <name>',
      'a further name that browsers may use for this server (repeatable)',
      list,
      [],
    )
    .option('--print-role [name]', 'print SQL that makes a reading role, and end')
    .option('--schema <name>', 'schema that the printed role may read', 'public')
    .addOption(new Option('--sse-host <address>').hideHelp())
    .addOption(new Option('--sse-port <number>').argParser(portOf).hideHelp())
    .addOption(new Option('--streamable-http-host <address>').hideHelp())
    .addOption(new Option('--streamable-http-port <number>').argParser(portOf).hideHelp())
    .addHelpText('after', HELP)
    .action(async (url: string | undefined, options: PostgresOptions) => {
      const settings = settingsOf(url, options, io.env);
      if (options.printRole !== undefined) {
        const role = options.printRole === true ? 'lanport_reader' : options.printRole;
        io.stdout.write(printRole(role, options.schema, databaseOf(settings.url)));
        return;
      }
      // Without a listener the signal would end the process.
      io.onReloadRequested(() =>
        io.stderr.write('lanport: this server has no file to reload; restart it to apply changes\n'),
      );
      io.exit(
        await servePostgres(settings, { ...streams, stderr: io.stderr, stopRequested: io.stopRequested() }),
      );
    });
}

function settingsOf(
  url: string | undefined,
  options: PostgresOptions,
  env: ProgramIo['env'],
): PostgresSettings {
  const transport = options.transport ?? (env['MCP_TRANSPORT'] || undefined) ?? 'stdio';
  if (!['stdio', 'http', 'streamable-http', 'streamable_http', 'sse'].includes(transport)) {
    throw new StartupError(
      `transport ${JSON.stringify(transport)} is not known: use stdio, http, streamable-http or sse`,
      EXIT.configuration,
    );
  }
  const sse = transport === 'sse';
  const host =
    options.host ?? (sse ? options.sseHost : options.streamableHttpHost) ?? (env['MCP_HOST'] || undefined);
  const port =
    options.port ?? (sse ? options.ssePort : options.streamableHttpPort) ?? portFrom(env['MCP_PORT']);
  const mode = options.accessMode;
  const fromEnvironment = environmentOf({ ...env, ...safetyVariables(options) });
  const allowWrite = mode === undefined ? fromEnvironment.allowWrite : mode === 'unrestricted';
  // An option wins over both variables.
  const allowDefinitions = options.allowDdl ?? (mode !== 'restricted' && fromEnvironment.allowDefinitions);
  return {
    ...fromEnvironment,
    url: url ?? (env['DATABASE_URI'] || undefined),
    databases: options.database,
    env,
    toolsets: options.toolsets === undefined ? fromEnvironment.toolsets : namesIn(options.toolsets),
    serverName: options.serverName ?? fromEnvironment.serverName,
    transport: transport === 'stdio' ? 'stdio' : 'http',
    host: host ?? HOST,
    port: port ?? PORT,
    allowedHosts: options.allowedHost,
    rolePolicy: options.rolePolicy ?? fromEnvironment.rolePolicy,
    allowFunctions: [...fromEnvironment.allowFunctions, ...options.allowFunction],
    allowWrite,
    allowDefinitions,
  };
}

/** The options that tighten, as the variables that they win over. */
function safetyVariables(options: PostgresOptions): Readonly<Record<string, string>> {
  const given: readonly (readonly [string, string | undefined])[] = [
    ['MCP_STATEMENT_TIMEOUT', options.statementTimeout],
    ['MCP_LOCK_TIMEOUT', options.lockTimeout],
    ['MCP_IDLE_TIMEOUT', options.idleTimeout],
    ['MCP_SEARCH_PATH', options.searchPath],
    ['MCP_MASK', options.mask.length === 0 ? undefined : options.mask.join(',')],
    ['MCP_MAX_COST', options.maxCost],
    ['MCP_MAX_ROWS_ESTIMATED', options.maxRowsEstimated],
  ];
  return Object.fromEntries(given.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

function portFrom(value: string | undefined): number | undefined {
  if (value === undefined || value === '') return undefined;
  if (!isPort(value))
    throw new StartupError(
      `MCP_PORT is ${JSON.stringify(value)}: a port is a number from 0 to 65535`,
      EXIT.configuration,
    );
  return Number(value);
}

function portOf(text: string): number {
  if (!isPort(text)) throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return Number(text);
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

/** The name of the database in a URL, for a script that a person reads. */
function databaseOf(url: string | undefined): string {
  const name =
    url !== undefined && URL.canParse(url) ? decodeURIComponent(new URL(url).pathname.slice(1)) : '';
  return name === '' ? 'postgres' : name;
}
