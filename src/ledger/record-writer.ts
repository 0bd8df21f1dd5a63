import type { CallEnd, CallStart } from '../store/call-records.ts';
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

/** What is the same for most calls of one client to one tool: a start as it was given, and those fields as JSON. */
interface Kind {
  readonly given: CallStart;
  readonly json: string;
}

/** How a line begins, up to the sequence number. */
export function lineHead(phase: DraftRecord['phase'], writer: string): string {
  return `{"phase":"${phase}","writer":${JSON.stringify(writer)},"seq":`;
}

/** Kinds that are remembered; when there are more, all are forgotten. */
const KINDS_MAX = 1_000;

/** Makes the records of one writer. */
export class RecordWriter {
  readonly #writer: string;
  readonly #startHead: string;
  readonly #endHead: string;
  readonly #kinds = new Map<string, Kind>();

  constructor(writer: string) {
    this.#writer = writer;
    this.#startHead = lineHead('received', writer);
    this.#endHead = lineHead('ended', writer);
  }

  /** The record of a call's start; what the caller wrote is cleaned. */
  start(seq: number, start: CallStart): DraftRecord {
    const { id, startedAt, bytesIn, traceId, parentId } = start;
    const line = `${this.#startHead}${seq},"start":{"id":${JSON.stringify(id)},"startedAt":${number(startedAt)},${this.#kindOf(start).json}"bytesIn":${number(bytesIn)}${textField('traceId', cleanText(traceId))}${textField('parentId', parentId)}${textField('digest', start.digest)}${textField('endUser', cleanText(start.endUser))}${textField('session', cleanText(start.session))}${textField('tags', start.tags)}}}`;
    return { phase: 'received', writer: this.#writer, seq, id, line };
  }

  /** The record of a call's end. */
  end(seq: number, end: CallEnd): DraftRecord {
    const { id, endedAt, upstreamMs } = end;
    const line = `${this.#endHead}${seq},"end":{"id":${JSON.stringify(id)},"endedAt":${number(endedAt)},"status":"${end.status}"${textField('errorCode', end.errorCode)},"totalMs":${micros(end.totalMs)}${upstreamMs === undefined ? '' : `,"upstreamMs":${micros(upstreamMs)}`},"bytesOut":${number(end.bytesOut)}${numberField('promptTokens', end.promptTokens)}${numberField('completionTokens', end.completionTokens)}${numberField('cost', end.cost)}${textField('deployment', cleanText(end.deployment))}${numberField('attempts', end.attempts)}${end.tokensEstimated === true ? ',"tokensEstimated":true' : ''}${end.firstMs === undefined ? '' : `,"firstMs":${micros(end.firstMs)}`}${textField('details', end.details)}}}`;
    return { phase: 'ended', writer: this.#writer, seq, id, line };
  }

  #kindOf(start: CallStart): Kind {
    const name = start.toolName ?? start.operation;
    const known = this.#kinds.get(name);
    if (known !== undefined && isSameKind(known.given, start)) return known;
    const kind = kindOf(start);
    if (this.#kinds.size >= KINDS_MAX) this.#kinds.clear();
    this.#kinds.set(name, kind);
    return kind;
  }
}

function kindOf(given: CallStart): Kind {
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
  return { given, json: `${JSON.stringify(fields).slice(1, -1)},` };
}

/** Whether two starts differ in nothing but their id, times, size, trace and cause. */
function isSameKind(a: CallStart, b: CallStart): boolean {
  return (
    a.toolName === b.toolName &&
    a.keyId === b.keyId &&
    a.client === b.client &&
    a.address === b.address &&
    a.server === b.server &&
    a.originalName === b.originalName &&
    a.rule === b.rule &&
    a.decision === b.decision &&
    a.kind === b.kind &&
    a.operation === b.operation &&
    a.keyAlias === b.keyAlias &&
    a.user === b.user &&
    a.team === b.team &&
    a.model === b.model
  );
}

function textField(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`;
}

function numberField(name: string, value: number | undefined): string {
  return value === undefined ? '' : `,"${name}":${number(value)}`;
}

/** Milliseconds with three digits after the point: more says nothing about a call, and costs twice the bytes. */
function micros(ms: number): string {
  return number(Math.round(ms * 1_000) / 1_000);
}

/** JSON has no NaN and no infinity. */
function number(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null';
}
