import type { CallEnd, CallStart } from '../store/store-ports.ts';
import { cleanText } from './spool-record.ts';

/** A record on its way to the disk and to the store, with its JSON text, which is made once. */
export type WrittenRecord = WrittenStart | WrittenEnd;

/** The record of a call's start. Its text is no field of its own, so that the record itself stays what the text says. */
export class WrittenStart {
  readonly phase = 'received';
  readonly writer: string;
  readonly seq: number;
  readonly start: CallStart;
  readonly #line: string;

  constructor(writer: string, seq: number, start: CallStart, line: string) {
    this.writer = writer;
    this.seq = seq;
    this.start = start;
    this.#line = line;
  }

  get line(): string {
    return this.#line;
  }
}

/** The record of a call's end. */
export class WrittenEnd {
  readonly phase = 'ended';
  readonly writer: string;
  readonly seq: number;
  readonly end: CallEnd;
  readonly #line: string;

  constructor(writer: string, seq: number, end: CallEnd, line: string) {
    this.writer = writer;
    this.seq = seq;
    this.end = end;
    this.#line = line;
  }

  get line(): string {
    return this.#line;
  }
}

/** What is the same for most calls of one client to one tool, as the caller wrote it, cleaned, and as JSON. */
interface Kind {
  readonly given: CallStart;
  readonly cleaned: CallStart;
  readonly json: string;
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
    this.#startHead = `{"phase":"received","writer":${JSON.stringify(writer)},"seq":`;
    this.#endHead = `{"phase":"ended","writer":${JSON.stringify(writer)},"seq":`;
  }

  /** The record of a call's start; what the caller wrote is cleaned. */
  start(seq: number, start: CallStart): WrittenStart {
    const kind = this.#kindOf(start);
    const { id, startedAt, bytesIn } = start;
    const traceId = cleanText(start.traceId);
    const line = `${this.#startHead}${seq},"start":{"id":${JSON.stringify(id)},"startedAt":${startedAt},${kind.json}"bytesIn":${bytesIn}${textField('traceId', traceId)}}}`;
    const isClean = kind.cleaned === kind.given && traceId === start.traceId;
    const kept = isClean ? start : { ...kind.cleaned, id, startedAt, bytesIn, traceId };
    return new WrittenStart(this.#writer, seq, kept, line);
  }

  /** The record of a call's end. */
  end(seq: number, end: CallEnd): WrittenEnd {
    const line = `${this.#endHead}${seq},"end":{"id":${JSON.stringify(end.id)},"endedAt":${end.endedAt},"status":"${end.status}"${textField('errorCode', end.errorCode)},"totalMs":${micros(end.totalMs)}${end.upstreamMs === undefined ? '' : `,"upstreamMs":${micros(end.upstreamMs)}`},"bytesOut":${end.bytesOut}${numberField('promptTokens', end.promptTokens)}${numberField('completionTokens', end.completionTokens)}${numberField('cost', end.cost)}}}`;
    return new WrittenEnd(this.#writer, seq, end, line);
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
  const cleaned: CallStart = { ...given, ...fields };
  return {
    given,
    cleaned: isSameKind(cleaned, given) ? given : cleaned,
    json: `${JSON.stringify(fields).slice(1, -1)},`,
  };
}

/** Whether two starts differ in nothing but their id, times, size and trace. */
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
