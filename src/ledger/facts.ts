import { CLEAN, type LogFields } from '../telemetry/log.ts';
import type { CallEnd, CallStart } from './ledger-ports.ts';
import { cleanText } from './spool-record.ts';

/**
 * The log fields of a finished call: one event a call, with what the ledger row has, so that both can be joined by `call`. Times in
 * milliseconds with microseconds; what is unknown is left out. `overheadMs` is the gateway's own share. Both must be without secrets (Recorder).
 */
export function callFields(start: CallStart, end: CallEnd): LogFields {
  const { totalMs, upstreamMs } = end;
  return {
    [CLEAN]: true,
    call: start.id,
    cause: start.parentId,
    kind: start.kind,
    operation: cleanText(start.operation),
    keyId: start.keyId,
    key: start.keyAlias,
    user: start.user,
    team: start.team,
    address: cleanText(start.address),
    client: cleanText(start.client),
    server: cleanText(start.server),
    tool: cleanText(start.toolName),
    originalTool: start.originalName === start.toolName ? undefined : cleanText(start.originalName),
    model: cleanText(start.model),
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
    deployment: cleanText(end.deployment),
    attempts: end.attempts,
    tokensEstimated: end.tokensEstimated,
    trace: cleanText(start.traceId),
  };
}

function micros(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1_000) / 1_000;
}
