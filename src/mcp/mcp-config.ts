import { z } from 'zod';
import { sameValue } from '../core/same-value.ts';
import type { Secret } from '../core/secret.ts';
import { type ConfigPath, type ConfigReport, setting } from '../core/setting.ts';
import type { DeclaredTransport, McpConfig, ServerConfig } from './mcp-ports.ts';
import { extraHeaders, headersOf, type UrlWithCredentials, withoutCredentials } from './server-headers.ts';
import { checkNames, giveAliases } from './server-names.ts';
import { type ServerEntry, serverSchema } from './server-schema.ts';
import { checkOverrideNames, toolOverridesOf } from './tool-overrides.ts';

export { onToolChangeSchema } from './server-schema.ts';

/** Connectors inside this process, as `command: lanport:<name>`. */
const CONNECTORS = ['postgres'] as const;

export const serversSchema = setting(
  z.record(z.string(), serverSchema).default({}),
  'MCP servers by name. A list whose items carry a name is accepted too.',
  { listForm: true },
);

/** The older form: `mcp_settings[].mcp_server`. */
export const mcpSettingsSchema = setting(
  z
    .array(
      z.strictObject({
        mcp_server: setting(
          serverSchema.extend({ name: setting(z.string().min(1), 'Name of the server.') }),
          'The keys of mcp_servers.<name>, and name.',
        ),
      }),
    )
    .optional(),
  'MCP servers in the older list form; command may be one text with its arguments.',
);

export const aliasesSchema = setting(
  z.record(z.string(), z.string()).default({}),
  'Further names of MCP servers: {alias: server}. The first one of a server without an alias becomes the prefix of its tools.',
);

export const separatorSchema = setting(
  z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,8}$/, 'must be 1 to 8 of the characters A-Z a-z 0-9 _ -')
    .default('-'),
  'What stands between the name of a server and the name of its tool.',
  { env: ['MCP_TOOL_PREFIX_SEPARATOR'] },
);

export interface ServersInput {
  readonly servers: Readonly<Record<string, ServerEntry>>;
  /** Names of all entries, those included that could not be read and are missing in `servers`. */
  readonly declared: readonly string[];
  readonly aliases: Readonly<Record<string, string>>;
  readonly separator: string;
  /** For servers that do not say. */
  readonly onToolChange?: ServerConfig['onToolChange'];
  readonly defaults: {
    readonly startTimeoutMs: number;
    readonly callTimeoutMs: number;
    readonly concurrency: number;
  };
}

export interface ServersOutput {
  readonly config: McpConfig;
  /** Key values that stand in `api_keys` of servers. */
  readonly grants: readonly { readonly server: string; readonly value: Secret; readonly path: ConfigPath }[];
  /** Every name under which a server may be given to a key: names, aliases, access groups. */
  readonly knownNames: readonly string[];
}

/** The engine's slice: every entry checked and completed, aliases given out, names free of collisions. */
export function resolveServers(input: ServersInput, report: ConfigReport): ServersOutput {
  const servers: ServerConfig[] = [];
  for (const [name, entry] of Object.entries(input.servers)) {
    const server = toServer(name, entry, input, report);
    if (server !== undefined) servers.push(server);
  }
  const named = giveAliases(servers, input, report);
  const knownNames = checkNames(named, report);
  checkOverrideNames(named, input.separator, report);
  const grants = servers.flatMap(({ name }) =>
    input.servers[name]!.api_keys.map((value, at) => ({
      server: name,
      value,
      path: ['mcp_servers', name, 'api_keys', at],
    })),
  );
  return { config: { servers: named, separator: input.separator }, grants, knownNames };
}

/** A server with everything that `given` leaves open set to its default; for servers that do not come from a file. */
export function completeServer(
  given: Partial<ServerConfig> & Pick<ServerConfig, 'name' | 'transport'>,
  defaults: ServersInput['defaults'],
): ServerConfig {
  return {
    alias: undefined,
    otherAliases: [],
    transportStrict: false,
    url: undefined,
    command: undefined,
    args: [],
    env: {},
    cwd: undefined,
    headers: {},
    extraHeaders: [],
    description: undefined,
    accessGroups: [],
    allowAllKeys: false,
    allowedTools: undefined,
    disallowedTools: [],
    toolOverrides: {},
    onToolChange: 'notify',
    ...defaults,
    toolPrefix: 'alias',
    isolation: 'shared',
    idleShutdownMs: undefined,
    source: { file: 'built-in', line: 1, keyLines: {} },
    ...given,
  };
}

/** Whether two entries say the same of a server, wherever in the file they stand: then a reload leaves the server alone. */
export function sameServer(one: ServerConfig, other: ServerConfig): boolean {
  return sameValue({ ...one, source: undefined }, { ...other, source: undefined });
}

