import { CleanFields } from '../telemetry/log.ts';
import { CallKinds } from './call-kinds.ts';
import { microsField, numberField, textField } from './json-fields.ts';
import type { CallEnd, CallStart } from './ledger-ports.ts';

/**
 * Writes the log fields of finished calls: one event a call, with what the ledger row has, so that both can be joined by `call`. Times in
 * milliseconds with microseconds; what is unknown is left out. `overheadMs` is the gateway's own share.
 */
export class CallEvents {
  readonly #kinds = new CallKinds(kindFields);

  /** Both as a Recorder gives them: printable, bounded and without secrets. */
  fields(start: CallStart, end: CallEnd): CleanFields {
    const { totalMs, upstreamMs } = end;
    const overheadMs = upstreamMs === undefined ? undefined : Math.max(0, totalMs - upstreamMs);
    return new CleanFields(
      `"call":${JSON.stringify(start.id)}${textField('cause', start.parentId)},${this.#kinds.textOf(start)},"status":"${end.status}"${textField('error', end.errorCode)}${microsField('totalMs', totalMs)}${microsField('upstreamMs', upstreamMs)}${microsField('overheadMs', overheadMs)}${numberField('bytesIn', start.bytesIn)}${numberField('bytesOut', end.bytesOut)}${numberField('promptTokens', end.promptTokens)}${numberField('completionTokens', end.completionTokens)}${numberField('cost', end.cost)}${textField('deployment', end.deployment)}${numberField('attempts', end.attempts)}${end.tokensEstimated === true ? ',"tokensEstimated":true' : ''}${textField('trace', start.traceId)}`,
    );
  }
}

function kindFields(start: CallStart): string {
  const fields = {
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
  };
  return JSON.stringify(fields).slice(1, -1);
}
