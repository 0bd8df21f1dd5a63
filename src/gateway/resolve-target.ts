import { GatewayError } from '../core/errors.ts';
import type { Mcp } from '../mcp/mcp.ts';
import {
  type CallTarget,
  completionTarget,
  type Inbound,
  namedTarget,
  type RpcRequest,
  unknownTarget,
} from '../mcp/mcp-wire.ts';
import type { McpContext } from './mcp-context.ts';

const NAME_CHARACTERS_SHOWN = 100;
const URI_CHARACTERS_SHOWN = 300;

/** Methods that a stateless client no longer has; a server may still know them, and is not asked (2026-07-28, "Changes"). */
const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/list',
  'tasks/result',
]);

/**
 * What a request stands for: the server and its own name of what is asked for. Throws the documented error, or rejects with it, when it
 * is nothing here.
 */
export function resolveTarget(
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  mcp: Mcp,
): CallTarget | Promise<CallTarget> {
  switch (request.method) {
    case 'tools/call':
      return toolOf(text(request, 'name'), context, mcp);
    case 'prompts/get':
      return promptOf(text(request, 'name'), context, mcp);
    case 'resources/read':
      return resourceOf(text(request, 'uri'), context, mcp);
    case 'completion/complete':
      return completionOf(request, context, mcp);
    case 'tasks/get':
    case 'tasks/result':
    case 'tasks/cancel':
    case 'tasks/update':
      return taskOf(request, inbound, context, mcp);
    default:
      return otherOf(request, inbound, context, mcp);
  }
}

/** A member of params that must be a string. */
export function text(request: RpcRequest, member: string): string {
  const value = request.params?.string(member);
  if (value === undefined)
    throw new GatewayError('rpc-params', { reason: `params.${member} must be a string` });
  return value;
}

/** Nearly always it is there: then nothing is waited for. */
function toolOf(name: string, { visibility }: McpContext, mcp: Mcp): CallTarget | Promise<CallTarget> {
  const resolved = mcp.view(visibility).tool(name);
  if (resolved.kind === 'found') return mcp.toolTargets.of(resolved.item);
  return toolSeenLate(name, visibility, mcp);
}

async function toolSeenLate(
  name: string,
  visibility: McpContext['visibility'],
  mcp: Mcp,
): Promise<CallTarget> {
  const view = await mcp.viewWith(visibility, (one) => one.tool(name).kind === 'unknown');
  const resolved = view.tool(name);
  if (resolved.kind === 'found') return mcp.toolTargets.of(resolved.item);
  const shown = name.slice(0, NAME_CHARACTERS_SHOWN);
  throw resolved.kind === 'ambiguous'
    ? new GatewayError('tool-ambiguous', { name: shown, candidates: resolved.candidates.join(', ') })
    : new GatewayError('tool-unknown', { name: shown });
}

async function promptOf(name: string, { visibility }: McpContext, mcp: Mcp): Promise<CallTarget> {
  const view = await mcp.viewWith(visibility, (one) => one.prompt(name).kind === 'unknown');
  const resolved = view.prompt(name);
  if (resolved.kind === 'found')
    return namedTarget(resolved.item.server, 'prompts/get', 'name', resolved.item.originalName, true);
  const shown = name.slice(0, NAME_CHARACTERS_SHOWN);
  throw resolved.kind === 'ambiguous'
    ? new GatewayError('prompt-ambiguous', { name: shown, candidates: resolved.candidates.join(', ') })
    : new GatewayError('prompt-unknown', { name: shown });
}

async function resourceOf(uri: string, { visibility }: McpContext, mcp: Mcp): Promise<CallTarget> {
  const view = await mcp.viewWith(visibility, (one) => one.resource(uri) === undefined);
  const found = view.resource(uri);
  if (found === undefined) throw unknownResource(uri);
  return namedTarget(found.server, 'resources/read', 'uri', found.uri, true);
}

export function unknownResource(uri: string): GatewayError {
  const shown = uri.slice(0, URI_CHARACTERS_SHOWN);
  return new GatewayError('resource-unknown', { uri: shown }, { data: { uri: shown } });
}

async function completionOf(request: RpcRequest, context: McpContext, mcp: Mcp): Promise<CallTarget> {
  const ref = request.params?.child('ref');
  const type = ref?.string('type');
  if (type === 'ref/prompt') {
    const { server, originalName } = await promptOf(ref?.string('name') ?? '', context, mcp);
    return completionTarget(server, Buffer.from(JSON.stringify({ type, name: originalName })), originalName!);
  }
  if (type === 'ref/resource') {
    const uri = ref?.string('uri') ?? '';
    const view = await mcp.viewWith(context.visibility, (one) => one.template(uri) === undefined);
    const found = view.template(uri) ?? view.resource(uri);
    if (found === undefined) throw unknownResource(uri);
    return completionTarget(found.server, Buffer.from(JSON.stringify({ type, uri: found.uri })), found.uri);
  }
  throw new GatewayError('rpc-params', { reason: 'params.ref.type must be "ref/prompt" or "ref/resource"' });
}

/** A task goes to the server that works on it, and to clients of its own era alone: the two have different tasks. */
function taskOf(request: RpcRequest, inbound: Inbound, context: McpContext, mcp: Mcp): CallTarget {
  if (inbound.era === 'modern' && REMOVED.has(request.method)) throw unknownMethod(request);
  const taskId = text(request, 'taskId');
  const [server, other] = mcp.tasks
    .serversOf(taskId, context.principal.id, context.visibility.servers)
    .filter((name) => mcp.eraOf(name) === inbound.era);
  if (other !== undefined)
    throw new GatewayError('rpc-params', {
      reason: `servers "${server}" and "${other}" both have a task of this id; ask at /{server}/mcp`,
    });
  if (server === undefined)
    throw new GatewayError('task-unknown', { id: taskId.slice(0, NAME_CHARACTERS_SHOWN) });
  return namedTarget(server, request.method, 'taskId', taskId, request.method !== 'tasks/update');
}

/** A method that the gateway knows nothing of is for the only server in scope, when that speaks the client's era. */
function otherOf(request: RpcRequest, inbound: Inbound, context: McpContext, mcp: Mcp): CallTarget {
  const [only, second] = context.visibility.servers;
  const isRemoved = inbound.era === 'modern' && REMOVED.has(request.method);
  if (only === undefined || second !== undefined || isRemoved || mcp.eraOf(only) !== inbound.era)
    throw unknownMethod(request);
  if (request.method === 'tasks/list') throw unknownMethod(request);
  return unknownTarget(only, request.method);
}

function unknownMethod(request: RpcRequest): GatewayError {
  return new GatewayError('rpc-method', { method: request.method.slice(0, NAME_CHARACTERS_SHOWN) });
}
