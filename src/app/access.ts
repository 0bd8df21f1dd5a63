import type { AdminCaller } from '../admin/admin-ports.ts';
import {
  type Authenticator,
  createAuthenticator,
  type Principal,
  type RouteKind,
} from '../auth/authenticate.ts';
import type { LanportConfig } from '../config/load.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { Exchange } from '../gateway/exchange.ts';
import { type ConfiguredRing, createKeyRing } from '../keys/key-ring.ts';
import type { OpenDirectory } from '../keys/open-directory.ts';
import { exposedName } from '../mcp/mcp-view.ts';
import { createPolicy, type McpPolicy } from '../policy/visibility.ts';
import { EXIT, StartupError } from './startup-error.ts';

/** Who may do what, by one configuration. A reload replaces it as a whole, so that a request meets one configuration and no mixture. */
export interface Access {
  /** No key is configured: only this machine is served. */
  readonly isOpen: boolean;
  readonly policy: McpPolicy;
  readonly accessGroups: readonly string[];
  /** The keys of the configuration. */
  readonly configured: ConfiguredRing;
  /** Throws GatewayError `auth-…`, `address-forbidden`. */
  authenticate(exchange: Exchange, routeKind: RouteKind): Principal;
  /** Whether who opened a stream may go on listening. */
  mayListen(exchange: Exchange): boolean;
  /** Whether the request shows a key that is not known here. */
  showsUnknownKey(exchange: Exchange): boolean;
  /** The principal, or `undefined` when the request has no valid key. */
  identify(exchange: Exchange): Principal | undefined;
  readonly addressOf: Authenticator['addressOf'];
}

/** Hears of requests that were not let in. */
export type OnRefused = (exchange: Exchange, surface: string, code: string, address: string) => void;

/** Builds it; throws when the configuration's keys or addresses cannot be used. */
export function createAccess(
  config: LanportConfig,
  masterKey: Secret | undefined,
  clock: Clock,
  directory: Pick<OpenDirectory, 'ring'>,
  onRefused: OnRefused = () => undefined,
): Access {
  const { servers } = config.mcp;
  const configured = createKeyRing({ masterKey, keys: config.keys.keys });
  const ring = directory.ring(configured);
  const authenticator = createAuthenticator({
    ring,
    headerName: config.edge.keyHeaderName,
    allowedIps: config.edge.allowedIps,
    useXForwardedFor: config.edge.useXForwardedFor,
    trustedProxies: config.edge.trustedProxies,
    trustLoopbackWithoutKeys: true,
    clock,
  });
  const authenticate: Access['authenticate'] = ({ headers, query, remoteAddress, path }, routeKind) =>
    authenticator.authenticate({ headers, query, remoteAddress, path, routeKind });
  const { addressOf } = authenticator;
  const attempt = (exchange: Exchange, routeKind: RouteKind): Principal | undefined => {
    try {
      return authenticate(exchange, routeKind);
    } catch {
      return undefined;
    }
  };
  return {
    isOpen: configured.size === 0,
    configured,
    policy: createPolicy({
      servers,
      defaultAccess: config.keys.defaultAccess,
      exposedName: (prefix, name) => exposedName(prefix, config.mcp.separator, name),
      keyHeaderOf: authenticator.keyHeaderOf,
    }),
    accessGroups: [...new Set(servers.flatMap((server) => server.accessGroups))].sort(),
    authenticate: (exchange, routeKind) => {
      try {
        return authenticate(exchange, routeKind);
      } catch (error) {
        if (error instanceof GatewayError) onRefused(exchange, routeKind, error.code, addressOf(exchange));
        throw error;
      }
    },
    showsUnknownKey: authenticator.showsUnknownKey,
    mayListen: (exchange) => attempt(exchange, 'mcp') !== undefined,
    identify: (exchange) => attempt(exchange, 'health'),
    addressOf,
  };
}

/** Who asks the operator API, by the access that is in force when the request comes. */
export function adminCaller(exchange: Exchange, access: Access): AdminCaller {
  const authenticate = (): Principal => access.authenticate(exchange, 'admin');
  return {
    authenticate,
    address: access.addressOf(exchange),
    visibility: () => access.policy.visibility(authenticate(), access.policy.narrowing(exchange)),
  };
}

/** Routes that use models and tools. The operator API catches up by itself, and probes are answered at once. */
const WAITS: ReadonlySet<string> = new Set([
  'mcp',
  'sse',
  'messages',
  'mcp-rest',
  'llm',
  'response',
  'models',
]);

/** Whether a request to such a route, when its key is not known, waits for what other gateways have changed. */
export function waitsForKey(route: string): boolean {
  return WAITS.has(route);
}

const LOOPBACK = /^(?:127\.|localhost$|::1$)/;

/** Throws when a gateway without any key would listen on more than this machine. */
export function requireKey(config: LanportConfig, masterKey: Secret | undefined, host: string): void {
  if (masterKey !== undefined || config.keys.keys.length > 0 || LOOPBACK.test(host)) return;
  throw new StartupError(
    `no key is configured, and ${host} can be reached from other machines: set general_settings.master_key, or listen on 127.0.0.1`,
    EXIT.configuration,
  );
}
