import { GatewayError } from '../core/errors.ts';
import {
  batchMessage,
  clientFacts,
  errorMessage,
  errorObject,
  idIn,
  type Inbound,
  ReplyStream,
} from '../mcp/mcp-wire.ts';
import { answer } from './answer.ts';
import { type Exchange, whole } from './exchange.ts';
import { listen, subscriptionsListen } from './handle-listen.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';
import { asGatewayError, type McpContext, type Reply } from './mcp-context.ts';
import { sendStatusPage } from './status-page.ts';

/** The way of a request to `/mcp`: a step per line, each of which may end it with an error, thrown or as a rejection. */
export function handleMcp(exchange: Exchange, deps: HandleMcpDeps): Promise<void> | void {
  if (exchange.method === 'GET' && exchange.headers.accept?.includes('text/html') === true)
    return sendStatusPage(exchange, deps.version);
  const principal = deps.authenticate(exchange); // 401, 403
  const visibility = deps.policy.visibility(principal, deps.policy.narrowing(exchange)); // 404
  const context: McpContext = { exchange, principal, visibility, scopeName: exchange.names?.join('-') };
  switch (exchange.method) {
    case 'POST':
      return post(context, deps);
    case 'GET':
      return listen(context, deps);
    case 'DELETE':
      return endSession(context, deps);
    default:
      throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
  }
}

async function post(context: McpContext, deps: HandleMcpDeps): Promise<void> {
  const { exchange } = context;
  const body = await exchange.body(); // 400, 408, 413
  let inbound: Inbound;
  let headers: Record<string, string> | undefined;
  try {
    inbound = deps.mcp.receive(body, exchange.headers, context.principal.id); // 400, 404
    deps.mcp.sessions.enter(inbound.session, inbound.messages); // 429
    headers = openSession(context, inbound, deps); // 503
  } catch (error) {
    refuse(body, error, context, deps);
    return;
  }
  const [first] = inbound.messages;
  if (inbound.era === 'modern' && first?.kind === 'request' && first.method === 'subscriptions/listen')
    return subscriptionsListen(first, inbound, context, deps).catch((error: unknown) =>
      refuse(body, error, context, deps),
    );
  let replies: readonly Reply[];
  const stream = new ReplyStream(exchange, inbound.session, requestIdOf(inbound));
  try {
    exchange.mayStream(headers, () => stream.prime());
    replies =
      inbound.messages.length === 1
        ? present(await answer(first!, inbound, context, stream, deps))
        : (
            await Promise.all(
              inbound.messages.map((message) => answer(message, inbound, context, stream, deps)),
            )
          ).filter((reply) => reply !== undefined);
  } finally {
    deps.mcp.sessions.leave(inbound.session, inbound.messages);
  }
  const eventId = stream.isOpen
    ? stream.finish(replies.length === 0 ? undefined : bodyOf(replies, inbound))
    : undefined;
  if (replies.length === 0 || stream.isTaken) exchange.send(202, headers, undefined);
  else if (inbound.batch) exchange.send(200, headers, bodyOf(replies, inbound), eventId);
  else exchange.send(replies[0]!.status, headers, replies[0]!.message, eventId);
}

/** The id of the only request of a POST. */
function requestIdOf({ messages }: Inbound): Buffer | undefined {
  const [first] = messages;
  return messages.length === 1 && first?.kind === 'request' ? first.idBytes : undefined;
}

function present(reply: Reply | undefined): readonly Reply[] {
  return reply === undefined ? [] : [reply];
}

function bodyOf(replies: readonly Reply[], inbound: Inbound): Buffer {
  return inbound.batch
    ? batchMessage(replies.map((reply) => whole(reply.message)))
    : whole(replies[0]!.message);
}

/** Answers a body that could not be taken. */
function refuse(body: Buffer, error: unknown, { exchange }: McpContext, deps: HandleMcpDeps): void {
  const failure = asGatewayError(error, exchange, deps);
  deps.onRefused(failure.code);
  deps.log.info('refused', {
    request: exchange.requestId,
    path: exchange.path,
    error: failure.code,
    status: failure.status,
  });
  const later = failure.status === 503 ? { 'retry-after': '2' } : undefined;
  exchange.send(failure.status, later, errorMessage(idIn(body), errorObject(failure)));
}

/** `initialize` opens a session, whose id goes into the answer's headers. */
function openSession(
  context: McpContext,
  inbound: Inbound,
  deps: HandleMcpDeps,
): Record<string, string> | undefined {
  const first = inbound.messages[0];
  if (inbound.era === 'modern' || first?.kind !== 'request' || first.method !== 'initialize')
    return undefined;
  const session = deps.mcp.sessions.open(context.principal.id, clientFacts(first));
  return { 'mcp-session-id': session.id };
}

function endSession(context: McpContext, deps: HandleMcpDeps): void {
  const { exchange, principal } = context;
  const id = exchange.headers['mcp-session-id'];
  if (typeof id !== 'string')
    throw new GatewayError('method-not-allowed', { method: 'DELETE', path: exchange.path });
  deps.mcp.neighbourhood.end(deps.mcp.sessions.find(id, principal.id)); // 404
  exchange.send(200, undefined, undefined);
}
