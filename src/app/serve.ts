import { dirname, resolve } from 'node:path';
import { ConfigError, formatProblem } from '../config/problem.ts';
import { loadConfig } from '../config/load.ts';
import { createLog } from '../telemetry/log.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { EXIT, explainStartup, StartupError } from './startup-error.ts';
import { VERSION } from './version.ts';

export interface ServeOptions {
  readonly config?: string | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly data?: string | undefined;
  readonly envFile?: string | undefined;
}

export interface ServeIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves with the name of the signal that asks for the end. */
  readonly stopRequested: Promise<string>;
}

/** Where state is kept when `--data` does not say: beside the configuration file, or here. */
export function dataFolderOf(options: Pick<ServeOptions, 'config' | 'data'>): string {
  if (options.data !== undefined) return resolve(options.data);
  return resolve(options.config === undefined ? '.' : dirname(options.config), '.lanport');
}

/** `lanport serve`: starts, tells how to connect, serves until asked to stop. Resolves with the exit code; rejects with StartupError. */
export async function serve(options: ServeOptions, io: ServeIo): Promise<number> {
  const dataFolder = dataFolderOf(options);
  const { config, warnings } = await load(options, io);
  const log = createLog(io.stderr, config.log.level);
  for (const warning of warnings) log.warn('configuration', { problem: formatProblem(warning) });
  let gateway: Gateway;
  try {
    gateway = await startGateway({
      config,
      hasFile: options.config !== undefined,
      dataFolder,
      environment: io.env,
      log,
    });
  } catch (error) {
    log.flush();
    throw explainStartup(error, { host: config.edge.host, port: config.edge.port, dataFolder });
  }
  io.stdout.write(banner(gateway, config.edge.host));
  log.info('ready', {
    url: gateway.url,
    version: VERSION,
    servers: gateway.servers,
    store: gateway.storeKind,
    pid: process.pid,
  });
  const signal = await io.stopRequested;
  log.info('stopping', { signal });
  await gateway.stop();
  log.info('stopped');
  log.flush();
  return EXIT.ok;
}

async function load(options: ServeOptions, io: ServeIo): ReturnType<typeof loadConfig> {
  try {
    return await loadConfig({
      file: options.config,
      env: io.env,
      envFile: options.envFile,
      overrides: { 'general_settings.host': options.host, 'general_settings.port': options.port },
    });
  } catch (error) {
    if (error instanceof ConfigError)
      throw new StartupError(
        `${error.message}\nThe gateway was not started: correct the configuration (lanport config check shows all problems).`,
        EXIT.configuration,
        error,
      );
    throw error;
  }
}

/** What a person needs to connect a client. The key itself is shown nowhere: the lines read it from its file. */
function banner(gateway: Gateway, host: string): string {
  const { url, masterKeyPath } = gateway;
  const key =
    gateway.masterKey === undefined
      ? undefined
      : masterKeyPath === undefined
        ? 'YOUR_KEY'
        : `$(cat ${quote(masterKeyPath)})`;
  const header = key === undefined ? '' : ` --header "Authorization: Bearer ${key}"`;
  const lines = [
    '',
    `Lanport ${VERSION} is ready at ${url}`,
    '',
    `  MCP, streamable HTTP   ${url}/mcp`,
    `  MCP, HTTP+SSE          ${url}/sse`,
    `  Servers                ${gateway.servers.join(', ') || 'none: add mcp_servers to a configuration file'}`,
    key === undefined
      ? '  Key                    none is configured: only this machine is served'
      : masterKeyPath === undefined
        ? '  Key                    general_settings.master_key, or a virtual key'
        : `  Key                    in ${masterKeyPath}`,
    ...(host === '127.0.0.1'
      ? ['  Reachable              from this machine only; other machines: --host 0.0.0.0']
      : []),
    '',
    'Connect a client:',
    '',
    `  claude mcp add --transport http lanport ${url}/mcp${header}`,
    '',
    'Try it:',
    '',
    `  npx @modelcontextprotocol/inspector --cli ${url}/mcp --transport http${header} --method tools/list`,
    '',
    'Stop with Ctrl-C.',
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
