import { GatewayError } from '../core/errors.ts';
import {
  type Inbound,
  initializeRevision,
  LATEST_MODERN,
  type ReplyStream,
  type RpcMessage,
  type RpcRequest,
  resultMessage,
  resultParts,
} from '../mcp/mcp-wire.ts';
import { callUpstream } from './call-upstream.ts';
import { hear } from './client-messages.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';
import { asGatewayError, errorReply, type McpContext, type Reply } from './mcp-context.ts';
import { setLevel, subscribe, unsubscribe } from './session-requests.ts';

const EMPTY = Buffer.from('{}');

const LISTS = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'templates',
} as const;

/** The reply to one message; `undefined` when it wants none. Never rejects: a failure becomes the reply. */
export async function answer(
  message: RpcMessage,
  inbound: Inbound,
  context: McpContext,
  stream: ReplyStream,
  deps: HandleMcpDeps,
): Promise<Reply | undefined> {
  if (message.kind !== 'request') {
    hear(message, inbound, context, deps);
    return undefined;
  }
  try {
    return await route(message, inbound, context, stream, deps);
  } catch (error) {
    const failure = asGatewayError(error, context.exchange, deps);
    deps.onRefused(failure.code);
    return errorReply(failure, message, inbound);
  }
}

function route(
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  stream: ReplyStream,
  deps: HandleMcpDeps,
): Promise<Reply | undefined> {
  switch (request.method) {
    case 'tools/list':
    case 'prompts/list':
    case 'resources/list':
    case 'resources/templates/list':
      return list(request, inbound, context, deps);
    case 'initialize':
      if (inbound.era === 'modern') break;
      return describe(request, initializeRevision(request), inbound, context, deps);
    case 'server/discover':
      if (inbound.era === 'legacy') break;
      return describe(request, LATEST_MODERN, inbound, context, deps);
    case 'ping':
      if (inbound.era === 'modern') break;
      return empty(request);
    case 'logging/setLevel':
      if (inbound.era === 'modern') break;
      setLevel(request, inbound, deps);
      return empty(request);
    case 'resources/subscribe':
      if (inbound.era === 'modern') break;
      return subscribe(request, inbound, context, deps).then(() => empty(request));
    case 'resources/unsubscribe':
      if (inbound.era === 'modern') break;
      unsubscribe(request, inbound, deps);
      return empty(request);
    default:
  }
  return callUpstream(request, inbound, context, stream, deps);
}

async function list(
  request: RpcRequest,
  inbound: Inbound,
  { visibility }: McpContext,
  { mcp }: HandleMcpDeps,
): Promise<Reply> {
  const cursor = request.params?.slice('cursor')?.[0];
  // `null` stands for none: some clients write members that they leave out.
  if (cursor !== undefined && cursor !== 0x6e)
    throw new GatewayError('rpc-params', { reason: 'this list has one page and no cursor' });
  const kind = LISTS[request.method as keyof typeof LISTS];
  return {
    status: 200,
    message: resultParts(request.idBytes, await mcp.list(visibility, kind, inbound.era)),
  };
}

async function describe(
  request: RpcRequest,
  revision: string,
  inbound: Inbound,
  { visibility, scopeName }: McpContext,
  { mcp }: HandleMcpDeps,
): Promise<Reply> {
  const result = await mcp.describe(visibility, inbound.era, revision, scopeName);
  return { status: 200, message: resultMessage(request.idBytes, result) };
}

function empty(request: RpcRequest): Promise<Reply> {
  return Promise.resolve({ status: 200, message: resultMessage(request.idBytes, EMPTY) });
}
