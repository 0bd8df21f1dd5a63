import type { Inbound, RpcNotification, RpcReply } from '../mcp/mcp-wire.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';
import type { McpContext } from './mcp-context.ts';

/** Notifications that end here: what they name is known by another name behind the gateway, or by none. */
const OWN: ReadonlySet<string> = new Set(['notifications/initialized']);

/** Takes what a client says without wanting an answer: replies to questions, cancellations, news. What means nothing is left aside. */
export function hear(
  message: RpcNotification | RpcReply,
  inbound: Inbound,
  context: McpContext,
  deps: HandleMcpDeps,
): void {
  if (message.kind !== 'notification') {
    deps.mcp.neighbourhood.reply(message, context.principal.id);
    return;
  }
  switch (message.method) {
    case 'notifications/cancelled': {
      const id = message.params?.slice('requestId')?.toString('latin1');
      const reason = message.params?.string('reason')?.slice(0, 200);
      if (id !== undefined && inbound.session !== undefined)
        deps.mcp.neighbourhood.cancel(inbound.session, id, reason ?? 'the client cancelled it');
      return;
    }
    case 'notifications/progress':
      deps.mcp.neighbourhood.progress(message, context.principal.id);
      return;
    case 'notifications/roots/list_changed':
      // Only a server that this client has to itself may read its roots again: for a shared one they are nobody's in particular.
      if (inbound.session !== undefined)
        deps.mcp.tellIsolated(context.visibility, inbound.session.id, message.method, undefined);
      return;
    default:
      if (!OWN.has(message.method)) deps.mcp.pass(context.visibility, inbound, context.principal.id, message);
  }
}
