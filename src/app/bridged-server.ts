import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BOUNDS } from '../core/bounds.ts';
import { Secret } from '../core/secret.ts';
import { completeServer } from '../mcp/mcp-config.ts';
import type { ServerConfig } from '../mcp/mcp-ports.ts';
import { keyInVariable } from './key-source.ts';
import { headersOf, targetOf } from './outbound-options.ts';
import { EXIT, StartupError } from './startup-error.ts';

/** Variable with the key that clients of a bridge must send, and with the one that is sent to `--url`. Neither is for the command. */
export const DEMANDED_KEY = 'LANPORT_BRIDGE_KEY';
const SENT_KEY = 'LANPORT_KEY';

/** Programs that run another one, which is what a server is named after. */
const RUNNERS = /^(?:bun|bunx|deno|node|npx|pnpm|python[\d.]*|run|sh|uv|uvx|yarn)$/;
const NAME_CHARACTERS_MAX = 40;

const DEFAULTS = {
  startTimeoutMs: BOUNDS.serverStartMs,
  callTimeoutMs: BOUNDS.callTotalMs,
  concurrency: BOUNDS.inFlightPerServerMax,
} as const;
const SOURCE = { file: 'the command line', line: 1, keyLines: {} } as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** What was said of the server: a command, or an address with its headers (`Name: value` each). */
export interface BridgedServer {
  readonly name: string | undefined;
  readonly command: readonly string[];
  readonly url: string | undefined;
  readonly headers: readonly string[];
}

/** The one server behind a bridge. Throws StartupError. */
export function bridgedServer(given: BridgedServer, env: Environment): ServerConfig {
  const { command, url } = given;
  if (command.length > 0 && url !== undefined)
    throw new StartupError('give either --url or a command after --, not both', EXIT.configuration);
  if (command.length > 0) return local(given, env);
  if (url !== undefined) return remote(given, url, env);
  throw new StartupError(
    'no server is given: write its command after --, for example lanport bridge -- postgres-mcp, or its address with --url',
    EXIT.configuration,
  );
}

/** A command gets the environment that the bridge was started with, but for the bridge's own keys. */
function local({ name, command, headers }: BridgedServer, env: Environment): ServerConfig {
  if (headers.length > 0)
    throw new StartupError('--header goes with --url: a command has no headers', EXIT.configuration);
  const [program = '', ...args] = command;
  requireProgram(program, env['PATH']);
  const own = Object.entries(env).filter(([key]) => key !== DEMANDED_KEY && key !== SENT_KEY);
  return completeServer(
    {
      name: name ?? nameOf(command),
      transport: 'stdio',
      command: program,
      args,
      env: Object.fromEntries(own.map(([key, value]) => [key, new Secret(value ?? '')])),
      source: SOURCE,
    },
    DEFAULTS,
  );
}

function remote({ name, headers: lines }: BridgedServer, url: string, env: Environment): ServerConfig {
  const target = targetOf(url);
  const headers = headersOf(lines);
  const key = headers.some(([header]) => header.toLowerCase() === 'authorization')
    ? undefined
    : keyInVariable(env, SENT_KEY);
  if (key !== undefined) headers.push(['Authorization', `Bearer ${key.key}`]);
  return completeServer(
    {
      name: name ?? plain(target.host),
      transport: /\/sse\/?(?:\?|$)/.test(target.path) ? 'sse' : 'http',
      url: target.url,
      headers: Object.fromEntries(headers.map(([header, value]) => [header, new Secret(value)])),
      source: SOURCE,
    },
    DEFAULTS,
  );
}

/** Nothing that is tried again later makes a program appear: throws StartupError when it is not there. */
function requireProgram(program: string, path: string | undefined): void {
  const places = program.includes('/')
    ? [program]
    : (path ?? '').split(delimiter).map((folder) => join(folder, program));
  if (places.some(isExecutable)) return;
  throw new StartupError(
    program.includes('/')
      ? `the command ${program} is not there, or may not be executed by this user`
      : `the command ${program} was not found in PATH (${path ?? 'not set'})`,
    EXIT.start,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The program's name, or that of what a runner runs. */
function nameOf([program = '', ...args]: readonly string[]): string {
  const name = plain(program);
  const run = RUNNERS.test(name) ? args.find((arg) => !arg.startsWith('-') && !RUNNERS.test(arg)) : undefined;
  return run === undefined ? name : plain(run);
}

/** The last part of a path without its extension, and without what clients stumble over. */
function plain(text: string): string {
  const last = text.split(/[/\\]/).findLast((part) => part !== '') ?? '';
  return (
    last
      .replace(/\.(?:[cm]?[jt]s|py|sh)$/, '')
      .replace(/@[^@]*$/, '')
      .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
      .slice(0, NAME_CHARACTERS_MAX) || 'server'
  );
}
