import type { LedgerRecord, RecordJson } from './call-records.ts';

/** The record as JSON; made now where it is not at hand. */
export function jsonOf(record: LedgerRecord): RecordJson {
  // One of it is enough to ask for: to make out the others may cost a look into the bytes.
  if (record.bytes !== undefined) return record as RecordJson;
  const made = Buffer.from(JSON.stringify(record));
  const whole = { bytes: made, from: 0, to: made.length };
  return record.phase === 'received'
    ? { id: record.start.id, at: record.start.startedAt, ...whole }
    : { id: record.end.id, at: record.end.endedAt, ...whole };
}

/** JSON texts, and what stands between them, put together without a copy as text. */
export class JsonBuilder {
  readonly #parts: (RecordJson | number | string)[] = [];
  #length = 0;

  /** A single byte. */
  byte(code: number): void {
    this.#parts.push(code);
    this.#length++;
  }

  /** ASCII. */
  text(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }

  json(json: RecordJson): void {
    this.#parts.push(json);
    this.#length += json.to - json.from;
  }

  build(): Buffer {
    const whole = Buffer.allocUnsafe(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      if (typeof part === 'number') whole[at++] = part;
      else if (typeof part === 'string') at += whole.write(part, at, 'latin1');
      else at += part.bytes.copy(whole, at, part.from, part.to);
    }
    return whole;
  }
}
