import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Clock, systemClock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Allowance } from '../keys/keys-config.ts';
import { KEY_CHARACTERS_MAX, type KeyRing, type RingEntry, type VirtualEntry } from '../keys/key-ring.ts';
import { memberLimits } from '../keys/member-limits.ts';
import { type AddressTest, addressList, forwardedAddress, isLoopback, plainAddress } from './addresses.ts';
import { requireInForce } from './entry-in-force.ts';
import { type Grants, grantsOf } from './grants.ts';
import { createKeyReader } from './presented-key.ts';
import { allowsRoute, routesOf } from './route-rights.ts';

/** Whom a key stands for. One frozen object per key, so that the hot path makes none. */
export interface Principal {
  /** Stable over restarts: `master`, `anonymous`, or the first 16 hexadecimal digits of the SHA-256 of the value that the key had first. */
  readonly id: string;
  readonly kind: 'master' | 'virtual' | 'anonymous';
  readonly alias: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
  /** Equal for two principals only when they are the same key with the same rights; what is derived from rights is cached under it. */
  readonly scopeKey: string;
  /** What a virtual key was given; `undefined` for principals that may use everything. */
  readonly grants: Grants | undefined;
  /** Of a virtual key: what it, its user, its team and its user within its team may use up. Empty for principals without limits. */
  readonly allowances: readonly Allowance[];
  /** Class of litellm_settings.priority_reservation. */
  readonly priority?: string | undefined;
  readonly tags?: readonly string[];
  /** Its own names of models, those of its team and of its user: to the names that they stand for. */
  readonly modelAliases?: Readonly<Record<string, string>> | undefined;
  /** LiteLLM's `user_role` of its user. */
  readonly role?: string | undefined;
}

/** What kind of route a request goes to; `?key=` counts on `gemini` alone. */
export type RouteKind = 'mcp' | 'llm' | 'gemini' | 'admin' | 'health';

/** What a request shows of who sent it. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  /** After the `?`, without it. */
  readonly query?: string | null | undefined;
  /** The socket's. */
  readonly remoteAddress: string;
  readonly routeKind: RouteKind;
  /** What is called, without the query; keys may be for some routes only. */
  readonly path?: string | undefined;
}

/** What `createAuthenticator` needs. */
export interface AuthenticatorOptions {
  readonly ring: KeyRing;
  /** `general_settings.litellm_key_header_name`. */
  readonly headerName?: string | undefined;
  /** `general_settings.allowed_ips`; empty allows every address. */
  readonly allowedIps: readonly string[];
  readonly useXForwardedFor: boolean;
  /** `general_settings.mcp_trusted_proxy_ranges`; empty believes every address. */
  readonly trustedProxies?: readonly string[];
  /** Whether this machine itself is served while there is no key at all. */
  readonly trustLoopbackWithoutKeys: boolean;
  readonly clock?: Clock;
}

/** Credential in, principal out. */
export interface Authenticator {
  /**
   * Throws `auth-missing`, `auth-invalid`, `auth-expired`, `auth-blocked`, `auth-team-blocked`, `auth-user-blocked`, `auth-unconfigured`,
   * `address-forbidden` or `route-forbidden`.
   */
  authenticate(credentials: Credentials): Principal;
  /** Whether the request shows a key that is not known, where keys are needed: a wrong one, or one that another gateway has just made. */
  showsUnknownKey(credentials: Pick<Credentials, 'headers' | 'query' | 'remoteAddress'>): boolean;
  /** The client's address: the socket's, or the last of X-Forwarded-For where that is trusted. At most 64 characters. */
  addressOf(credentials: Pick<Credentials, 'headers' | 'remoteAddress'>): string;
  /** The header that carries the gateway's own key, lower case; `undefined` when none does or when there are no keys. */
  keyHeaderOf(headers: IncomingHttpHeaders): string | undefined;
}

interface Known {
  readonly principal: Principal;
  readonly entry: VirtualEntry | undefined;
  readonly allows: AddressTest | undefined;
  /** Empty: every route. */
  readonly routes: readonly string[];
}

/** An entry, and until which change of the ring it counts. */
interface Seen {
  readonly entry: RingEntry;
  readonly generation: number;
}

const DIGEST_CHARACTERS = 16;

