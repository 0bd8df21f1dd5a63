import type { LedgerRecord, RecordJson } from './call-records.ts';

/** The record with its JSON; made now where it is not at hand. */
export function jsonOf(record: LedgerRecord): RecordJson {
  // One of it is enough to ask for: to make out the others may cost a look into the bytes.
  if (record.bytes !== undefined) return record as RecordJson;
  const { phase, writer, seq, hash } = record;
  const [name, fields] = phase === 'received' ? ['start', record.start] : ['end', record.end];
  const at = phase === 'received' ? record.start.startedAt : record.end.endedAt;
  const head = `${JSON.stringify({ phase, writer, seq }).slice(0, -1)},"${name}":`;
  const bytes = Buffer.from(`${head}${JSON.stringify(fields)}}`);
  const to = bytes.length;
  return {
    writer,
    seq,
    hash,
    id: fields.id,
    at,
    bytes,
    from: 0,
    to,
    fieldsFrom: Buffer.byteLength(head) + 1,
    fieldsTo: to - 2,
  };
}

/** What JSON can say in ASCII, too. */
const NOT_ASCII = /[^\x20-\x7e]/g;

/** JSON texts, and what stands between them, put together without a copy as text. */
export class JsonBuilder {
  readonly #parts: (Buffer | string)[] = [];
  /** Of each part that is bytes, where it begins and ends in them. */
  readonly #bounds: number[] = [];
  #length = 0;

  /** ASCII. */
  text(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }

  /** Any text, as a JSON string. */
  string(text: string): void {
    const json = JSON.stringify(text);
    this.text(json.replaceAll(NOT_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`));
  }

  /** All of a record. */
  record({ bytes, from, to }: RecordJson): void {
    this.#add(bytes, from, to);
  }

  /** The fields of a record's start or end, without the braces around them. */
  fields({ bytes, fieldsFrom, fieldsTo }: RecordJson): void {
    this.#add(bytes, fieldsFrom, fieldsTo);
  }

  build(): Buffer {
    const whole = Buffer.allocUnsafe(this.#length);
    let at = 0;
    let bound = 0;
    for (const part of this.#parts)
      at +=
        typeof part === 'string'
          ? whole.write(part, at, 'latin1')
          : part.copy(whole, at, this.#bounds[bound++], this.#bounds[bound++]);
    return whole;
  }

  #add(bytes: Buffer, from: number, to: number): void {
    this.#parts.push(bytes);
    this.#bounds.push(from, to);
    this.#length += to - from;
  }
}
