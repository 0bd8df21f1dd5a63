/** Hears of one event of a stream; `data` is valid only during the call. `false`: the event is not passed on. */
export type EventListener = (event: string | undefined, data: Buffer) => boolean;

const LF = 0x0a;
const CR = 0x0d;
const EMPTY = Buffer.alloc(0);

/** An event with more bytes than this is refused. */
export const EVENT_BYTES_MAX = 16 * 1024 * 1024;

export class EventTooLargeError extends Error {
  constructor() {
    super(`one event has more than ${EVENT_BYTES_MAX} bytes`);
    this.name = 'EventTooLargeError';
  }
}

/**
 * Cuts a stream of server-sent events (WHATWG HTML, "Server-sent events") where events end, without changing a byte: what is passed on is always
 * whole events, so that an error can follow at any time. Chunks may be cut anywhere. Throws EventTooLargeError.
 */
export class EventTap {
  readonly #listener: EventListener;
  /** Holds the event that has begun, in its first `#length` bytes; grows by doubling, so that an event in many chunks is not copied with each. */
  #own: Buffer = EMPTY;
  #length = 0;
  /** Where the search for the end of the present event goes on. */
  #scanned = 0;
  #first = true;

  constructor(listener: EventListener) {
    this.#listener = listener;
  }

  /** Whether an event has begun and not ended. */
  get isInside(): boolean {
    return this.#length > 0;
  }

  /** The bytes up to the end of the last event that is whole; may be empty. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#length === 0 ? chunk : this.#append(chunk);
    let from = 0;
    let at = this.#scanned;
    let kept: Buffer[] | undefined;
    let keptFrom = 0;
    const hasCr = bytes.indexOf(CR) >= 0;
    for (;;) {
      const end = endOfEvent(bytes, at, from, hasCr);
      if (end < 0) break;
      if (!this.#tell(bytes, from, end, hasCr)) {
        (kept ??= []).push(bytes.subarray(keptFrom, from));
        keptFrom = end;
      }
      from = end;
      at = end;
    }
    const rest = bytes.subarray(from);
    if (rest.length > EVENT_BYTES_MAX) throw new EventTooLargeError();
    // A break at the very end may be the first half of CRLF, or of an empty line.
    this.#scanned = Math.max(0, rest.length - 3);
    if (rest.length === 0) this.#forget();
    // What was passed on before is no longer ours to write to.
    else if (from > 0 || this.#length === 0) this.#keep(rest);
    const last = bytes.subarray(keptFrom, from);
    return kept === undefined ? last : Buffer.concat([...kept, last]);
  }

  /** What came after the last whole event, told as one: some servers end without an empty line. */
  flush(): Buffer {
    const rest = this.#own.subarray(0, this.#length);
    this.#forget();
    this.#scanned = 0;
    if (rest.length === 0) return EMPTY;
    return this.#tell(rest, 0, rest.length, true) ? Buffer.concat([rest, Buffer.from('\n\n')]) : EMPTY;
  }

  #append(chunk: Buffer): Buffer {
    const length = this.#length + chunk.length;
    if (length > this.#own.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, this.#own.length * 2));
      this.#own.copy(grown, 0, 0, this.#length);
      this.#own = grown;
    }
    chunk.copy(this.#own, this.#length);
    this.#length = length;
    return this.#own.subarray(0, length);
  }

  #keep(rest: Buffer): void {
    this.#own = Buffer.from(rest);
    this.#length = rest.length;
  }

  #forget(): void {
    this.#own = EMPTY;
    this.#length = 0;
  }

  #tell(bytes: Buffer, from: number, end: number, hasCr: boolean): boolean {
    let event: string | undefined;
    let data: Buffer | undefined;
    let more: Buffer[] | undefined;
    let at = from;
    if (this.#first) {
      this.#first = false;
      if (bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) at += 3;
    }
    while (at < end) {
      const stop = endOfLine(bytes, at, end, hasCr);
      // data:
      if (bytes[at] === 0x64 && bytes[at + 1] === 0x61 && bytes[at + 2] === 0x74 && bytes[at + 3] === 0x61) {
        if (bytes[at + 4] === 0x3a) {
          const start = bytes[at + 5] === 0x20 ? at + 6 : at + 5;
          const line = bytes.subarray(Math.min(start, stop), stop);
          if (data === undefined) data = line;
          else (more ??= [data]).push(Buffer.from('\n'), line);
        }
      } else if (bytes[at] === 0x65 && bytes.toString('latin1', at, at + 6) === 'event:') {
        const start = bytes[at + 6] === 0x20 ? at + 7 : at + 6;
        event = bytes.toString('utf8', Math.min(start, stop), stop);
      }
      at = afterBreak(bytes, stop);
    }
    if (more !== undefined) data = Buffer.concat(more);
    return data === undefined || this.#listener(event, data);
  }
}

function endOfLine(bytes: Buffer, from: number, end: number, hasCr: boolean): number {
  let lf = bytes.indexOf(LF, from);
  if (lf < 0 || lf > end) lf = end;
  if (!hasCr) return lf;
  const cr = bytes.subarray(from, lf).indexOf(CR);
  return cr < 0 ? lf : from + cr;
}

function afterBreak(bytes: Buffer, at: number): number {
  return bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : at + 1;
}

/** The offset behind the empty line that ends an event, or -1. An event that has only begun at `from` may be found from `at` on. */
function endOfEvent(bytes: Buffer, at: number, from: number, hasCr: boolean): number {
  for (let i = at; i < bytes.length; ) {
    const lf = bytes.indexOf(LF, i);
    const cr = hasCr ? indexOfCr(bytes, i, lf < 0 ? bytes.length : lf) : -1;
    const end = cr >= 0 ? cr : lf;
    if (end < 0) return -1;
    const next = afterBreak(bytes, end);
    // Two breaks in a row: the second ends an empty line.
    if (next < bytes.length) {
      if (bytes[next] === LF) return next + 1;
      // The LF that may still follow a CR at the very end counts as an empty line of its own.
      if (bytes[next] === CR) return afterBreak(bytes, next);
    }
    // An empty line right at the beginning.
    if (end === from) return next;
    i = next;
  }
  return -1;
}

function indexOfCr(bytes: Buffer, from: number, to: number): number {
  const at = bytes.subarray(from, to).indexOf(CR);
  return at < 0 ? -1 : from + at;
}
