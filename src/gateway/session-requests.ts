import { GatewayError } from '../core/errors.ts';
import { type Inbound, LOG_LEVELS, logLevel, type RpcRequest, type Session } from '../mcp/mcp-wire.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';
import type { McpContext } from './mcp-context.ts';
import { text, unknownResource } from './resolve-target.ts';
import { resourceUpdated } from './resource-updated.ts';

/** Resources that one session may watch. */
const WATCHED_MAX = 1_000;

/** `logging/setLevel`: from now on, this session's calls bring log messages of that level and above (2025-11-25, Logging). */
export function setLevel(request: RpcRequest, inbound: Inbound, { mcp }: HandleMcpDeps): void {
  const level = logLevel(text(request, 'level'));
  if (level === undefined)
    throw new GatewayError('rpc-params', { reason: `params.level must be one of ${LOG_LEVELS.join(', ')}` });
  mcp.neighbourhood.setLevel(sessionOf(inbound), level);
}

/** `resources/subscribe` (2025-11-25, Resources, "Subscriptions"). A second one for the same resource changes nothing. */
export async function subscribe(
  request: RpcRequest,
  inbound: Inbound,
  { visibility }: McpContext,
  { mcp }: HandleMcpDeps,
): Promise<void> {
  const session = sessionOf(inbound);
  const uri = text(request, 'uri');
  const found = mcp.view(visibility).resource(uri);
  if (found === undefined) throw unknownResource(uri);
  if (session.watched.has(uri)) return;
  if (session.watched.size >= WATCHED_MAX)
    throw new GatewayError('rpc-params', { reason: `this session watches ${WATCHED_MAX} resources already` });
  session.watched.set(uri, () => undefined);
  try {
    const stop = await mcp.watch(found.server, found.uri, (notification) =>
      mcp.neighbourhood.tellSession(session, resourceUpdated(notification, uri, undefined)),
    );
    // The session may have ended, or unsubscribed, meanwhile.
    if (session.watched.has(uri)) session.watched.set(uri, stop);
    else stop();
  } catch (error) {
    session.watched.delete(uri);
    throw error;
  }
}

/** `resources/unsubscribe`; one that was never subscribed to is no error. */
export function unsubscribe(request: RpcRequest, inbound: Inbound, { mcp }: HandleMcpDeps): void {
  mcp.neighbourhood.unwatch(sessionOf(inbound), text(request, 'uri'));
}

function sessionOf(inbound: Inbound): Session {
  if (inbound.session === undefined) throw new GatewayError('session-missing');
  return inbound.session;
}
