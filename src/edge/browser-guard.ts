import type { IncomingHttpHeaders } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import { GatewayError } from '../core/errors.ts';

export interface BrowserGuardOptions {
  readonly allowedHosts: readonly string[];
  /** On a listener without keys the Host header must be a name of this machine; with keys, a page elsewhere has none to send. */
  readonly checkHost: boolean;
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]', '::1'];

/**
 * Keeps web pages of other sites away (DNS rebinding; 2025-11-25, Transports, "Security Warning"): a request with an `Origin` must come
 * from this machine or an allowed host. Throws `origin-forbidden` or `host-forbidden`.
 */
export function createBrowserGuard(options: BrowserGuardOptions): (headers: IncomingHttpHeaders) => void {
  const own = new Set(
    [...LOOPBACK, ...machineNames(), ...options.allowedHosts].map((name) => name.toLowerCase()),
  );
  return (headers) => {
    const { origin, host } = headers;
    if (
      origin !== undefined &&
      !own.has(hostOf(origin) ?? '') &&
      hostOf(origin) !== undefinedIfNoKeys(options, host)
    ) {
      throw new GatewayError('origin-forbidden', { origin: origin.slice(0, 200) });
    }
    if (options.checkHost && host !== undefined && !own.has(nameOf(host)))
      throw new GatewayError('host-forbidden', { host: host.slice(0, 200) });
  };
}

/** With keys, a page that this very address served may call it, whatever name the address has. */
function undefinedIfNoKeys(options: BrowserGuardOptions, host: string | undefined): string | undefined {
  return options.checkHost || host === undefined ? undefined : nameOf(host);
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).hostname.toLowerCase() : undefined;
}

/** A Host header without its port. */
function nameOf(host: string): string {
  const lower = host.toLowerCase();
  if (lower.startsWith('[')) return lower.slice(0, lower.indexOf(']') + 1);
  const colon = lower.lastIndexOf(':');
  return colon < 0 ? lower : lower.slice(0, colon);
}

function machineNames(): string[] {
  const name = hostname();
  const short = name.split('.')[0]!;
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
  return [name, short, `${short}.local`, `${short}.lan`, ...addresses];
}
