import { existsSync } from 'node:fs';
import { inspectConfig } from '../config/load.ts';
import { ConfigError, formatProblem } from '../config/problem.ts';
import { BOUNDS, type Bounds } from '../core/bounds.ts';
import { nearest } from '../core/nearest.ts';
import { Secret } from '../core/secret.ts';
import { passingTracer } from '../core/trace.ts';
import { type AsWritten, type Diagnosis, diagnoseServer, type DiagnoseDeps } from '../mcp/diagnose.ts';
import { completeServer } from '../mcp/mcp-config.ts';
import type { ServerConfig } from '../mcp/mcp-ports.ts';
import { withoutCredentials } from '../mcp/server-headers.ts';
import { HttpClient } from '../net/http-client.ts';
import { createLog } from '../telemetry/log.ts';
import { postgresConnector } from './connectors.ts';
import { changeLines, entryText } from './doctor-config.ts';
import { fixServer } from './doctor-fix.ts';
import { writtenOf } from './doctor-written.ts';
import { EXIT, StartupError } from './startup-error.ts';
import { VERSION } from './version.ts';

/** What to look at. */
export type DoctorTarget =
  | { readonly kind: 'all' }
  | { readonly kind: 'server'; readonly name: string }
  | { readonly kind: 'url'; readonly url: string; readonly headers: readonly (readonly [string, string])[] }
  | { readonly kind: 'command'; readonly words: readonly string[] };

export interface DoctorOptions {
  readonly target: DoctorTarget;
  readonly config?: string | undefined;
  readonly envFile?: string | undefined;
  /** Milliseconds for one attempt; without it 10 s over HTTP, and for a program what its entry says. */
  readonly timeoutMs?: number | undefined;
  /** Whether to write what was found into the configuration file. */
  readonly fix: boolean;
}

/** A diagnosis with what it means for the configuration. */
export interface Examined extends Diagnosis {
  /** The file that declares the server. */
  readonly file: string | undefined;
  /** The lines to change or to add, with their places, for what is in `fix`. */
  readonly change: readonly string[];
  /** The same for what is in `suggestion`. */
  readonly probably: readonly string[];
  /** An entry that works, as YAML; for what is not declared in a file. */
  readonly entry: string | undefined;
  /** What loading the entry said. */
  readonly warnings: readonly string[];
  /** With `--fix`: written and seen to work, or why not. */
  readonly fixed: boolean;
  readonly notFixed: string | undefined;
}

