import { hkdfSync, randomBytes } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { BOUNDS } from '../core/bounds.ts';
import { Scope } from '../core/scope.ts';
import { Secret } from '../core/secret.ts';
import type { ServerConfig } from '../mcp/mcp-ports.ts';
import { HttpClient, parseTarget } from '../net/http-client.ts';
import { relayStdio } from '../relay/relay.ts';
import { createLog, errorChain, type Log } from '../telemetry/log.ts';
import { type BridgedServer, bridgedServer, DEMANDED_KEY } from './bridged-server.ts';
import { type BridgeSurface, createSurface } from './bridge-surface.ts';
import { type FoundKey, keyInFile, keyInVariable } from './key-source.ts';
import { EXIT, StartupError } from './startup-error.ts';
import { RELAY_BOUNDS } from './stdio.ts';

/** How `lanport bridge` was asked to run. */
export interface BridgeSettings extends BridgedServer {
  readonly transport: 'http' | 'stdio';
  readonly host: string;
  readonly port: number;
  /** What clients must present. */
  readonly key: string | undefined;
  readonly keyFile: string | undefined;
  readonly anyone: boolean;
  readonly allowedHosts: readonly string[];
}

export interface BridgeIo {
  /** The two carry MCP messages, and nothing else, when the transport is stdio. */
  readonly input: Readable;
  readonly output: Writable;
  readonly stderr: { write(text: string): boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves with the name of the signal that asks for the end. */
  readonly stopRequested: Promise<string>;
}

const LOOPBACK = /^(?:127\.|localhost$|::1$)/;
/** How long a client on stdio waits for a server that is down before it is told, in milliseconds. */
const RELAY_WAIT_MS = 5_000;

/** Serves one server over another transport until it is asked to stop or its input ends. Resolves with the exit code; rejects with StartupError. */
export async function bridge(settings: BridgeSettings, io: BridgeIo): Promise<number> {
  const server = bridgedServer(settings, io.env);
  const demanded = settings.transport === 'stdio' ? undefined : demandedKey(settings, io.env);
  checkOpenness(settings, demanded);
  const log = createLog(io.stderr, settings.transport === 'stdio' ? 'warn' : 'info');
  const scope = new Scope();
  try {
    const http = new HttpClient();
    scope.add('outbound connections', () => http[Symbol.asyncDispose]());
    const serve = settings.transport === 'stdio' ? serveStdio : serveHttp;
    return await serve({ settings, server, demanded, io, log, http, scope });
  } finally {
    for (const failure of await scope.close())
      log.warn('something did not close', { what: failure.name, reason: errorChain(failure.error) });
    log.flush();
    // What still waits on it would keep the process.
    io.input.destroy();
  }
}

interface Parts {
  readonly settings: BridgeSettings;
  readonly server: ServerConfig;
  readonly demanded: FoundKey | undefined;
  readonly io: BridgeIo;
  readonly log: Log;
  readonly http: HttpClient;
  readonly scope: Scope;
}

async function serveHttp(parts: Parts): Promise<number> {
  const { settings, server, demanded, io, log } = parts;
  const { host, anyone, allowedHosts } = settings;
  const key = demanded === undefined ? undefined : new Secret(demanded.key);
  const surface = open(parts, { key, anyone, allowedHosts });
  const port = await listen(surface, host, settings.port);
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (anyone && demanded === undefined)
    log.warn('anybody who reaches this port can use the server behind it', { host, port });
  const started = surface.start();
  io.output.write(
    `Bridge to ${server.name}: ${base}/mcp (streamable HTTP), ${base}/sse (HTTP+SSE), ${base}/health\n`,
  );
  log.info('ready', { host, port, server: server.name });
  let stopping = false;
  void started.then((reason) => {
    if (stopping) return;
    if (reason === undefined) log.info('the server is up', { server: server.name });
    else log.error('the server is not up; it is tried again', { server: server.name, reason });
  });
  const signal = await io.stopRequested;
  stopping = true;
  log.info('stopping', { signal });
  return EXIT.ok;
}

/** Over stdio the same surface is served, on a port of this machine with a key that nobody else knows, to a relay. */
async function serveStdio(parts: Parts): Promise<number> {
  const { server, io, http } = parts;
  const say = (text: string): void => void io.stderr.write(`lanport bridge: ${text}\n`);
  const key = randomBytes(32).toString('base64url');
  const surface = open(parts, { key: new Secret(key), anyone: false, allowedHosts: [] });
  const port = await listen(surface, '127.0.0.1', 0);
  const stop = new AbortController();
  void io.stopRequested.then(() => stop.abort());
  let ended = false;
  void surface.start().then((reason) => {
    if (reason !== undefined && !ended) say(`${server.name} is not up, trying again: ${reason}`);
  });
  const end = await relayStdio({
    input: io.input,
    output: io.output,
    http,
    target: parseTarget(`http://127.0.0.1:${port}/mcp`),
    name: server.name,
    headers: [['Authorization', `Bearer ${key}`]],
    keySource: undefined,
    bounds: { ...RELAY_BOUNDS, waitMs: RELAY_WAIT_MS },
    signal: stop.signal,
    say,
  });
  ended = true;
  return end === 'line-too-long' ? EXIT.failed : EXIT.ok;
}

function open(
  { server, demanded, io, log, http, scope }: Parts,
  access: {
    readonly key: Secret | undefined;
    readonly anyone: boolean;
    readonly allowedHosts: readonly string[];
  },
): BridgeSurface {
  const surface = createSurface({
    server,
    http,
    log,
    environment: io.env,
    ...access,
    sessionSecret:
      demanded === undefined
        ? undefined
        : new Uint8Array(hkdfSync('sha256', demanded.key, '', 'lanport bridge sessions', 32)),
  });
  scope.add('server', () => surface[Symbol.asyncDispose](), BOUNDS.shutdownDrainMs + 15_000);
  return surface;
}

async function listen(surface: BridgeSurface, host: string, port: number): Promise<number> {
  try {
    return (await surface.edge.listen(host, port)).port;
  } catch (error) {
    throw explainListen(error, host, port);
  }
}

function demandedKey(settings: BridgeSettings, env: BridgeIo['env']): FoundKey | undefined {
  if (settings.keyFile !== undefined) return keyInFile(settings.keyFile);
  if (settings.key !== undefined) return keyInVariable({ '--key': settings.key }, '--key');
  return keyInVariable(env, DEMANDED_KEY);
}

function checkOpenness(settings: BridgeSettings, demanded: FoundKey | undefined): void {
  const { host, transport, anyone } = settings;
  if (transport === 'stdio' || LOOPBACK.test(host) || demanded !== undefined || anyone) return;
  throw new StartupError(
    `${host} can be reached from other machines, and no key is asked for: give one with --key-file or ${DEMANDED_KEY}, or say --allow-anyone`,
    EXIT.configuration,
  );
}

function explainListen(error: unknown, host: string, port: number): StartupError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === 'EADDRINUSE'
      ? `port ${port} on ${host} is taken by another program: choose another with --port`
      : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
        ? `${host} is not an address of this machine: choose another with --host`
        : code === 'EACCES'
          ? `this user may not listen on port ${port}: choose one above 1023 with --port`
          : message;
  return new StartupError(why, EXIT.start, error);
}
