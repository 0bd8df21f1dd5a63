import type { CallEnd, CallStart, LedgerRecord, RecordJson } from '../store/call-records.ts';
import { type DraftRecord, lineHead } from './record-writer.ts';
import { jsonOf } from '../store/record-json.ts';
import { parseRecord } from './spool-record.ts';

/**
 * A record that waits for the store. It is kept as the bytes that went to the disk, many records in one buffer, and not as objects and
 * strings: thousands of those that live for a moment are what a garbage collector is worst at. What it says is read when it is wanted.
 */
export class SpooledRecord<Phase extends 'received' | 'ended' = 'received' | 'ended'> implements RecordJson {
  readonly phase: Phase;
  readonly writer: string;
  readonly seq: number;
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
  /** In hexadecimal; set when it is linked into the chain of its writer. */
  hash: string | undefined;

  constructor(phase: Phase, writer: string, seq: number, bytes: Buffer, from: number, to: number) {
    this.phase = phase;
    this.writer = writer;
    this.seq = seq;
    this.bytes = bytes;
    this.from = from;
    this.to = to;
  }

  get id(): string {
    const start = this.bytes.indexOf(ID, this.from) + ID.length;
    const id = this.bytes.toString('latin1', start, this.bytes.indexOf(QUOTE, start));
    if (PLAIN.test(id)) return id;
    return this.phase === 'received' ? this.start.id : this.end.id;
  }

  get at(): number {
    const start = this.bytes.indexOf(AT, this.from) + AT.length;
    return Number.parseInt(this.bytes.toString('latin1', start, start + AT_DIGITS_MAX), 10);
  }

  get fieldsFrom(): number {
    return this.bytes.indexOf(ID, this.from) + FIELDS_IN_ID;
  }

  /** Each line that RecordWriter makes ends with the two braces of what it says and of itself. */
  get fieldsTo(): number {
    return this.to - 2;
  }

  get start(): CallStart {
    return (this.toJSON() as Extract<LedgerRecord, { phase: 'received' }>).start;
  }

  get end(): CallEnd {
    return (this.toJSON() as Extract<LedgerRecord, { phase: 'ended' }>).end;
  }

  get line(): string {
    return this.bytes.toString('utf8', this.from, this.to);
  }

  toJSON(): LedgerRecord {
    return JSON.parse(this.line) as LedgerRecord;
  }
}

/** What stands before the call's id, and before the moment of its start or end, in each line that RecordWriter makes. */
const ID = Buffer.from(':{"id":"');
const AT = Buffer.from('edAt":');
/** What comes before the fields in ID: the colon and the brace. */
const FIELDS_IN_ID = 2;
const AT_DIGITS_MAX = 16;
const QUOTE = 0x22;
/** Needs nothing escaped in JSON, and is the same in every encoding. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A record that is on no disk. */
export function unspooledRecord({ phase, writer, seq, line }: DraftRecord): SpooledRecord {
  const bytes = Buffer.from(line);
  return new SpooledRecord(phase, writer, seq, bytes, 0, bytes.length);
}

/** Records as they were written: `bytes` holds their lines one after the other, each with its line feed. */
export class WrittenGroup {
  readonly #drafts: readonly DraftRecord[];
  readonly #bytes: Buffer;
  readonly #isAscii: boolean;

  constructor(drafts: readonly DraftRecord[], bytes: Buffer, isAscii: boolean) {
    this.#drafts = drafts;
    this.#bytes = bytes;
    this.#isAscii = isAscii;
  }

  get size(): number {
    return this.#drafts.length;
  }

  /** How many of them are starts. */
  get starts(): number {
    let starts = 0;
    for (const { phase } of this.#drafts) if (phase === 'received') starts++;
    return starts;
  }

  /** Puts the first `max` of them into `queue`. */
  queue(queue: SpooledRecord[], max: number): void {
    let from = 0;
    for (let at = 0; at < Math.min(max, this.#drafts.length); at++) {
      const { phase, writer, seq, line } = this.#drafts[at]!;
      const to = from + (this.#isAscii ? line.length : Buffer.byteLength(line));
      queue.push(new SpooledRecord(phase, writer, seq, this.#bytes, from, to));
      from = to + 1;
    }
  }
}

/** Reads the records in lines of the spool. Of one's own lines, which the disk has acknowledged, the beginning and the end are enough. */
export class RecordReader {
  readonly #writer: string;
  readonly #starts: Buffer;
  readonly #ends: Buffer;

  /** `writer`: whose lines are one's own. */
  constructor(writer: string) {
    this.#writer = writer;
    this.#starts = Buffer.from(lineHead('received', writer));
    this.#ends = Buffer.from(lineHead('ended', writer));
  }

  /** `undefined` when the line does not hold a record whole. */
  read(bytes: Buffer, from: number, to: number): SpooledRecord | undefined {
    if (bytes[to - 1] === BRACE && bytes[to - 2] === BRACE) {
      const start = numberAfter(this.#starts, bytes, from);
      if (start > 0) return new SpooledRecord('received', this.#writer, start, bytes, from, to);
      const end = numberAfter(this.#ends, bytes, from);
      if (end > 0) return new SpooledRecord('ended', this.#writer, end, bytes, from, to);
    }
    return readRecord(bytes, from, to);
  }
}

/** The record in a line, or `undefined` when the line does not hold one whole. A line that RecordWriter would have written otherwise is made anew. */
export function readRecord(bytes: Buffer, from: number, to: number): SpooledRecord | undefined {
  const record = parseRecord(bytes.toString('utf8', from, to));
  if (record === undefined) return undefined;
  const { phase, writer, seq } = record;
  const head = Buffer.from(`${lineHead(phase, writer)}${seq},"${phase === 'received' ? 'start' : 'end'}"`);
  const isAsWritten =
    bytes[to - 1] === BRACE &&
    bytes[to - 2] === BRACE &&
    Object.keys(record).length === WRITTEN_FIELDS &&
    bytes.indexOf(ID, from) === from + head.length &&
    head.compare(bytes, from, from + head.length) === 0;
  if (isAsWritten) return new SpooledRecord(phase, writer, seq, bytes, from, to);
  const made = jsonOf(
    record.phase === 'received'
      ? { phase: 'received', writer, seq, start: idFirst(record.start) }
      : { phase: 'ended', writer, seq, end: idFirst(record.end) },
  );
  return new SpooledRecord(phase, writer, seq, made.bytes, made.from, made.to);
}

/** As RecordWriter puts it. */
function idFirst<Fields extends { readonly id: string }>({ id, ...rest }: Fields): Fields {
  return { id, ...rest } as Fields;
}

/** Phase, writer, sequence number, and what the record says. */
const WRITTEN_FIELDS = 4;
const BRACE = 0x7d;

/** The number that follows `head` at `from`; 0 when something else stands there. */
function numberAfter(head: Buffer, bytes: Buffer, from: number): number {
  let at = from + head.length;
  if (at >= bytes.length || head.compare(bytes, from, at) !== 0) return 0;
  let value = 0;
  for (let byte = bytes[at]; byte !== undefined && byte >= 0x30 && byte <= 0x39; byte = bytes[++at])
    value = value * 10 + (byte - 0x30);
  return value;
}
