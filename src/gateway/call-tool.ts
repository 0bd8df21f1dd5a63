import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { CallStatus, Ledger } from '../ledger/ledger-ports.ts';
import type { Mcp } from '../mcp/mcp.ts';
import {
  type Inbound,
  type RpcReply,
  type RpcRequest,
  replyMessage,
  resultMessage,
  toolErrorResult,
} from '../mcp/mcp-wire.ts';
import type { ToolEntry } from '../mcp/mcp-view.ts';
import type { McpPolicy } from '../policy/visibility.ts';
import type { Log } from '../telemetry/log.ts';
import type { Exchange } from './exchange.ts';
import { asGatewayError, isToolTrouble, type McpContext, type Reply } from './mcp-context.ts';

export interface CallDeps {
  readonly mcp: Mcp;
  readonly policy: McpPolicy;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly clock: Clock;
  /** The client's address, as far as proxies in between are trusted. */
  readonly addressOf: (exchange: Exchange) => string;
  /** A new UUID version 7: the id of a ledger row. */
  readonly newId: () => string;
}

interface Outcome {
  status: CallStatus;
  errorCode: string | undefined;
  upstreamMs: number | undefined;
  bytesOut: number;
}

/**
 * The way of one `tools/call`: what the name stands for, the verdict, the record, the call, the answer. Whatever happens after the
 * record was made, exactly one end follows it.
 */
export async function callTool(
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  deps: CallDeps,
): Promise<Reply> {
  const { exchange, visibility } = context;
  const name = request.params?.string('name');
  if (name === undefined) throw new GatewayError('rpc-params', { reason: 'params.name must be a string' });
  const resolved = await deps.mcp.resolve(visibility, name);
  if (resolved.kind !== 'found') return refuse(request, name, resolved, context, inbound, deps);
  const { tool } = resolved;
  if (inbound.era === 'modern') deps.mcp.checkCallHeaders(tool, request.params, exchange.headers); // 400
  const id = inbound.batch ? deps.newId() : exchange.requestId;
  await record(id, request, name, tool, context, inbound, deps); // 503
  const outcome: Outcome = { status: 'unknown', errorCode: undefined, upstreamMs: undefined, bytesOut: 0 };
  try {
    const reply = await callUpstream(tool, request, inbound, context, outcome, deps);
    const answer = replyMessage(request.idBytes, reply, inbound.era);
    outcome.status = reply.kind === 'error' ? 'error' : answer.isError ? 'tool-error' : 'ok';
    outcome.errorCode = reply.kind === 'error' ? 'upstream-error' : undefined;
    outcome.bytesOut = answer.message.length;
    return { status: answer.status, message: answer.message };
  } catch (error) {
    const failure = asGatewayError(error, exchange, deps);
    outcome.status = statusOf(failure);
    outcome.errorCode = failure.code;
    if (!isToolTrouble(failure)) throw failure;
    const message = resultMessage(
      request.idBytes,
      toolErrorResult(failure.message, failure.code, inbound.era),
    );
    outcome.bytesOut = message.length;
    return { status: 200, message };
  } finally {
    finish(id, outcome, name, tool, context, deps);
  }
}

async function callUpstream(
  tool: ToolEntry,
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  outcome: Outcome,
  deps: CallDeps,
): Promise<RpcReply> {
  const { exchange } = context;
  const startedMs = deps.clock.monotonicMs();
  try {
    return await deps.mcp.call(tool, request.params, {
      headers: deps.policy.upstreamHeaders(tool.server, exchange.headers),
      // A legacy client that goes away has not cancelled (2025-11-25, Transports, "Sending Messages"); a modern one has.
      signal: inbound.era === 'modern' ? exchange.gone : undefined,
    });
  } finally {
    outcome.upstreamMs = deps.clock.monotonicMs() - startedMs;
  }
}

