import type { CallEnd, CallStart } from '../store/call-records.ts';
import { CallKinds } from './call-kinds.ts';
import { microsField, number, numberField, textField } from './json-fields.ts';
import { cleanText } from './spool-record.ts';

/** A record that is not on the disk yet: its line, and of what it says, the little that is always needed. */
export interface DraftRecord {
  readonly phase: 'received' | 'ended';
  readonly writer: string;
  readonly seq: number;
  /** Of the call. */
  readonly id: string;
  /** As JSON, without the line feed. */
  readonly line: string;
}

/** How a line begins, up to the sequence number. */
export function lineHead(phase: DraftRecord['phase'], writer: string): string {
  return `{"phase":"${phase}","writer":${JSON.stringify(writer)},"seq":`;
}

/** Makes the records of one writer. */
export class RecordWriter {
  readonly #writer: string;
  readonly #startHead: string;
  readonly #endHead: string;
  readonly #kinds = new CallKinds(kindJson);

  constructor(writer: string) {
    this.#writer = writer;
    this.#startHead = lineHead('received', writer);
    this.#endHead = lineHead('ended', writer);
  }

  /** The record of a call's start; what the caller wrote is cleaned. */
  start(seq: number, start: CallStart): DraftRecord {
    const { id, startedAt, bytesIn, traceId, parentId } = start;
    const line = `${this.#startHead}${seq},"start":{"id":${JSON.stringify(id)},"startedAt":${number(startedAt)},${this.#kinds.textOf(start)}"bytesIn":${number(bytesIn)}${textField('traceId', cleanText(traceId))}${textField('parentId', parentId)}${textField('digest', start.digest)}${textField('endUser', cleanText(start.endUser))}${textField('session', cleanText(start.session))}${textField('tags', start.tags)}}}`;
    return { phase: 'received', writer: this.#writer, seq, id, line };
  }

  /** The record of a call's end. */
  end(seq: number, end: CallEnd): DraftRecord {
    const { id, endedAt } = end;
    const line = `${this.#endHead}${seq},"end":{"id":${JSON.stringify(id)},"endedAt":${number(endedAt)},"status":"${end.status}"${textField('errorCode', end.errorCode)}${microsField('totalMs', end.totalMs)}${microsField('upstreamMs', end.upstreamMs)},"bytesOut":${number(end.bytesOut)}${numberField('promptTokens', end.promptTokens)}${numberField('completionTokens', end.completionTokens)}${numberField('cost', end.cost)}${textField('deployment', cleanText(end.deployment))}${numberField('attempts', end.attempts)}${end.tokensEstimated === true ? ',"tokensEstimated":true' : ''}${microsField('firstMs', end.firstMs)}${textField('details', end.details)}}}`;
    return { phase: 'ended', writer: this.#writer, seq, id, line };
  }
}

function kindJson(given: CallStart): string {
  const fields = {
    kind: given.kind,
    operation: cleanText(given.operation),
    keyId: given.keyId,
    keyAlias: given.keyAlias,
    user: given.user,
    team: given.team,
    address: cleanText(given.address),
    client: cleanText(given.client),
    server: cleanText(given.server),
    toolName: cleanText(given.toolName),
    originalName: cleanText(given.originalName),
    model: cleanText(given.model),
    decision: given.decision,
    rule: given.rule,
  };
  return `${JSON.stringify(fields).slice(1, -1)},`;
}