export interface DoctorIo {
  readonly stderr: { write(text: string): boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** One server to look at. */
interface Patient {
  readonly config: ServerConfig;
  readonly written: AsWritten;
  readonly warnings: readonly string[];
}

const ATTEMPT_MS = 10_000;
const PROGRAM_MS = 30_000;
/** Connecting has less time than the answer, so that the two can be told apart. */
const CONNECT_SHARE = 0.8;
const AT_ONCE_MAX = 4;

/** `lanport doctor`: examines, and with `fix` writes. Rejects with StartupError when there is nothing that can be looked at. */
export async function examine(options: DoctorOptions, io: DoctorIo): Promise<readonly Examined[]> {
  const attemptMs = options.timeoutMs ?? ATTEMPT_MS;
  const { patients, bounds } = await patientsOf(options, io.env);
  await using http = new HttpClient({ connectTimeoutMs: attemptMs * CONNECT_SHARE });
  const log = createLog(io.stderr, 'error');
  const deps: DiagnoseDeps = {
    http,
    bounds,
    inProcess: new Map([
      ['postgres', (config: ServerConfig) => postgresConnector(config, log, passingTracer)],
    ]),
    environment: io.env,
    identity: { name: 'lanport', version: VERSION },
    inContainer: isContainer(io.env),
    attemptMs,
    signal: io.signal,
  };
  const examined: Examined[] = [];
  for (let at = 0; at < patients.length; at += AT_ONCE_MAX) {
    const some = patients.slice(at, at + AT_ONCE_MAX);
    examined.push(...(await Promise.all(some.map((patient) => examineOne(patient, options, deps)))));
  }
  if (!options.fix) return examined;
  const fixed: Examined[] = [];
  // One after the other: they may stand in one file.
  for (const [at, one] of examined.entries())
    fixed.push(await fix(one, patients[at]!.config, options, io.env, deps));
  return fixed;
}

async function examineOne(
  { config, written, warnings }: Patient,
  options: DoctorOptions,
  deps: DiagnoseDeps,
): Promise<Examined> {
  const timed = options.timeoutMs === undefined ? config : { ...config, startTimeoutMs: options.timeoutMs };
  const diagnosis = await diagnoseServer(timed, written, deps);
  const declared = options.target.kind === 'all' || options.target.kind === 'server';
  return {
    ...diagnosis,
    file: declared ? config.source.file : undefined,
    change: declared ? changeLines(config, diagnosis.fix) : [],
    probably: declared ? changeLines(config, diagnosis.suggestion) : [],
    entry: declared || diagnosis.works === undefined ? undefined : entryText(config, diagnosis),
    warnings,
    fixed: false,
    notFixed: undefined,
  };
}

async function fix(
  one: Examined,
  config: ServerConfig,
  options: DoctorOptions,
  env: DoctorIo['env'],
  deps: DiagnoseDeps,
): Promise<Examined> {
  if (one.fix.length === 0) return one;
  const outcome = await fixServer(config, one.fix, { ...options, env });
  if ('refused' in outcome) return { ...one, notFixed: outcome.refused };
  const again = await diagnoseServer(
    options.timeoutMs === undefined
      ? outcome.config
      : { ...outcome.config, startTimeoutMs: options.timeoutMs },
    outcome.written,
    deps,
  );
  return again.verdict === 'broken'
    ? { ...one, notFixed: `It was written, but now it does not work: ${again.words}` }
    : { ...one, fixed: true };
}

async function patientsOf(
  options: DoctorOptions,
  env: DoctorIo['env'],
): Promise<{ readonly patients: readonly Patient[]; readonly bounds: Bounds }> {
  const { target } = options;
  if (target.kind === 'url' || target.kind === 'command') {
    if (options.fix)
      throw new StartupError(
        '--fix writes into a configuration file: name a server and --config',
        EXIT.configuration,
      );
    return { patients: [undeclared(target, options)], bounds: BOUNDS };
  }
  if (options.config === undefined)
    throw new StartupError(
      'name the configuration file: lanport doctor --config config.yaml (or give a URL, or a command after --)',
      EXIT.configuration,
    );
  const { config, problems, root } = await inspectConfig({
    file: options.config,
    env,
    envFile: options.envFile,
  });
  if (config === undefined) throw new StartupError(new ConfigError(problems).message, EXIT.configuration);
  const all = config.mcp.servers.map((server) => ({
    config: server,
    written: writtenOf(root, server.name),
    warnings: problems
      .filter(({ path }) => path.startsWith(`mcp_servers.${server.name}.`))
      .map((problem) => formatProblem(problem)),
  }));
  const patients = target.kind === 'all' ? all : all.filter((one) => isNamed(one.config, target.name));
  if (patients.length === 0)
    throw nothingThere(
      target,
      options.config,
      all.map((one) => one.config.name),
    );
  return { patients, bounds: config.limits };
}

function nothingThere(target: DoctorTarget, file: string, names: readonly string[]): StartupError {
  if (target.kind !== 'server')
    return new StartupError(`${file} declares no MCP servers`, EXIT.configuration);
  const near = nearest(target.name, names);
  const hint = near === undefined ? `It has: ${names.join(', ') || 'none'}.` : `Did you mean "${near}"?`;
  return new StartupError(`${file} has no MCP server "${target.name}". ${hint}`, EXIT.configuration);
}

function isNamed({ name, alias, otherAliases }: ServerConfig, wanted: string): boolean {
  return [name, alias, ...otherAliases].some((one) => one?.toLowerCase() === wanted.toLowerCase());
}

function undeclared(
  target: Extract<DoctorTarget, { kind: 'url' | 'command' }>,
  options: DoctorOptions,
): Patient {
  const defaults = {
    startTimeoutMs: options.timeoutMs ?? PROGRAM_MS,
    callTimeoutMs: BOUNDS.callTotalMs,
    concurrency: 1,
  };
  if (target.kind === 'command') {
    const [command, ...args] = target.words;
    const config = completeServer({ name: nameOf(command!), transport: 'stdio', command, args }, defaults);
    return { config, written: {}, warnings: [] };
  }
  const { url, authorization } = urlOf(target.url);
  const headers = {
    ...(authorization === undefined ? {} : { Authorization: authorization }),
    ...Object.fromEntries(target.headers.map(([name, value]) => [name, new Secret(value)])),
  };
  const transport = /\/sse\/?(?:[?#]|$)/.test(url) ? 'sse' : 'http';
  const name = nameOf(new URL(url).hostname);
  return { config: completeServer({ name, transport, url, headers }, defaults), written: {}, warnings: [] };
}

function urlOf(text: string): ReturnType<typeof withoutCredentials> {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    throw new StartupError(
      `${text} is not an address: it begins with http:// or https://`,
      EXIT.configuration,
    );
  return withoutCredentials(text);
}

/** A name for what has none. */
function nameOf(text: string): string {
  const base = text
    .split('/')
    .at(-1)!
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return base === '' || /^[\d-]+$/.test(base) ? 'server' : base.slice(0, 32);
}

function isContainer(env: DoctorIo['env']): boolean {
  return (
    (env['container'] ?? '') !== '' ||
    env['KUBERNETES_SERVICE_HOST'] !== undefined ||
    existsSync('/.dockerenv') ||
    existsSync('/run/.containerenv')
  );
}
