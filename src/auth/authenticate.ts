import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Clock, systemClock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Allowance } from '../keys/keys-config.ts';
import type { KeyRing, KnownKey, RingEntry } from '../keys/key-ring.ts';
import { type AddressTest, addressList, forwardedAddress, isLoopback, plainAddress } from './addresses.ts';
import { createKeyReader } from './presented-key.ts';

/** Whom a key stands for. One frozen object per key, so that the hot path makes none. */
export interface Principal {
  /** Stable over restarts: `master`, `anonymous`, or the first 16 hexadecimal digits of the key's SHA-256. */
  readonly id: string;
  readonly kind: 'master' | 'virtual' | 'anonymous';
  readonly alias: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
  /** Equal for two principals only when they are the same key with the same rights; what is derived from rights is cached under it. */
  readonly scopeKey: string;
  /** What a virtual key was given; `undefined` for principals that may use everything. */
  readonly grants: Grants | undefined;
  /** Of a virtual key: what it, its user and its team may use up. Empty for principals without limits. */
  readonly allowances: readonly Allowance[];
  /** Class of litellm_settings.priority_reservation. */
  readonly priority?: string | undefined;
}

/** The rights of a virtual key, as they were written. */
export interface Grants {
  /** Where they stand: `virtual_keys[2]`. */
  readonly source: string;
  /** Names, aliases and access groups. */
  readonly mcpServers: readonly string[];
  /** `undefined` means every tool of those servers. */
  readonly mcpTools: readonly string[] | undefined;
  readonly models: readonly string[];
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
}

/** What `createAuthenticator` needs. */
export interface AuthenticatorOptions {
  readonly ring: KeyRing;
  /** `general_settings.litellm_key_header_name`. */
  readonly headerName?: string | undefined;
  /** `general_settings.allowed_ips`; empty allows every address. */
  readonly allowedIps: readonly string[];
  readonly useXForwardedFor: boolean;
  /** Whether this machine itself is served while there is no key at all. */
  readonly trustLoopbackWithoutKeys: boolean;
  readonly clock?: Clock;
}

/** Credential in, principal out. */
export interface Authenticator {
  /** Throws `auth-missing`, `auth-invalid`, `auth-expired`, `auth-blocked`, `auth-unconfigured` or `address-forbidden`. */
  authenticate(credentials: Credentials): Principal;
  /** The client's address: the socket's, or the last of X-Forwarded-For where that is trusted. At most 64 characters. */
  addressOf(credentials: Pick<Credentials, 'headers' | 'remoteAddress'>): string;
  /** The header that carries the gateway's own key, lower case; `undefined` when none does or when there are no keys. */
  keyHeaderOf(headers: IncomingHttpHeaders): string | undefined;
}

interface Known {
  readonly principal: Principal;
  readonly key: KnownKey | undefined;
  readonly allows: AddressTest | undefined;
}

const DIGEST_CHARACTERS = 16;

/** Builds the authenticator. Throws on an address list that cannot be read. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { ring, clock = systemClock } = options;
  const gatewayAllows = options.allowedIps.length === 0 ? undefined : addressList(options.allowedIps);
  const keys = createKeyReader(options.headerName);
  const anonymous = everything('anonymous');
  const known = new WeakMap<RingEntry, Known>();
  const knownOf = (entry: RingEntry): Known => {
    let found = known.get(entry);
    if (found === undefined) known.set(entry, (found = know(entry)));
    return found;
  };
  /** By headers that never change, which a connection hands in again with each request that has the same: a digest costs more. */
  const entries = new WeakMap<IncomingHttpHeaders, RingEntry>();
  const entryOf = (headers: IncomingHttpHeaders, query: string | undefined): RingEntry => {
    const same = entries.get(headers);
    if (same !== undefined) return same;
    const presented = keys.read(headers, query);
    if (presented === undefined) throw new GatewayError('auth-missing');
    const entry = ring.lookup(presented);
    if (entry === undefined) throw new GatewayError('auth-invalid');
    if (query === undefined && Object.isFrozen(headers)) entries.set(headers, entry);
    return entry;
  };
  const addressOf: Authenticator['addressOf'] = ({ headers, remoteAddress }) => {
    const forwarded = options.useXForwardedFor ? headers['x-forwarded-for'] : undefined;
    return (
      forwardedAddress(typeof forwarded === 'string' ? forwarded : undefined) ?? plainAddress(remoteAddress)
    );
  };
  return {
    addressOf,
    keyHeaderOf: (headers) => (ring.size === 0 ? undefined : keys.headerOf(headers)),
    authenticate: (credentials) => {
      const { headers, query, routeKind } = credentials;
      if (gatewayAllows !== undefined) requireAddress(gatewayAllows, addressOf(credentials));
      if (ring.size === 0) {
        requireOwnMachine(credentials, options.trustLoopbackWithoutKeys);
        return anonymous;
      }
      const entry = entryOf(headers, routeKind === 'gemini' ? (query ?? undefined) : undefined);
      const { principal, key, allows } = knownOf(entry);
      if (key === undefined) return principal;
      if (key.blocked) throw new GatewayError('auth-blocked');
      if (key.expires !== undefined && key.expires <= clock.now())
        throw new GatewayError('auth-expired', { expires: new Date(key.expires).toISOString() });
      if (allows !== undefined) requireAddress(allows, addressOf(credentials));
      return principal;
    },
  };
}

function know(entry: RingEntry): Known {
  if (entry.kind === 'master') return { principal: everything('master'), key: undefined, allows: undefined };
  const { key, digest } = entry;
  const grants: Grants = Object.freeze({
    source: key.source,
    mcpServers: key.mcpServers,
    mcpTools: key.mcpTools,
    models: key.models,
  });
  const id = digest.slice(0, DIGEST_CHARACTERS);
  const rights = hash('sha256', JSON.stringify(grants), 'hex').slice(0, DIGEST_CHARACTERS);
  const principal: Principal = Object.freeze({
    id,
    kind: 'virtual',
    alias: key.alias,
    user: key.user,
    team: key.team,
    scopeKey: `${id}.${rights}`,
    grants,
    allowances: Object.freeze([{ scope: 'key', id, limits: key.limits, source: key.source } as const]),
    priority: key.priority,
  });
  return { principal, key, allows: key.allowedIps.length === 0 ? undefined : addressList(key.allowedIps) };
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
    priority: undefined,
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
