/** One dispatched event (WHATWG HTML, "Interpreting an event stream"). `data` is valid only during the callback unless copied. */
export interface SseEvent {
  readonly event: string;
  readonly data: Buffer;
  readonly id: string | undefined;
}

export interface SseParserOptions {
  /** Bytes that one event's lines may have together. */
  readonly eventBytesMax: number;
  onEvent(event: SseEvent): void;
  onComment?(text: string): void;
  /** Reconnection time in milliseconds. */
  onRetry?(ms: number): void;
}

export class SseTooLargeError extends Error {
  constructor(max: number) {
    super(`an event has more than ${max} bytes`);
    this.name = 'SseTooLargeError';
  }
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const NEWLINE = Buffer.from('\n');

/** An incremental parser over bytes: chunks may be cut anywhere, lines may end in LF, CRLF or CR. Throws SseTooLargeError. */
export class SseParser {
  readonly #options: SseParserOptions;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #first = true;
  #skipLf = false;
  #data: Buffer[] = [];
  #dataBytes = 0;
  #event = '';
  #id: string | undefined;

  constructor(options: SseParserOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): void {
    let start = this.#skipLf && chunk[0] === LF ? 1 : 0;
    if (chunk.length > 0) this.#skipLf = false;
    let lf = next(chunk, LF, start);
    let cr = next(chunk, CR, start);
    for (let at = Math.min(lf, cr); at < chunk.length; at = Math.min(lf, cr)) {
      this.#line(this.#complete(chunk.subarray(start, at)));
      start = at + 1;
      if (at === cr) {
        if (start === chunk.length) this.#skipLf = true;
        else if (chunk[start] === LF) start++;
        cr = next(chunk, CR, start);
      }
      if (lf < start) lf = next(chunk, LF, start);
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #keep(part: Buffer): void {
    this.#restBytes += part.length;
    if (this.#restBytes + this.#dataBytes > this.#options.eventBytesMax)
      throw new SseTooLargeError(this.#options.eventBytesMax);
    this.#rest.push(Buffer.from(part));
  }

  #complete(part: Buffer): Buffer {
    if (this.#rest.length === 0) return part;
    const line = Buffer.concat([...this.#rest, part]);
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }

  #line(raw: Buffer): void {
    const line = this.#first && raw.subarray(0, 3).equals(BOM) ? raw.subarray(3) : raw;
    this.#first = false;
    if (line.length === 0) {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(COLON);
    if (colon === 0) {
      this.#options.onComment?.(line.toString('utf8', line[1] === SPACE ? 2 : 1));
      return;
    }
    const field = line.toString('latin1', 0, colon < 0 ? line.length : colon);
    const valueStart = colon < 0 ? line.length : line[colon + 1] === SPACE ? colon + 2 : colon + 1;
    const value = line.subarray(valueStart);
    switch (field) {
      case 'data':
        this.#dataBytes += value.length + 1;
        if (this.#dataBytes > this.#options.eventBytesMax)
          throw new SseTooLargeError(this.#options.eventBytesMax);
        if (this.#data.length > 0) this.#data.push(NEWLINE);
        this.#data.push(Buffer.from(value));
        return;
      case 'event':
        this.#event = value.toString('utf8');
        return;
      case 'id':
        if (!value.includes(0)) this.#id = value.toString('utf8');
        return;
      case 'retry': {
        const ms = value.toString('latin1');
        if (/^\d{1,9}$/.test(ms)) this.#options.onRetry?.(Number(ms));
        return;
      }
      default:
    }
  }

  #dispatch(): void {
    const { length } = this.#data;
    const data = length === 1 ? this.#data[0]! : Buffer.concat(this.#data);
    const event = this.#event;
    this.#data = [];
    this.#dataBytes = 0;
    this.#event = '';
    if (length > 0) this.#options.onEvent({ event: event === '' ? 'message' : event, data, id: this.#id });
  }
}

/** Where `byte` comes next; the chunk's length when it does not. */
function next(chunk: Buffer, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from);
  return at < 0 ? chunk.length : at;
}
