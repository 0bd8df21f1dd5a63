import type { Cancellation } from '../core/cancellation.ts';
import { GatewayError } from '../core/errors.ts';
import type { CallStatus } from '../ledger/ledger-ports.ts';
import type { OpenCall } from '../ledger/recorder.ts';
import {
  type CallTarget,
  type Inbound,
  type ReplyStream,
  replyMessage,
  resultMessage,
  type RpcRequest,
  toolErrorResult,
} from '../mcp/mcp-wire.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';
import { asGatewayError, isToolTrouble, type McpContext, type Reply } from './mcp-context.ts';
import { bytesOf } from './exchange.ts';
import { resolveTarget } from './resolve-target.ts';

const WENT_AWAY = 'the client went away';

interface Outcome {
  status: CallStatus;
  errorCode: string | undefined;
  upstreamMs: number | undefined;
  bytesOut: number;
}

/**
 * The way of one request that a server answers: what it stands for, the verdict, the record, the call, the answer. Whatever happens after
 * the record was made, exactly one end follows it. `undefined`: the client gave it up and wants no answer.
 */
export async function callUpstream(
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  stream: ReplyStream,
  deps: HandleMcpDeps,
): Promise<Reply | undefined> {
  const { exchange } = context;
  let target: CallTarget;
  try {
    target = await resolveTarget(request, inbound, context, deps.mcp);
  } catch (error) {
    return refuse(request, asGatewayError(error, exchange, deps), context, inbound, deps);
  }
  if (inbound.era === 'modern' && target.tool !== undefined)
    deps.mcp.checkCallHeaders(target.tool, request.params, exchange.headers); // 400
  const id = inbound.batch ? deps.newId() : exchange.requestId;
  const call = open(id, request, nameOf(request), target, context, inbound, deps);
  await deps.journal.begin(call); // 503
  const outcome: Outcome = { status: 'unknown', errorCode: undefined, upstreamMs: undefined, bytesOut: 0 };
  try {
    const answer = await sendUpstream(target, request, inbound, context, stream, outcome, deps);
    outcome.bytesOut = bytesOf(answer.message);
    call.answered?.add(answer.message);
    return answer;
  } catch (error) {
    const failure = asGatewayError(error, exchange, deps);
    outcome.status = statusOf(failure);
    outcome.errorCode = failure.code;
    if (failure.code === 'client-gone' && inbound.era === 'legacy') return undefined;
    if (target.tool === undefined || !isToolTrouble(failure)) throw failure;
    const message = resultMessage(
      request.idBytes,
      toolErrorResult(failure.message, failure.code, inbound.era),
    );
    outcome.bytesOut = message.length;
    call.answered?.add(message);
    return { status: 200, message };
  } finally {
    finish(call, outcome, context, deps);
  }
}

async function sendUpstream(
  target: CallTarget,
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  stream: ReplyStream,
  outcome: Outcome,
  deps: HandleMcpDeps,
): Promise<Reply> {
  const { exchange, principal, visibility } = context;
  const { mcp } = deps;
  const { session } = inbound;
  const startedMs = deps.clock.monotonicMs();
  const requestId = session === undefined ? '' : request.idBytes.toString('latin1');
  let mine: Cancellation | undefined;
  try {
    const step = await mcp.call(request, target, {
      inbound,
      principalId: principal.id,
      visibility,
      stream,
      headers: deps.policy.upstreamHeaders(target.server, exchange.headers),
      onStart: (cancellation) => {
        mine = cancellation;
        session?.calls.set(requestId, cancellation);
        // A legacy client that goes away has not cancelled (2025-11-25, Transports, "Sending Messages"); a modern one has.
        if (inbound.era === 'legacy') return;
        exchange.onGone(() => cancellation.cancel(WENT_AWAY));
      },
    });
    if (step.kind === 'input') {
      outcome.status = 'ok';
      return { status: 200, message: resultMessage(request.idBytes, step.result) };
    }
    const { reply } = step.reply;
    const answer = replyMessage(request.idBytes, step.reply, inbound.era, request.method, (result) =>
      mcp.expose(result, target, visibility),
    );
    outcome.status = reply.kind === 'error' ? 'error' : answer.isError ? 'tool-error' : 'ok';
    outcome.errorCode = reply.kind === 'error' ? 'upstream-error' : undefined;
    return answer;
  } finally {
    if (session !== undefined && session.calls.get(requestId) === mine) session.calls.delete(requestId);
    outcome.upstreamMs = deps.clock.monotonicMs() - startedMs;
  }
}

