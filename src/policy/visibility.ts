import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import { type Narrowing, narrowingOf } from './narrowing.ts';
import { type HeaderLine, type NamedServer, upstreamHeaderReader } from './upstream-headers.ts';

/** What policy knows of a server. */
export interface PolicyServer extends NamedServer {
  readonly accessGroups: readonly string[];
  readonly allowAllKeys: boolean;
  readonly allowedTools: readonly string[] | undefined;
  readonly disallowedTools: readonly string[];
}

/** What one request may see and call. Two with equal `key` see the same. */
export interface Visibility {
  readonly key: string;
  /** Names of servers, in configuration order. */
  readonly servers: readonly string[];
  allowsTool(server: string, originalName: string): boolean;
}

export interface McpPolicy {
  narrowing(request: { readonly names: readonly string[] | undefined; readonly headers: IncomingHttpHeaders }): Narrowing;
  /** The same verdict for lists and calls. Throws `server-unknown` for a name that is unknown or not for this principal. */
  visibility(principal: Principal, narrowing: Narrowing): Visibility;
  upstreamHeaders(server: string, headers: IncomingHttpHeaders): readonly HeaderLine[];
  /** The rule that lets a principal use a server, for the ledger. */
  rule(principal: Principal, server: string | undefined): string | undefined;
}

const CACHE_MAX = 2_000;

export interface PolicyOptions {
  readonly servers: readonly PolicyServer[];
  /** What a key without `mcp_servers` may use (LiteLLM's "none means all" is `all`). */
  readonly defaultAccess: 'none' | 'all';
}

export function createPolicy(options: PolicyOptions): McpPolicy {
  const cache = new Map<string, Visibility>();
  const byName = new Map<string, PolicyServer[]>();
  for (const server of options.servers) {
    for (const name of [server.name, server.alias, ...server.otherAliases, ...server.accessGroups]) {
      if (name === undefined) continue;
      const key = name.toLowerCase();
      const known = byName.get(key) ?? [];
      if (!known.includes(server)) byName.set(key, [...known, server]);
    }
  }
  const permitted = (principal: Principal): readonly PolicyServer[] => {
    if (principal.kind !== 'virtual') return options.servers;
    const given = principal.key?.mcpServers ?? [];
    if (given.length === 0 && options.defaultAccess === 'all') return options.servers;
    const wanted = new Set(given.flatMap((name) => byName.get(name.toLowerCase()) ?? []));
    return options.servers.filter((server) => wanted.has(server) || server.allowAllKeys);
  };
  return {
    narrowing: ({ names, headers }) => narrowingOf(names, headers),
    visibility: (principal, narrowing) => {
      const key = narrowing === undefined ? principal.id : `${principal.id}|${narrowing.join(',').toLowerCase()}`;
      const known = cache.get(key);
      if (known !== undefined) return known;
      const made = build(key, principal, narrow(permitted(principal), narrowing, byName));
      if (cache.size >= CACHE_MAX) cache.delete(cache.keys().next().value!);
      cache.set(key, made);
      return made;
    },
    upstreamHeaders: upstreamHeaderReader(options.servers),
    rule: (principal, name) => {
      if (principal.kind !== 'virtual') return principal.kind;
      const server = options.servers.find((one) => one.name === name);
      if (server?.allowAllKeys === true && !(principal.key?.mcpServers ?? []).some((given) => byName.get(given.toLowerCase())?.includes(server))) return `mcp_servers.${server.name}.allow_all_keys`;
      if ((principal.key?.mcpServers ?? []).length === 0) return 'general_settings.mcp_default_access';
      return `${principal.key?.source}.mcp_servers`;
    },
  };
}

function narrow(permitted: readonly PolicyServer[], narrowing: Narrowing, byName: ReadonlyMap<string, readonly PolicyServer[]>): readonly PolicyServer[] {
  if (narrowing === undefined) return permitted;
  const wanted = new Set<PolicyServer>();
  for (const name of narrowing) {
    const named = (byName.get(name.toLowerCase()) ?? []).filter((server) => permitted.includes(server));
    if (named.length === 0) {
      const known = permitted.map((server) => server.alias ?? server.name).slice(0, 50).join(', ');
      throw new GatewayError('server-unknown', { name: name.slice(0, 100), known: known === '' ? 'none' : known });
    }
    for (const server of named) wanted.add(server);
  }
  return permitted.filter((server) => wanted.has(server));
}

function build(key: string, principal: Principal, servers: readonly PolicyServer[]): Visibility {
  const tools = principal.key?.mcpTools === undefined ? undefined : new Set(principal.key.mcpTools);
  const rules = new Map(servers.map((server) => [server.name, server]));
  return {
    key,
    servers: servers.map((server) => server.name),
    allowsTool: (name, originalName) => {
      const server = rules.get(name);
      if (server === undefined) return false;
      const forms = formsOf(server, originalName);
      if (server.allowedTools !== undefined && !forms.some((form) => server.allowedTools!.includes(form))) return false;
      if (forms.some((form) => server.disallowedTools.includes(form))) return false;
      return tools === undefined || forms.some((form) => tools.has(form));
    },
  };
}

/** The ways in which a tool may be written in a list of tools. */
function formsOf(server: PolicyServer, originalName: string): string[] {
  const prefixes = [server.name, ...(server.alias === undefined ? [] : [server.alias]), ...server.otherAliases];
  return [originalName, ...prefixes.flatMap((prefix) => [`${prefix}/${originalName}`, `${prefix}-${originalName}`])];
}
