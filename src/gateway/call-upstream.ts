import type { Cancellation } from '../core/cancellation.ts';
import { GatewayError } from '../core/errors.ts';
import { type Span, traceIdOf } from '../core/trace.ts';
import type { CallEnd, CallStatus } from '../ledger/ledger-ports.ts';
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
import { asGatewayError, errorReply, isToolTrouble, type McpContext, type Reply } from './mcp-context.ts';
import { endCallSpan, errorTypeOf, startMcpSpan, startUpstreamSpan } from './call-trace.ts';
import { bytesOf } from './exchange.ts';
import { admitTool, limitReached, settleTool } from './limit-mcp.ts';
import { giveUp } from './limit-text.ts';
import { resolveTarget } from './resolve-target.ts';

const WENT_AWAY = 'the client went away';

interface Outcome {
  status: CallStatus;
  errorCode: string | undefined;
  upstreamMs: number | undefined;
  bytesOut: number;
  /** Whether the server asked something instead of answering. */
  isAsked: boolean;
  /** US dollars. */
  cost: number | undefined;
}

/**
 * The way of one request that a server answers: what it stands for, the verdict, the record, the call, the answer. Whatever happens after
 * the record was made, exactly one end follows it, and failures are answered. Rejects with GatewayError when it did not become a call.
 * `undefined`: the client gave it up and wants no answer.
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
    const found = resolveTarget(request, inbound, context, deps.mcp);
    target = found instanceof Promise ? await found : found;
  } catch (error) {
    return refuse(request, asGatewayError(error, exchange, deps), context, inbound, deps);
  }
  if (inbound.era === 'modern' && target.tool !== undefined && context.isMadeHere !== true)
    deps.mcp.checkCallHeaders(target.tool, request.params, exchange.headers); // 400
  const id = inbound.batch ? deps.newId() : exchange.requestId;
  const span = spanOf(id, request, target, context, inbound, deps);
  const verdict = admitTool(target, context, deps);
  const admission = verdict instanceof Promise ? await verdict : verdict;
  const denied = admission.kind === 'refused' && !admission.isGone ? admission.rule : undefined;
  const call = open(id, request, span, target, context, inbound, deps, denied);
  try {
    await deps.journal.begin(call); // 503
  } catch (error) {
    giveUp(admission, error);
  }
  const outcome = newOutcome('unknown', undefined);
  try {
    if (admission.kind === 'refused') throw limitReached(admission, outcome);
    const answer = await sendUpstream(target, request, inbound, context, stream, span, outcome, deps);
    outcome.bytesOut = bytesOf(answer.message);
    call.answered?.add(answer.message);
    return answer;
  } catch (error) {
    const failure = asGatewayError(error, exchange, deps);
    if (failure.code === 'client-gone' && inbound.era === 'legacy') return undefined;
    if (target.tool === undefined || !isToolTrouble(failure)) return errorReply(failure, request, inbound);
    const message = resultMessage(
      request.idBytes,
      toolErrorResult(failure.message, failure.code, inbound.era),
    );
    outcome.bytesOut = message.length;
    call.answered?.add(message);
    return { status: 200, message, failure };
  } finally {
    // Settled and recorded in one step: see `Runs.position`.
    if (admission.kind === 'admitted') outcome.cost = settleTool(admission, target, outcome, deps);
    finish(call, span, outcome, context, deps);
  }
}

function newOutcome(status: CallStatus, errorCode: string | undefined): Outcome {
  return { status, errorCode, upstreamMs: undefined, bytesOut: 0, isAsked: false, cost: undefined };
}

async function sendUpstream(
  target: CallTarget,
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  stream: ReplyStream,
  span: Span,
  outcome: Outcome,
  deps: HandleMcpDeps,
): Promise<Reply> {
  const { exchange, principal, visibility } = context;
  const { mcp } = deps;
  const { session } = inbound;
  const startedMs = deps.clock.monotonicMs();
  const requestId = session === undefined ? '' : request.idBytes.toString('latin1');
  const leg = startUpstreamSpan(deps.tracer, target, span.context);
  let mine: Cancellation | undefined;
  try {
    const step = await mcp.call(request, target, {
      inbound,
      principalId: principal.id,
      visibility,
      stream,
      headers: deps.policy.upstreamHeaders(target.server, exchange.headers),
      trace: leg.context,
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
      outcome.isAsked = true;
      return { status: 200, message: resultMessage(request.idBytes, step.result) };
    }
    const { reply } = step.reply;
    const answer = replyMessage(request.idBytes, step.reply, inbound.era, request.method, (result) =>
      mcp.expose(result, target, visibility),
    );
    outcome.status = reply.kind === 'error' ? 'error' : answer.isError ? 'tool-error' : 'ok';
    outcome.errorCode = reply.kind === 'error' ? 'upstream-error' : undefined;
    return answer;
  } catch (error) {
    const failure = asGatewayError(error, exchange, deps);
    outcome.status = statusOf(failure);
    outcome.errorCode = failure.code;
    throw failure;
  } finally {
    if (session !== undefined && session.calls.get(requestId) === mine) session.calls.delete(requestId);
    outcome.upstreamMs = deps.clock.monotonicMs() - startedMs;
    leg.end(errorTypeOf(outcome));
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

function spanOf(
  id: string,
  request: RpcRequest,
  target: CallTarget | undefined,
  { exchange, trace }: McpContext,
  inbound: Inbound,
  { tracer }: HandleMcpDeps,
): Span {
  return startMcpSpan(tracer, {
    id,
    request,
    name: nameOf(request),
    target,
    inbound,
    exchange,
    cause: trace,
  });
}

function open(
  id: string,
  request: RpcRequest,
  span: Span,
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
    toolName: nameOf(request),
    originalName: target?.originalName,
    model: undefined,
    decision: denied === undefined ? ('allowed' as const) : ('denied' as const),
    rule: denied ?? deps.policy.rule(principal, target?.server),
    bytesIn: request.object.bytes.length,
    traceId: traceIdOf(span.context),
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
  const span = spanOf(id, request, target, context, inbound, deps);
  const call = open(id, request, span, target, context, inbound, deps, rule);
  await deps.journal.begin(call); // 503
  const status = held !== undefined || isHidden ? 'denied' : 'error';
  const outcome = newOutcome(status, answered.code);
  finish(call, span, outcome, context, deps);
  if (context.isMadeHere === true || !isToolTrouble(answered)) throw answered;
  deps.onRefused(answered.code);
  const result = toolErrorResult(answered.message, answered.code, inbound.era);
  return { status: 200, message: resultMessage(request.idBytes, result) };
}

function finish(
  call: OpenCall,
  span: Span,
  outcome: Outcome,
  context: McpContext,
  deps: HandleMcpDeps,
): void {
  const { status, errorCode, upstreamMs, bytesOut, cost } = outcome;
  const end: CallEnd = {
    id: call.start.id,
    endedAt: deps.clock.now(),
    status,
    errorCode,
    totalMs: deps.clock.monotonicMs() - context.exchange.startedMs,
    upstreamMs,
    bytesOut,
    promptTokens: undefined,
    completionTokens: undefined,
    cost,
  };
  deps.journal.end(call, end);
  endCallSpan(deps.tracer, span, end);
}

function statusOf(failure: GatewayError): CallStatus {
  if (failure.code === 'client-gone') return 'cancelled';
  return failure.code === 'call-timeout' ? 'timeout' : 'error';
}