function record(
  id: string,
  request: RpcRequest,
  name: string,
  tool: ToolEntry | undefined,
  context: McpContext,
  inbound: Inbound,
  deps: CallDeps,
  denied?: string,
): Promise<void> {
  const { principal, exchange } = context;
  return deps.ledger.begin({
    id,
    startedAt: deps.clock.now(),
    kind: 'mcp',
    operation: request.method,
    keyId: principal.id,
    keyAlias: principal.alias,
    user: principal.user,
    team: principal.team,
    address: deps.addressOf(exchange),
    client: inbound.session?.client ?? exchange.headers['user-agent'],
    server: tool?.server,
    toolName: name,
    originalName: tool?.originalName,
    model: undefined,
    decision: denied === undefined ? 'allowed' : 'denied',
    rule: denied ?? deps.policy.rule(principal, tool?.server),
    bytesIn: request.object.bytes.length,
    traceId: traceIdOf(request),
  });
}

/**
 * Answers a name that stands for nothing here. What another key could call is recorded as denied, and looks unknown all the same; what
 * is held back says so to those who could call it otherwise.
 */
async function refuse(
  request: RpcRequest,
  name: string,
  resolved: { kind: 'unknown' } | { kind: 'ambiguous'; candidates: readonly string[] },
  context: McpContext,
  inbound: Inbound,
  deps: CallDeps,
): Promise<Reply> {
  const held = resolved.kind === 'unknown' ? deps.mcp.heldTool(context.visibility, name) : undefined;
  const denied =
    held !== undefined || (resolved.kind === 'unknown' && deps.mcp.isHidden(context.visibility, name));
  const id = deps.newId();
  const code =
    held !== undefined ? 'tool-held' : resolved.kind === 'ambiguous' ? 'tool-ambiguous' : 'tool-unknown';
  await record(
    id,
    request,
    name,
    held,
    context,
    inbound,
    deps,
    held !== undefined
      ? 'on_tool_change: hold'
      : denied
        ? 'not visible to this key'
        : `no such tool (${resolved.kind})`,
  );
  finish(
    id,
    { status: denied ? 'denied' : 'error', errorCode: code, upstreamMs: undefined, bytesOut: 0 },
    name,
    held,
    context,
    deps,
  );
  const failure = new GatewayError(code, {
    name: name.slice(0, 100),
    server: held?.server ?? '',
    candidates: resolved.kind === 'ambiguous' ? resolved.candidates.join(', ') : '',
  });
  if (!isToolTrouble(failure)) throw failure;
  const result = toolErrorResult(failure.message, failure.code, inbound.era);
  return { status: 200, message: resultMessage(request.idBytes, result) };
}

function finish(
  id: string,
  outcome: Outcome,
  name: string,
  tool: ToolEntry | undefined,
  context: McpContext,
  deps: CallDeps,
): void {
  const totalMs = deps.clock.monotonicMs() - context.exchange.startedMs;
  const endedAt = deps.clock.now();
  const { status, errorCode, upstreamMs, bytesOut } = outcome;
  deps.ledger.end({
    id,
    endedAt,
    status,
    errorCode,
    totalMs,
    upstreamMs,
    bytesOut,
    promptTokens: undefined,
    completionTokens: undefined,
    cost: undefined,
  });
  deps.log.info('call', {
    call: id,
    request: context.exchange.requestId,
    key: context.principal.alias ?? context.principal.id,
    server: tool?.server,
    tool: name.slice(0, 200),
    status,
    error: errorCode,
    totalMs: round(totalMs),
    upstreamMs: upstreamMs === undefined ? undefined : round(upstreamMs),
    bytesOut,
  });
}

function statusOf(failure: GatewayError): CallStatus {
  if (failure.code === 'client-gone') return 'cancelled';
  return failure.code === 'call-timeout' ? 'timeout' : 'error';
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace id of `_meta.traceparent` (W3C Trace Context, section 3.2.2). */
function traceIdOf(request: RpcRequest): string | undefined {
  const traceparent = request.params?.child('_meta')?.string('traceparent');
  return traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1];
}
