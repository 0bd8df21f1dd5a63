import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '::1'];
/** Domains that no public name server answers for, so that no page elsewhere can make a browser resolve one to this machine. */
const LOCAL_DOMAIN = /\.(?:localhost|local|lan|internal|home\.arpa|test)$/;

/**
 * Says why a request may come from a web page of another site (DNS rebinding; 2025-11-25, Transports, "Security Warning"), or
 * `undefined`. A `Host` is harmless when it is an address or a name that only a local resolver knows (one label, as the services of a
 * compose file have); an `Origin` must be loopback, the same host, or in `allowedHosts`.
 */
export function createBrowserGuard(
  allowedHosts: readonly string[],
): (headers: IncomingHttpHeaders) => string | undefined {
  const allowed = new Set([...LOOPBACK, hostname(), ...allowedHosts].map((name) => name.toLowerCase()));
  const isLocal = (host: string): boolean =>
    allowed.has(host) || isIP(host) !== 0 || !host.includes('.') || LOCAL_DOMAIN.test(host);
  return ({ host, origin }) => {
    const target = host === undefined ? undefined : nameOf(`http://${host}`);
    if (host !== undefined && (target === undefined || !isLocal(target))) {
      return `Host ${host.slice(0, 100)} is not a name of this machine; allow it with --allowed-host.`;
    }
    if (origin === undefined) return undefined;
    const source = nameOf(origin);
    if (source !== undefined && (allowed.has(source) || source === target)) return undefined;
    return `Origin ${origin.slice(0, 100)} is not allowed here; allow its host with --allowed-host.`;
  };
}

/** Host name of a URL, lower case, without brackets; `undefined` when it is none. */
function nameOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  return new URL(url).hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
}