/** What the client calls what it asks for. */
function nameOf(request: RpcRequest): string {
  const { params } = request;
  if (request.method === 'completion/complete') {
    const ref = params?.child('ref');
    return ref?.string('name') ?? ref?.string('uri') ?? '';
  }
  return params?.string('name') ?? params?.string('uri') ?? params?.string('taskId') ?? '';
}

function open(
  id: string,
  request: RpcRequest,
  name: string,
  target: CallTarget | undefined,
  context: McpContext,
  inbound: Inbound,
  deps: HandleMcpDeps,
  denied?: string,
): OpenCall {
  const { principal, exchange } = context;
  const start = {
    id,
    startedAt: deps.clock.now(),
    kind: 'mcp' as const,
    operation: request.method,
    keyId: principal.id,
    keyAlias: principal.alias,
    user: principal.user,
    team: principal.team,
    address: deps.addressOf(exchange),
    client: inbound.session?.client ?? exchange.headers['user-agent'],
    server: target?.server,
    toolName: name,
    originalName: target?.originalName,
    model: undefined,
    decision: denied === undefined ? ('allowed' as const) : ('denied' as const),
    rule: denied ?? deps.policy.rule(principal, target?.server),
    bytesIn: request.object.bytes.length,
    traceId: traceIdOf(request),
    parentId: context.parentId,
  };
  return deps.journal.open(start, inputOf(request), request.params?.slice('arguments'));
}

/** What is asked: the parameters, with the arguments. */
function inputOf({ params }: RpcRequest): Buffer | undefined {
  return params?.bytes.subarray(params.start, params.end);
}

/**
 * Answers a request that stands for nothing here. What another key could call is recorded as denied, and looks unknown all the same; what is
 * held back says so to those who could call it otherwise.
 */
async function refuse(
  request: RpcRequest,
  failure: GatewayError,
  context: McpContext,
  inbound: Inbound,
  deps: HandleMcpDeps,
): Promise<Reply> {
  if (failure.code === 'rpc-method' || failure.code === 'rpc-params') throw failure;
  const { mcp } = deps;
  const name = nameOf(request);
  const isUnknown = failure.code === 'tool-unknown';
  const held = isUnknown ? mcp.heldTool(context.visibility, name) : undefined;
  const isHidden = isUnknown && held === undefined && mcp.isHidden(context.visibility, name);
  const rule =
    held !== undefined
      ? 'on_tool_change: hold'
      : isHidden
        ? 'not visible to this key'
        : `nothing of that name (${failure.code})`;
  const target = held === undefined ? undefined : mcp.toolTargets.of(held);
  const answered =
    held === undefined
      ? failure
      : new GatewayError('tool-held', { name: name.slice(0, 100), server: held.server });
  const id = deps.newId();
  const call = open(id, request, name, target, context, inbound, deps, rule);
  await deps.journal.begin(call); // 503
  const status = held !== undefined || isHidden ? 'denied' : 'error';
  const outcome: Outcome = { status, errorCode: answered.code, upstreamMs: undefined, bytesOut: 0 };
  finish(call, outcome, context, deps);
  if (!isToolTrouble(answered)) throw answered;
  const result = toolErrorResult(answered.message, answered.code, inbound.era);
  return { status: 200, message: resultMessage(request.idBytes, result) };
}

function finish(call: OpenCall, outcome: Outcome, context: McpContext, deps: HandleMcpDeps): void {
  const { status, errorCode, upstreamMs, bytesOut } = outcome;
  deps.journal.end(call, {
    id: call.start.id,
    endedAt: deps.clock.now(),
    status,
    errorCode,
    totalMs: deps.clock.monotonicMs() - context.exchange.startedMs,
    upstreamMs,
    bytesOut,
    promptTokens: undefined,
    completionTokens: undefined,
    cost: undefined,
  });
}

function statusOf(failure: GatewayError): CallStatus {
  if (failure.code === 'client-gone') return 'cancelled';
  return failure.code === 'call-timeout' ? 'timeout' : 'error';
}

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace id of `_meta.traceparent` (W3C Trace Context, section 3.2.2). */
function traceIdOf(request: RpcRequest): string | undefined {
  const traceparent = request.params?.child('_meta')?.string('traceparent');
  return traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1];
}
