import { z } from 'zod';
import { ipRange, setting } from '../core/setting.ts';

/** What the listener accepts, and from whom. */
export interface EdgeConfig {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Addresses and CIDR ranges; empty means every address. */
  readonly allowedIps: readonly string[];
  readonly useXForwardedFor: boolean;
  /** Addresses and CIDR ranges of proxies whose X-Forwarded-For is believed; empty means every address. */
  readonly trustedProxies: readonly string[];
  /** Host names, besides this machine's own, that `Host` and `Origin` may carry. */
  readonly allowedHosts: readonly string[];
  /** A further header that carries keys, lower case. */
  readonly keyHeaderName: string | undefined;
}

/** Keys of `general_settings` that belong to the edge. */
export const edgeGeneralShape = {
  host: setting(
    z.string().min(1, 'must not be empty').default('127.0.0.1'),
    'Address to listen on. Anything but loopback needs a master key; 0.0.0.0 listens on every IPv4 address, :: on all.',
    { env: ['LANPORT_HOST'] },
  ),
  port: setting(
    z.int().min(0).max(65_535).default(4_000),
    'TCP port to listen on; 0 lets the system choose.',
    { env: ['LANPORT_PORT'] },
  ),
  allowed_ips: setting(
    z.array(ipRange()).default([]),
    'Addresses and ranges that may send requests; empty means all. Applies before keys are looked at.',
  ),
  use_x_forwarded_for: setting(
    z.boolean().default(false),
    'Take the client address from X-Forwarded-For. Only behind a proxy that sets it: otherwise clients choose their own address. mcp_trusted_proxy_ranges says which proxies are believed.',
  ),
  mcp_trusted_proxy_ranges: setting(
    z.array(ipRange()).default([]),
    'Addresses and ranges of the proxies whose X-Forwarded-For is believed; what comes from elsewhere has the address that it comes from. Empty means all.',
  ),
  allowed_hosts: setting(
    z.array(z.string().min(1)).default([]),
    'Host names, besides those of this machine, that browsers may use for this gateway (Host and Origin headers).',
  ),
  litellm_key_header_name: setting(
    z
      .string()
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be the name of an HTTP header')
      .optional(),
    'A further header in which clients may send their key.',
  ),
};

const edgeSchema = z.object(edgeGeneralShape);

/** The edge's slice; `general` is the parsed `general_settings`. */
export function resolveEdge(general: z.output<typeof edgeSchema>): EdgeConfig {
  return {
    host: general.host,
    port: general.port,
    allowedIps: general.allowed_ips,
    useXForwardedFor: general.use_x_forwarded_for,
    trustedProxies: general.mcp_trusted_proxy_ranges,
    allowedHosts: general.allowed_hosts.map((host) => host.toLowerCase()),
    keyHeaderName: general.litellm_key_header_name?.toLowerCase(),
  };
}