function toServer(
  name: string,
  entry: ServerEntry,
  input: ServersInput,
  report: ConfigReport,
): ServerConfig | undefined {
  const path = ['mcp_servers', name];
  if (entry.spec_path !== undefined && entry.command === undefined) {
    report.warning(
      path,
      'is described by an OpenAPI document (spec_path), which Lanport does not read; the server is left out',
    );
    return undefined;
  }
  const transport = transportOf(entry, path, report);
  if (transport === undefined) return undefined;
  const target =
    transport === 'http' || transport === 'sse' ? checkUrl(entry.url!, [...path, 'url'], report) : undefined;
  checkEnvironment(entry, path, report);
  if (entry.allowed_tools?.length === 0)
    report.warning([...path, 'allowed_tools'], 'is empty, so no tool of this server is offered');
  return completeServer(
    {
      name,
      transport,
      alias: entry.alias,
      transportStrict: entry.transport_strict,
      url: target?.url,
      command: target === undefined ? entry.command : undefined,
      args: entry.args.map(String),
      env: entry.env,
      cwd: entry.cwd,
      headers: headersOf(entry, transport, target, path, report),
      extraHeaders: extraHeaders(entry, path, report),
      description: entry.description ?? entry.mcp_info?.description,
      accessGroups: [...new Set(entry.access_groups)],
      allowAllKeys: entry.allow_all_keys,
      allowedTools: entry.allowed_tools,
      disallowedTools: entry.disallowed_tools,
      toolOverrides: toolOverridesOf(entry),
      onToolChange: entry.on_tool_change ?? input.onToolChange ?? 'notify',
      startTimeoutMs: entry.start_timeout ?? input.defaults.startTimeoutMs,
      callTimeoutMs: entry.timeout ?? input.defaults.callTimeoutMs,
      concurrency: entry.concurrency ?? input.defaults.concurrency,
      toolPrefix: entry.tool_prefix,
      isolation: entry.isolation,
      idleShutdownMs:
        entry.idle_shutdown === false || entry.idle_shutdown === 0 ? undefined : entry.idle_shutdown,
      source: report.source(path),
    },
    input.defaults,
  );
}

function transportOf(
  entry: ServerEntry,
  path: ConfigPath,
  report: ConfigReport,
): DeclaredTransport | undefined {
  const { url, command } = entry;
  if (url !== undefined && command !== undefined) {
    report.error(
      path,
      'has both url and command',
      'Keep url for a server that is reached over HTTP, or command for one that Lanport starts.',
    );
    return undefined;
  }
  if (url === undefined && command === undefined) {
    const known = report.broken([...path, 'url']) || report.broken([...path, 'command']);
    if (!known)
      report.error(
        path,
        'has neither url nor command',
        'Give the url of a running server, or the command that starts one.',
      );
    return undefined;
  }
  const declared =
    entry.transport === undefined || entry.transport === 'sse' || entry.transport === 'stdio'
      ? entry.transport
      : 'http';
  if (command !== undefined) return localTransport(command, declared, entry, path, report);
  if (declared === 'stdio') {
    contradiction(entry, path, 'stdio, but only a url is given', 'http', report);
    return 'http';
  }
  return declared ?? (/\/sse\/?(?:[?#]|$)/.test(url!) ? 'sse' : 'http');
}

function localTransport(
  command: string,
  declared: 'http' | 'sse' | 'stdio' | undefined,
  entry: ServerEntry,
  path: ConfigPath,
  report: ConfigReport,
): DeclaredTransport {
  const connector = /^lanport:(.*)$/.exec(command)?.[1];
  if (connector !== undefined) {
    if (!CONNECTORS.some((known) => known === connector)) {
      report.error(
        [...path, 'command'],
        `names no built-in connector: "${connector}"`,
        `Known are: ${CONNECTORS.map((known) => `lanport:${known}`).join(', ')}.`,
      );
    }
    return 'in-process';
  }
  if (declared === 'http' || declared === 'sse')
    contradiction(entry, path, `${declared}, but only a command is given`, 'stdio', report);
  return 'stdio';
}

function contradiction(
  entry: ServerEntry,
  path: ConfigPath,
  what: string,
  used: string,
  report: ConfigReport,
): void {
  const at = [...path, 'transport'];
  if (entry.transport_strict)
    report.error(at, `is ${what}`, `Write transport: ${used}, or remove transport_strict.`);
  else report.warning(at, `is ${what}; ${used} is used`, `Write transport: ${used}.`);
}

function checkUrl(text: string, path: ConfigPath, report: ConfigReport): UrlWithCredentials {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined)
    report.error(path, 'is not a complete address', 'It begins with http:// or https://.');
  else if (scheme !== 'http' && scheme !== 'https')
    report.error(path, `has the scheme ${scheme}://`, 'Lanport reaches servers over http:// and https://.');
  else if (!URL.canParse(text))
    report.error(path, 'cannot be read as an address', 'It has the form http://host:port/path.');
  else return withoutCredentials(text);
  return { url: text, authorization: undefined };
}

function checkEnvironment(entry: ServerEntry, path: ConfigPath, report: ConfigReport): void {
  for (const [name, value] of Object.entries(entry.env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      report.error([...path, 'env', name], 'is not the name of an environment variable');
    if (value.reveal().includes('\0')) report.error([...path, 'env', name], 'contains a NUL character');
  }
}
