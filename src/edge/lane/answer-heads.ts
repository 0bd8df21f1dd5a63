import { STATUS_CODES } from 'node:http';

/** What an answer's head says about its body and the connection. */
export interface AnswerShape {
  /** `undefined`: the body comes in chunks. */
  readonly bytes: number | undefined;
  /** Whether the connection ends with it. */
  readonly last: boolean;
}

/** Never between an answer's head and its body, where a reader would take what follows for another answer. */
const NOT_IN_FIELDS = /[^\t\x20-\x7e\x80-\xff]/;

/** Looked for only when all values together have shown that there is one: one search costs less than one for each. */
function unsendable(fields: Readonly<Record<string, string>>): Error {
  const [name] = Object.entries(fields).find(([, value]) => NOT_IN_FIELDS.test(value))!;
  return new Error(`the answer's header ${name} has a character that HTTP does not allow`);
}

/** Composes the heads of answers, with the fields that the general server sets too. */
export class AnswerHeads {
  readonly #now: () => number;
  readonly #keepAlive: string;
  #second = 0;
  #date = '';

  constructor(now: () => number, keepAliveMs: number) {
    this.#now = now;
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1_000)}\r\n`;
  }

  /** The head as Latin-1 text. Throws on a field that would break it. */
  compose(status: number, fields: Readonly<Record<string, string>>, shape: AnswerShape): string {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
    let values = '';
    for (const name in fields) {
      const value = fields[name]!;
      values += value;
      head += `${name}: ${value}\r\n`;
    }
    if (NOT_IN_FIELDS.test(values)) throw unsendable(fields);
    head +=
      shape.bytes === undefined ? 'Transfer-Encoding: chunked\r\n' : `content-length: ${shape.bytes}\r\n`;
    return `${head}${this.#dateField()}${shape.last ? 'Connection: close\r\n' : this.#keepAlive}\r\n`;
  }

  #dateField(): string {
    const second = Math.floor(this.#now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = `Date: ${new Date(second * 1_000).toUTCString()}\r\n`;
    }
    return this.#date;
  }
}
