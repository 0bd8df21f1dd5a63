import type { Secret } from '../../core/secret.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import { credentialHeader } from '../server-headers.ts';
import { placesOf } from './attempt.ts';
import type { AsWritten, Change } from './diagnosis.ts';
import type { Cause } from './http-cause.ts';

/** Another way to reach a server over HTTP than the declared one. */
export interface Detour {
  readonly config: ServerConfig;
  readonly place: HttpPlace;
  /** The same place is asked with the credential sent otherwise. */
  readonly otherAuth: boolean;
  /** The entry's headers are not sent: they go only where it sends them, and not in the clear when it says https. */
  readonly withheld: boolean;
  /** What to write so that this is the declared way. */
  readonly changes: readonly Change[];
}

export interface HttpPlace {
  readonly transport: 'http' | 'sse';
  readonly url: string;
}

const LOOPBACK = /^(?:localhost|127\.[\d.]+|\[::1\])$/;
const AUTH_TYPES = ['bearer_token', 'api_key', 'basic', 'token', 'authorization'] as const;

/** The ways that are worth trying, given why the declared one does not work; the likeliest first. */
export function detoursFor(
  config: ServerConfig,
  declared: HttpPlace,
  cause: Cause,
  written: AsWritten,
): readonly Detour[] {
  const { url } = declared;
  switch (cause.code) {
    case 'auth-missing':
    case 'auth-refused':
    case 'header-missing':
      return written.credential === undefined ? [] : otherAuthTypes(config, declared, written.credential);
    case 'tls-needed':
      return moved(config, url.replace(/^http:/i, 'https:'), written);
    case 'tls-not-spoken':
      return moved(config, url.replace(/^https:/i, 'http:'), written, !LOOPBACK.test(new URL(url).hostname));
    case 'container-name':
      return elsewhere(config, '127.0.0.1', written);
    case 'container-loopback':
      return elsewhere(config, 'host.docker.internal', written);
    case 'redirect':
      return [
        ...(cause.location === undefined ? [] : followed(config, cause.location, written)),
        ...moved(config, url, written),
      ];
    case 'not-mcp':
    case 'hang':
    case 'cut':
    case 'revision-unknown':
    case 'handshake-refused':
    case 'server-error':
      return moved(config, url, written);
    default:
      return [];
  }
}

/** The usual places around an address; of those of the entry itself, all but the declared one. */
function moved(config: ServerConfig, url: string, written: AsWritten, unsafe = false): readonly Detour[] {
  return placesOf({ ...config, url })
    .filter((place) => place.url !== config.url || place.transport !== config.transport)
    .map((place) => detourTo(config, place, written, unsafe));
}

function detourTo(config: ServerConfig, place: HttpPlace, written: AsWritten, unsafe: boolean): Detour {
  const withheld = unsafe && Object.keys(config.headers).length > 0;
  return {
    config: withheld ? { ...config, headers: {} } : config,
    place,
    otherAuth: false,
    withheld,
    changes: changesTo(config, place, written),
  };
}

/** The same port on another host. */
function elsewhere(config: ServerConfig, host: string, written: AsWritten): readonly Detour[] {
  const url = new URL(config.url!);
  url.hostname = host;
  return moved(config, url.href, written, true);
}

function followed(config: ServerConfig, location: string, written: AsWritten): readonly Detour[] {
  if (!/^https?:/.test(location)) return [];
  const from = new URL(config.url!);
  const to = new URL(location);
  if (to.username !== '' || to.password !== '') return [];
  const unsafe = to.hostname !== from.hostname || (to.protocol !== 'https:' && from.protocol === 'https:');
  const order = config.transport === 'sse' ? (['sse', 'http'] as const) : (['http', 'sse'] as const);
  return order.map((transport) => detourTo(config, { transport, url: location }, written, unsafe));
}

function otherAuthTypes(config: ServerConfig, place: HttpPlace, credential: Secret): readonly Detour[] {
  const sent = JSON.stringify(Object.entries(config.headers).map(([name, value]) => [name, value.reveal()]));
  const others = Object.entries(config.headers).filter(
    ([name]) => !/^(?:authorization|x-api-key)$/i.test(name),
  );
  const seen = new Set([sent]);
  return AUTH_TYPES.flatMap((type) => {
    const header = credentialHeader(type, credential)!;
    const headers = { ...Object.fromEntries(others), [header.name]: header.value };
    const mark = JSON.stringify(Object.entries(headers).map(([name, value]) => [name, value.reveal()]));
    if (seen.has(mark)) return [];
    seen.add(mark);
    const changes: readonly Change[] = [{ path: ['auth_type'], value: type }];
    return [{ config: { ...config, headers }, place, otherAuth: true, withheld: false, changes }];
  });
}

/** What to write so that `place` is declared. */
export function changesTo(config: ServerConfig, place: HttpPlace, written: AsWritten): readonly Change[] {
  const changes: Change[] = [];
  const declared = written.transport === undefined ? inferred(place.url) : transportWord(written.transport);
  if (declared !== place.transport) changes.push({ path: ['transport'], value: place.transport });
  if (place.url !== config.url) changes.push({ path: ['url'], value: place.url });
  return changes;
}

/** What an entry without `transport` means. */
function inferred(url: string): 'http' | 'sse' {
  return /\/sse\/?(?:[?#]|$)/.test(url) ? 'sse' : 'http';
}

function transportWord(word: string): string {
  return word === 'stdio' || word === 'sse' ? word : 'http';
}
