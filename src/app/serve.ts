import { dirname, resolve } from 'node:path';
import { noteReads } from '../config/file-watch.ts';
import { inspectConfig, type LanportConfig } from '../config/load.ts';
import { ConfigError, formatProblem } from '../config/problem.ts';
import { scheduleInRealTime } from '../net/realtime.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { type Gateway, startGateway } from './gateway.ts';
import type { ReadConfig } from './reload.ts';
import { EXIT, explainStartup, StartupError } from './startup-error.ts';
import { VERSION } from './version.ts';

export interface ServeOptions {
  readonly config?: string | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly data?: string | undefined;
  readonly envFile?: string | undefined;
  /** Whether a changed file is reloaded by itself; it is, unless this is false. */
  readonly watch?: boolean | undefined;
}

export interface ServeIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves with the name of the signal that asks for the end. */
  readonly stopRequested: Promise<string>;
  /** Calls `listener` each time the process is asked to read its configuration again. */
  readonly onReloadRequested: (listener: () => void) => void;
  /** Calls `listener` with an error that nothing has caught, and ends the process then (exit code 1). */
  readonly onCrash: (listener: (error: unknown) => void) => void;
}

/** Where state is kept when `--data` does not say: beside the configuration file, or here. */
export function dataFolderOf(options: Pick<ServeOptions, 'config' | 'data'>): string {
  if (options.data !== undefined) return resolve(options.data);
  return resolve(options.config === undefined ? '.' : dirname(options.config), '.lanport');
}

/** `lanport serve`: starts, tells how to connect, serves until asked to stop. Resolves with the exit code; rejects with StartupError. */
export async function serve(options: ServeOptions, io: ServeIo): Promise<number> {
  const dataFolder = dataFolderOf(options);
  let reload: (() => void) | undefined;
  let askedEarly = false;
  io.onReloadRequested(() => {
    if (reload === undefined) askedEarly = true;
    else reload();
  });
  const first = await read(options, io);
  const config = checked(first);
  const log = createLog(io.stderr, config.log.level);
  io.onCrash((error) =>
    log.error(
      'the gateway ends by an error that nothing has caught; please report it',
      error instanceof Error ? { error, stack: error.stack } : { error: String(error) },
    ),
  );
  for (const warning of first.problems) log.warn('configuration', { problem: formatProblem(warning) });
  let gateway: Gateway;
  try {
    gateway = await startGateway({
      config,
      hasFile: options.config !== undefined,
      dataFolder,
      environment: io.env,
      log,
      read: () => read(options, io),
      stamps: first.stamps,
    });
  } catch (error) {
    log.flush();
    throw explainStartup(error, { host: config.edge.host, port: config.edge.port, dataFolder });
  }
  if (config.process.realtimeScheduling) await startRealTime(io.env['PATH'] ?? '', log);
  io.stdout.write(banner(gateway, config.edge.host));
  log.info('ready', {
    url: gateway.url,
    version: VERSION,
    servers: gateway.servers,
    store: gateway.storeKind,
    pid: process.pid,
  });
  reload = () => gateway.reload();
  if (askedEarly) reload();
  const signal = await io.stopRequested;
  log.info('stopping', { signal });
  await gateway.stop();
  log.info('stopped');
  log.flush();
  return EXIT.ok;
}

/** It serves without, too. */
async function startRealTime(path: string, log: Log): Promise<void> {
  try {
    log.info('real-time scheduling is on', { threads: await scheduleInRealTime(path) });
  } catch (error) {
    log.warn('real-time scheduling was asked for and is not on', { reason: (error as Error).message });
  }
}

/** The configuration as the files, the environment and the command line say now. */
async function read(options: ServeOptions, io: ServeIo): Promise<ReadConfig> {
  const { readFile, stamps } = noteReads();
  const { config, problems } = await inspectConfig({
    file: options.config,
    env: io.env,
    envFile: options.envFile,
    overrides: { 'general_settings.host': options.host, 'general_settings.port': options.port },
    readFile,
  });
  return { config, problems, stamps: options.watch === false ? new Map() : stamps };
}

function checked({ config, problems }: ReadConfig): LanportConfig {
  if (config !== undefined) return config;
  const error = new ConfigError(problems);
  throw new StartupError(
    `${error.message}\nThe gateway was not started: correct the configuration (lanport config check shows all problems).`,
    EXIT.configuration,
    error,
  );
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
    // Without a version npx takes the newest that says it runs on its Node.js; for version 20 that is one from before --header.
    `  npx @modelcontextprotocol/inspector@2 --cli ${url}/mcp --transport http${header} --method tools/list`,
    '',
    'Stop with Ctrl-C.',
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
