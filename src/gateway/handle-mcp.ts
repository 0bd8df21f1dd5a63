import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import type { McpPolicy } from '../policy/visibility.ts';
import type { Mcp } from '../mcp/mcp.ts';
import {
  acceptsSse,
  batchMessage,
  clientOf,
  errorMessage,
  errorObject,
  idIn,
  type Inbound,
  initializeRevision,
  LATEST_MODERN,
  type RpcMessage,
  type RpcRequest,
  resultMessage,
  resultParts,
} from '../mcp/mcp-wire.ts';
import { type Exchange, whole } from './exchange.ts';
import { type CallDeps, callTool } from './call-tool.ts';
import { asGatewayError, type McpContext, type Reply } from './mcp-context.ts';
import { sendStatusPage } from './status-page.ts';

export interface HandleMcpDeps extends CallDeps {
  readonly mcp: Mcp;
  readonly policy: McpPolicy;
  readonly authenticate: (exchange: Exchange) => Principal;
  readonly version: string;
}

/** The way of a request to `/mcp`: a step per line, each of which may end it with an error. */
export async function handleMcp(exchange: Exchange, deps: HandleMcpDeps): Promise<void> {
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
  try {
    inbound = deps.mcp.receive(body, exchange.headers, context.principal.id); // 400, 404
    deps.mcp.sessions.enter(inbound.session, inbound.messages.length); // 429
  } catch (error) {
    const failure = asGatewayError(error, exchange, deps);
    deps.log.info('refused', {
      request: exchange.requestId,
      path: exchange.path,
      error: failure.code,
      status: failure.status,
    });
    exchange.send(failure.status, undefined, errorMessage(idIn(body), errorObject(failure)));
    return;
  }
  let headers: Record<string, string> | undefined;
  let replies: readonly Reply[];
  try {
    headers = openSession(context, inbound, deps); // 503
    exchange.mayStream();
    replies = (
      await Promise.all(inbound.messages.map((message) => answer(message, inbound, context, deps)))
    ).filter((reply) => reply !== undefined);
  } finally {
    deps.mcp.sessions.leave(inbound.session, inbound.messages.length);
  }
  if (replies.length === 0) exchange.send(202, headers, undefined);
  else if (inbound.batch)
    exchange.send(200, headers, batchMessage(replies.map((reply) => whole(reply.message))));
  else exchange.send(replies[0]!.status, headers, replies[0]!.message);
}

/** The reply to one message; `undefined` when it wants none. Never rejects: a failure becomes the reply. */
export async function answer(
  message: RpcMessage,
  inbound: Inbound,
  context: McpContext,
  deps: HandleMcpDeps,
): Promise<Reply | undefined> {
  if (message.kind !== 'request') return undefined;
  try {
    const reply = await route(message, inbound, context, deps);
    return Buffer.isBuffer(reply) ? { status: 200, message: reply } : reply;
  } catch (error) {
    const failure = asGatewayError(error, context.exchange, deps);
    const status = inbound.era === 'legacy' && failure.code === 'rpc-method' ? 200 : failure.status;
    return { status, message: errorMessage(message.idBytes, errorObject(failure)) };
  }
}

async function route(
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  deps: HandleMcpDeps,
): Promise<Buffer | Reply> {
  const { mcp } = deps;
  const { visibility } = context;
  switch (`${inbound.era} ${request.method}`) {
    case 'legacy tools/call':
    case 'modern tools/call':
      return callTool(request, inbound, context, deps);
    case 'legacy tools/list':
    case 'modern tools/list':
      if (request.params?.has('cursor') === true)
        throw new GatewayError('rpc-params', { reason: 'this list has one page and no cursor' });
      return {
        status: 200,
        message: resultParts(request.idBytes, await mcp.listTools(visibility, inbound.era)),
      };
    case 'legacy initialize':
      return resultMessage(
        request.idBytes,
        mcp.describe(visibility, 'legacy', initializeRevision(request), context.scopeName),
      );
    case 'modern server/discover':
      return resultMessage(
        request.idBytes,
        mcp.describe(visibility, 'modern', LATEST_MODERN, context.scopeName),
      );
    case 'legacy ping':
      return resultMessage(request.idBytes, Buffer.from('{}'));
    default:
      throw new GatewayError('rpc-method', { method: request.method.slice(0, 100) });
  }
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
  const session = deps.mcp.sessions.open(context.principal.id, initializeRevision(first), clientOf(first));
  return { 'mcp-session-id': session.id };
}

/** GET: the stream on which a legacy server may speak first. Without a session there is none: exactly 405. */
function listen(context: McpContext, deps: HandleMcpDeps): void {
  const { exchange, principal } = context;
  const id = exchange.headers['mcp-session-id'];
  if (typeof id !== 'string' || !acceptsSse(exchange.headers.accept)) {
    throw new GatewayError('method-not-allowed', { method: 'GET', path: exchange.path });
  }
  const session = deps.mcp.sessions.find(id, principal.id); // 404
  const stream = exchange.openStream({ 'mcp-session-id': id });
  deps.mcp.attach(session, stream);
  stream.onClose(() => {
    if (session.stream === stream) session.stream = undefined;
  });
}

function endSession(context: McpContext, deps: HandleMcpDeps): void {
  const { exchange, principal } = context;
  const id = exchange.headers['mcp-session-id'];
  if (typeof id !== 'string')
    throw new GatewayError('method-not-allowed', { method: 'DELETE', path: exchange.path });
  deps.mcp.sessions.end(deps.mcp.sessions.find(id, principal.id)); // 404
  exchange.send(200, undefined, undefined);
}
