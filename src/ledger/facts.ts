import { CLEAN, type LogFields } from '../telemetry/log.ts';
import type { CallEnd, CallStart } from './ledger-ports.ts';

/**
 * The log fields of a finished call: one event a call, with what the ledger row has, so that both can be joined by `call`. Times in
 * milliseconds with microseconds; what is unknown is left out. `overheadMs` is the gateway's own share. Both as a Recorder gives them: printable, bounded and without secrets.
 */
export function callFields(start: CallStart, end: CallEnd): LogFields {
  const { totalMs, upstreamMs } = end;
  return {
    [CLEAN]: true,
    call: start.id,
    cause: start.parentId,
    kind: start.kind,
    operation: start.operation,
    keyId: start.keyId,
    key: start.keyAlias,
    user: start.user,
    team: start.team,
    address: start.address,
    client: start.client,
    server: start.server,
    tool: start.toolName,
    originalTool: start.originalName === start.toolName ? undefined : start.originalName,
    model: start.model,
    decision: start.decision,
    rule: start.rule,
    status: end.status,
    error: end.errorCode,
    totalMs: micros(totalMs),
    upstreamMs: micros(upstreamMs),
    overheadMs: upstreamMs === undefined ? undefined : micros(Math.max(0, totalMs - upstreamMs)),
    bytesIn: start.bytesIn,
    bytesOut: end.bytesOut,
    promptTokens: end.promptTokens,
    completionTokens: end.completionTokens,
    cost: end.cost,
    deployment: end.deployment,
    attempts: end.attempts,
    tokensEstimated: end.tokensEstimated,
    trace: start.traceId,
  };
}

function micros(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1_000) / 1_000;
}
