import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '../auth/authenticate.ts';
import { createKeyReader } from '../auth/presented-key.ts';
import { type Narrowing, narrowingFromRequest } from './narrowing.ts';
import type { PolicyServer } from './policy-server.ts';
import { createRights, type Rights, type Verdict } from './rights.ts';
import { indexServers, narrowServers } from './server-names.ts';
import type { ExposedName } from './tool-list.ts';
import { type HeaderLine, upstreamHeaderReader } from './upstream-headers.ts';

/** What one request may see and call. Two with equal `key` see the same, whoever they are and before or after a reload. */
export interface Visibility {
  readonly key: string;
  /** Names of servers, in configuration order. */
  readonly servers: readonly string[];
  allowsTool(server: string, originalName: string): boolean;
}

/** Principal and request in, verdict out; the same verdict for lists and for calls. */
export interface McpPolicy {
  narrowing(request: {
    readonly names: readonly string[] | undefined;
    readonly headers: IncomingHttpHeaders;
  }): Narrowing;
  /** Throws `server-unknown` for a name that is unknown or not for this principal. */
  visibility(principal: Principal, narrowing: Narrowing): Visibility;
  /** What a principal may do with a server, or with one of its tools, and why. */
  verdict(principal: Principal, server: string, originalName?: string): Verdict;
  /** The rule that lets a principal use a server, for the ledger; `undefined` without a server. */
  rule(principal: Principal, server: string | undefined): string | undefined;
  /** What the client sends for this server alone. */
  upstreamHeaders(server: string, headers: IncomingHttpHeaders): readonly HeaderLine[];
}

/** What `createPolicy` needs. */
export interface PolicyOptions {
  readonly servers: readonly PolicyServer[];
  /** What a key without `mcp_servers` may use (LiteLLM's "none means all" is `all`). */
  readonly defaultAccess: 'none' | 'all';
  /** How tools are named for clients, so that `mcp_tools` may use those names. */
  readonly exposedName?: ExposedName;
  /** The header with the gateway's own key, which is passed on to nobody (Authenticator.keyHeaderOf). By default the one a key would be read from. */
  readonly keyHeaderOf?: (headers: IncomingHttpHeaders) => string | undefined;
}

/** Principals, and narrowings of each, whose answers are remembered; the oldest goes first. */
const PRINCIPALS_MAX = 1_000;
const NARROWINGS_MAX = 32;
/** Longer narrowings are answered, and not remembered. */
const CACHED_CHARACTERS_MAX = 256;
const KEY_CHARACTERS = 32;

const dashed: ExposedName = (prefix, name) => (prefix === undefined ? name : `${prefix}-${name}`);

interface Scope {
  readonly rights: Rights;
  readonly whole: Visibility;
  readonly narrowed: Map<string, Visibility>;
}

/** Builds the policy over the configured servers. It holds no keys: a principal brings its grants. */
export function createPolicy(options: PolicyOptions): McpPolicy {
  const { servers, defaultAccess, exposedName = dashed } = options;
  const keyHeaderOf = options.keyHeaderOf ?? createKeyReader(undefined).headerOf;
  const index = indexServers(servers);
  const scopes = new Map<string, Scope>();
  const scopeOf = (principal: Principal): Scope => {
    const known = scopes.get(principal.scopeKey);
    if (known !== undefined) return known;
    const rights = createRights(principal, { servers, index, defaultAccess, exposedName });
    return remember(scopes, PRINCIPALS_MAX, principal.scopeKey, {
      rights,
      whole: see(rights, rights.servers),
      narrowed: new Map(),
    });
  };
  return {
    narrowing: ({ names, headers }) => narrowingFromRequest({ pathNames: names, headers }),
    visibility: (principal, { names }) => {
      const { rights, whole, narrowed } = scopeOf(principal);
      if (names === undefined) return whole;
      const text = names.length === 1 ? names[0]! : names.join(',');
      const known = narrowed.get(text);
      if (known !== undefined) return known;
      const made = see(rights, narrowServers(rights.servers, names, index));
      return text.length > CACHED_CHARACTERS_MAX ? made : remember(narrowed, NARROWINGS_MAX, text, made);
    },
    verdict: (principal, server, originalName) => scopeOf(principal).rights.judge(server, originalName),
    rule: (principal, server) =>
      server === undefined ? undefined : scopeOf(principal).rights.judge(server, undefined).rule,
    upstreamHeaders: upstreamHeaderReader(servers, keyHeaderOf),
  };
}

function remember<T>(map: Map<string, T>, max: number, key: string, value: T): T {
  if (map.size >= max) map.delete(map.keys().next().value!);
  map.set(key, value);
  return value;
}

function see(rights: Rights, servers: readonly PolicyServer[]): Visibility {
  const names = servers.map((server) => server.name);
  const inScope = new Set(names);
  const content = JSON.stringify(servers.map((server) => rights.fingerprint(server)));
  return Object.freeze({
    key: hash('sha256', content, 'hex').slice(0, KEY_CHARACTERS),
    servers: Object.freeze(names),
    allowsTool: (server: string, originalName: string) =>
      inScope.has(server) && rights.judge(server, originalName).allowed,
  });
}