/** Builds the authenticator. Throws on an address list that cannot be read. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { ring, clock = systemClock } = options;
  const gatewayAllows = options.allowedIps.length === 0 ? undefined : addressList(options.allowedIps);
  const { trustedProxies = [] } = options;
  const isProxy = trustedProxies.length === 0 ? undefined : addressList(trustedProxies);
  const keys = createKeyReader(options.headerName);
  const anonymous = everything('anonymous');
  const known = new WeakMap<RingEntry, Known>();
  const knownOf = (entry: RingEntry): Known => {
    let found = known.get(entry);
    if (found === undefined) known.set(entry, (found = know(entry)));
    return found;
  };
  /** By headers that never change, which a connection hands in again with each request that has the same: a digest costs more. */
  const seen = new WeakMap<IncomingHttpHeaders, Seen>();
  const lookup = (headers: IncomingHttpHeaders, query: string | undefined): RingEntry | undefined => {
    const same = seen.get(headers);
    if (same !== undefined && same.generation === ring.generation) return same.entry;
    const presented = keys.read(headers, query);
    if (presented === undefined) throw new GatewayError('auth-missing');
    const entry = ring.lookup(presented);
    if (entry !== undefined && query === undefined && Object.isFrozen(headers))
      seen.set(headers, { entry, generation: ring.generation });
    return entry;
  };
  /** Without keys in the configuration, those of the store count as what they are, and everybody else on this machine may do everything. */
  const entryOf = (credentials: Credentials): RingEntry | undefined => {
    const { headers, query, routeKind } = credentials;
    const text = routeKind === 'gemini' ? (query ?? undefined) : undefined;
    if (ring.configuredSize > 0) {
      const entry = lookup(headers, text);
      if (entry === undefined) throw new GatewayError('auth-invalid');
      return entry;
    }
    const entry = ring.size > 0 && keys.read(headers, text) !== undefined ? lookup(headers, text) : undefined;
    if (entry === undefined) requireOwnMachine(credentials, options.trustLoopbackWithoutKeys);
    return entry;
  };
  const addressOf: Authenticator['addressOf'] = ({ headers, remoteAddress }) => {
    const forwarded = options.useXForwardedFor ? headers['x-forwarded-for'] : undefined;
    const isBelieved =
      typeof forwarded === 'string' && (isProxy === undefined || isProxy(plainAddress(remoteAddress)));
    return (isBelieved ? forwardedAddress(forwarded, isProxy) : undefined) ?? plainAddress(remoteAddress);
  };
  return {
    addressOf,
    showsUnknownKey: (credentials) => {
      const { headers, query } = credentials;
      if (ring.configuredSize === 0 || seen.get(headers)?.generation === ring.generation) return false;
      if (gatewayAllows?.(addressOf(credentials)) === false) return false;
      const text = keys.headerOf(headers) === undefined ? (query ?? undefined) : undefined;
      const presented = keys.read(headers, text);
      if (presented === undefined || presented.length > KEY_CHARACTERS_MAX) return false;
      return lookup(headers, text) === undefined;
    },
    keyHeaderOf: (headers) => (ring.size === 0 ? undefined : keys.headerOf(headers)),
    authenticate: (credentials) => {
      if (gatewayAllows !== undefined) requireAddress(gatewayAllows, addressOf(credentials));
      const found = entryOf(credentials);
      if (found === undefined) return anonymous;
      const { principal, entry, allows, routes } = knownOf(found);
      if (entry === undefined) return principal;
      requireInForce(entry, clock.now());
      if (allows !== undefined) requireAddress(allows, addressOf(credentials));
      if (routes.length > 0) requireRoute(routes, credentials);
      return principal;
    },
  };
}

function know(entry: RingEntry): Known {
  if (entry.kind === 'master')
    return { principal: everything('master'), entry: undefined, allows: undefined, routes: [] };
  const { key, user, team } = entry;
  const aliases = { ...user?.modelAliases, ...team?.modelAliases, ...key.modelAliases };
  const grants = grantsOf(entry);
  const rights = hash('sha256', JSON.stringify(grants), 'hex').slice(0, DIGEST_CHARACTERS);
  const principal: Principal = Object.freeze({
    id: key.id,
    kind: 'virtual',
    alias: key.alias,
    user: key.user,
    team: key.team,
    scopeKey: `${key.id}.${rights}`,
    grants,
    allowances: Object.freeze(allowancesOf(entry)),
    priority: key.priority,
    tags: key.tags,
    modelAliases: Object.keys(aliases).length === 0 ? undefined : aliases,
    role: user?.role,
  });
  return {
    principal,
    entry,
    allows: key.allowedIps.length === 0 ? undefined : addressList(key.allowedIps),
    routes: routesOf(key),
  };
}

/** What a key, its user, its team and its user within its team may use up; the key's own comes first. */
function allowancesOf({ key, user, team }: VirtualEntry): Allowance[] {
  const { limits, spendBase } = key;
  const { id, source } = key;
  const allowances: Allowance[] = [{ scope: 'key', id, limits, source, ...(spendBase && { spendBase }) }];
  for (const [scope, account] of [
    ['user', user],
    ['team', team],
  ] as const)
    if (account !== undefined)
      allowances.push({
        scope,
        id: account.id,
        limits: account.limits,
        source: `${scope}s.${account.id}`,
        ...(account.spendBase && { spendBase: account.spendBase }),
      });
  const ofMember = team === undefined || key.user === undefined ? undefined : memberLimits(team, key.user);
  if (ofMember !== undefined)
    allowances.push({
      scope: 'team-member',
      id: key.user!,
      team: team!.id,
      limits: ofMember,
      source: `teams.${team!.id}.members.${key.user}`,
    });
  return allowances;
}

function everything(kind: 'master' | 'anonymous'): Principal {
  return Object.freeze({
    id: kind,
    kind,
    alias: kind,
    user: undefined,
    team: undefined,
    scopeKey: kind,
    grants: undefined,
    allowances: [],
  });
}

/** Without any key only this machine is served; what a proxy on it forwards may come from anywhere. */
function requireOwnMachine({ headers, remoteAddress }: Credentials, trustLoopback: boolean): void {
  const forwarded = headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined;
  if (trustLoopback && !forwarded && isLoopback(remoteAddress)) return;
  const address = plainAddress(remoteAddress);
  throw new GatewayError('auth-unconfigured', { address: forwarded ? `${address} (a proxy)` : address });
}

function requireAddress(allows: AddressTest, address: string): void {
  if (!allows(address)) throw new GatewayError('address-forbidden', { address });
}

/** Where nothing is used or managed, every key may ask. */
function requireRoute(routes: readonly string[], { path = '', routeKind }: Credentials): void {
  if (routeKind === 'health' || allowsRoute(routes, path, routeKind !== 'admin')) return;
  throw new GatewayError('route-forbidden', { path, routes: routes.join(', ').slice(0, 500) });
}
