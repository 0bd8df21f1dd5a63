import type { IncomingHttpHeaders } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { KeyConfig } from '../keys/keys-config.ts';
import { addressList, isLoopback, plainAddress } from './addresses.ts';

/** Whom a key stands for. One frozen object per key, so that the hot path makes none. */
export interface Principal {
  /** Stable: `master`, `anonymous`, or the first 16 hexadecimal digits of the key's digest. */
  readonly id: string;
  readonly kind: 'master' | 'virtual' | 'anonymous';
  readonly alias: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
  readonly key: KeyConfig | undefined;
}

export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  readonly query: string | undefined;
  readonly remoteAddress: string;
  /** Whether `?key=` counts, as on Gemini routes. */
  readonly keyInQuery: boolean;
}

export interface AuthenticatorOptions {
  readonly ring: KeyRing;
  /** `general_settings.litellm_key_header_name`, lower case. */
  readonly headerName: string | undefined;
  readonly allowedIps: readonly string[];
  readonly useXForwardedFor: boolean;
  readonly now: () => number;
}

export interface Authenticator {
  /** Throws `auth-…` or `address-forbidden`. */
  authenticate(credentials: Credentials): Principal;
  /** The client's address: the socket's, or the first of X-Forwarded-For where that is trusted. */
  addressOf(credentials: Pick<Credentials, 'headers' | 'remoteAddress'>): string;
}

const MASTER: Principal = Object.freeze({ id: 'master', kind: 'master', alias: 'master', user: undefined, team: undefined, key: undefined });
const ANONYMOUS: Principal = Object.freeze({ id: 'anonymous', kind: 'anonymous', alias: 'anonymous', user: undefined, team: undefined, key: undefined });
const DIGEST_CHARACTERS = 16;

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const gatewayAllows = options.allowedIps.length === 0 ? undefined : addressList(options.allowedIps);
  const principals = new Map<string, { readonly principal: Principal; readonly allows: ((address: string) => boolean) | undefined }>();
  const addressOf: Authenticator['addressOf'] = ({ headers, remoteAddress }) => {
    const forwarded = options.useXForwardedFor ? headers['x-forwarded-for'] : undefined;
    const first = typeof forwarded === 'string' ? forwarded.split(',')[0]?.trim() : undefined;
    return plainAddress(first === undefined || first === '' ? remoteAddress : first);
  };
  return {
    addressOf,
    authenticate: (credentials) => {
      if (gatewayAllows !== undefined) requireAddress(gatewayAllows, addressOf(credentials));
      if (options.ring.size === 0) return anonymous(credentials);
      const presented = presentedKey(credentials, options.headerName);
      if (presented === undefined) throw new GatewayError('auth-missing');
      const found = options.ring.lookup(presented);
      if (found === undefined) throw new GatewayError('auth-invalid');
      if (found.entry.kind === 'master') return MASTER;
      const { key } = found.entry;
      let known = principals.get(found.digest);
      if (known === undefined) {
        const principal: Principal = Object.freeze({ id: found.digest.slice(0, DIGEST_CHARACTERS), kind: 'virtual', alias: key.alias, user: key.user, team: key.team, key });
        known = { principal, allows: key.allowedIps.length === 0 ? undefined : addressList(key.allowedIps) };
        principals.set(found.digest, known);
      }
      if (key.blocked) throw new GatewayError('auth-blocked');
      if (key.expires !== undefined && key.expires <= options.now()) throw new GatewayError('auth-expired', { expires: new Date(key.expires).toISOString() });
      if (known.allows !== undefined) requireAddress(known.allows, addressOf(credentials));
      return known.principal;
    },
  };
}

/** Without any key the gateway serves this machine alone; what a proxy forwards is not from this machine. */
function anonymous(credentials: Credentials): Principal {
  const forwarded = credentials.headers['x-forwarded-for'] ?? credentials.headers['forwarded'];
  if (!isLoopback(credentials.remoteAddress) || forwarded !== undefined) throw new GatewayError('auth-missing');
  return ANONYMOUS;
}

/** The key that a request carries; empty values count as absent. `x-litellm-api-key` wins. */
function presentedKey({ headers, query, keyInQuery }: Credentials, headerName: string | undefined): string | undefined {
  return (
    bare(headers['x-litellm-api-key']) ??
    (headerName === undefined ? undefined : bare(headers[headerName])) ??
    bearer(headers.authorization) ??
    bare(headers['x-api-key']) ??
    bare(headers['api-key']) ??
    bare(headers['x-goog-api-key']) ??
    (keyInQuery && query !== undefined ? (new URLSearchParams(query).get('key') ?? undefined) : undefined)
  );
}

function bearer(value: string | undefined): string | undefined {
  if (value === undefined || value.length < 8 || value.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  const key = value.slice(7).trim();
  return key === '' ? undefined : key;
}

/** A header that holds a key, with or without the word Bearer before it. */
function bare(value: string | readonly string[] | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (text === '' || /^bearer$/i.test(text)) return undefined;
  return bearer(text) ?? text;
}

function requireAddress(allows: (address: string) => boolean, address: string): void {
  if (!allows(address)) throw new GatewayError('address-forbidden', { address });
}
