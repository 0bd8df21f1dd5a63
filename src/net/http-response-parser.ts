import type { ResponseHead } from './http-request.ts';
import { malformed, type ParserProblem, ResponseHeadReader } from './http-response-head.ts';

const TRAILER_BYTES_MAX = 64 * 1024;
const CHUNK_LINE_BYTES_MAX = 1_024;
const CRLF = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);
const CR = 0x0d;
const LF = 0x0a;
const CHUNK_DIGITS_MAX = 8;

export interface ParserEvents {
  onHead(head: ResponseHead): void;
  onData(chunk: Buffer): void;
  /** `reusable`: the connection may carry another request; `keepAliveMs`: how long the server says it keeps it. */
  onEnd(reusable: boolean, keepAliveMs: number | undefined): void;
}

type State =
  | 'idle'
  | 'head'
  | 'length'
  | 'chunk-line'
  | 'chunk-data'
  | 'chunk-end'
  | 'trailers'
  | 'until-close';

/** A strict HTTP/1.1 response parser (RFC 9112): whatever two readers could read in two ways is refused. One response at a time. */
export class ResponseParser {
  readonly #events: ParserEvents;
  readonly #heads = new ResponseHeadReader();
  #state: State = 'idle';
  #rest: Buffer = EMPTY;
  #noBody = false;
  #takesCodings = false;
  #left = 0;
  #bytes = 0;
  #bytesMax: number | undefined;
  #reusable = true;
  #ended = false;
  #keepAliveMs: number | undefined;

  constructor(events: ParserEvents) {
    this.#events = events;
  }

  /** Prepares for the response to a request. `takesCodings`: whoever reads the body undoes its coding. */
  expect(noBody: boolean, bodyBytesMax: number | undefined, takesCodings = false): void {
    this.#takesCodings = takesCodings;
    this.#state = 'head';
    this.#rest = EMPTY;
    this.#noBody = noBody;
    this.#bytes = 0;
    this.#bytesMax = bodyBytesMax;
    this.#reusable = true;
    this.#ended = false;
    this.#keepAliveMs = undefined;
  }

  /** Whether the end of the connection is the proper end of this response. */
  endsWithConnection(): boolean {
    return this.#state === 'until-close';
  }

  /** Takes bytes from the socket; returns what is wrong with them, if anything. */
  push(chunk: Buffer): ParserProblem | undefined {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = EMPTY;
    while (bytes.length > 0) {
      const step = this.#step(bytes);
      if (typeof step !== 'number') return step;
      if (step === 0) {
        this.#rest = bytes;
        return undefined;
      }
      bytes = bytes.subarray(step);
      if (this.#ended) {
        this.#ended = false;
        // Bytes after the end would be taken for the next request's response.
        this.#events.onEnd(this.#reusable && bytes.length === 0, this.#keepAliveMs);
        return undefined;
      }
    }
    return undefined;
  }

  /** Consumes some of `bytes` and returns how many; 0 asks for more. */
  #step(bytes: Buffer): number | ParserProblem {
    switch (this.#state) {
      case 'head':
        return this.#head(bytes);
      case 'length': {
        const part = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
        this.#left -= part.length;
        const problem = this.#data(part);
        if (problem !== undefined) return problem;
        if (this.#left === 0) this.#end();
        return part.length;
      }
      case 'chunk-line':
        return this.#chunkLine(bytes);
      case 'chunk-data': {
        const part = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
        this.#left -= part.length;
        if (this.#left === 0) this.#state = 'chunk-end';
        return this.#data(part) ?? part.length;
      }
      case 'chunk-end':
        if (bytes.length < 2) return 0;
        if (bytes[0] !== 0x0d || bytes[1] !== 0x0a) return malformed('a chunk is longer than it says');
        this.#state = 'chunk-line';
        return 2;
      case 'trailers': {
        const end = bytes.indexOf(CRLF);
        if (end < 0) return bytes.length > TRAILER_BYTES_MAX ? malformed('its trailers are too long') : 0;
        if (end === 0) this.#end();
        return end + 2;
      }
      case 'until-close':
        return this.#data(bytes) ?? bytes.length;
      case 'idle':
        this.#reusable = false;
        return malformed('it sent more than its response');
    }
  }

  #head(bytes: Buffer): number | ParserProblem {
    const head = this.#heads.read(bytes);
    if (head === undefined) return 0;
    if ('reason' in head) return head;
    const { status, headers } = head;
    if (status === 101) return malformed('it switched protocols unasked');
    if (status < 200) return head.bytes;
    this.#reusable = head.isReusable;
    this.#keepAliveMs = head.keepAliveMs;
    const problem = this.#frame(status, headers);
    if (problem !== undefined) return problem;
    const bodyless = this.#state === 'idle';
    this.#events.onHead({ status, headers });
    if (bodyless) this.#end();
    return head.bytes;
  }

  /** Decides how the body is framed (RFC 9112, section 6.3). */
  #frame(status: number, headers: Readonly<Record<string, string | undefined>>): ParserProblem | undefined {
    const length = headers['content-length'];
    const transfer = headers['transfer-encoding'];
    const coding = headers['content-encoding'];
    if (coding !== undefined && coding.toLowerCase() !== 'identity' && !this.#takesCodings)
      return malformed(`it compresses (${coding.slice(0, 40)}) although nobody asked`);
    if (length !== undefined && transfer !== undefined)
      return malformed('it says both Content-Length and Transfer-Encoding');
    if (this.#noBody || status === 204 || status === 304) {
      this.#state = 'idle';
      return undefined;
    }
    if (transfer !== undefined) {
      if (transfer.toLowerCase() !== 'chunked')
        return malformed(`its Transfer-Encoding ${transfer.slice(0, 40)} is not known`);
      this.#state = 'chunk-line';
      return undefined;
    }
    if (length === undefined) {
      this.#state = 'until-close';
      this.#reusable = false;
      return undefined;
    }
    if (!/^\d{1,15}$/.test(length)) return malformed('its Content-Length is no number');
    this.#left = Number(length);
    if (this.#bytesMax !== undefined && this.#left > this.#bytesMax) return tooLarge(this.#bytesMax);
    this.#state = this.#left === 0 ? 'idle' : 'length';
    return undefined;
  }

  #chunkLine(bytes: Buffer): number | ParserProblem {
    const digits = hexDigits(bytes);
    if (digits > 0 && bytes[digits] === CR && bytes[digits + 1] === LF) {
      this.#beginChunk(hexNumber(bytes, digits));
      return digits + 2;
    }
    const end = bytes.indexOf(CRLF);
    if (end < 0 || end > CHUNK_LINE_BYTES_MAX)
      return bytes.length > CHUNK_LINE_BYTES_MAX ? malformed('a chunk line is too long') : 0;
    const size = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n\0]*)?$/.exec(bytes.toString('latin1', 0, end));
    if (size === null) return malformed('a chunk size is no number');
    this.#beginChunk(Number.parseInt(size[1]!, 16));
    return end + 2;
  }

  #beginChunk(bytes: number): void {
    this.#left = bytes;
    this.#state = bytes === 0 ? 'trailers' : 'chunk-data';
  }

  #data(part: Buffer): ParserProblem | undefined {
    this.#bytes += part.length;
    if (this.#bytesMax !== undefined && this.#bytes > this.#bytesMax) return tooLarge(this.#bytesMax);
    this.#events.onData(part);
    return undefined;
  }

  #end(): void {
    this.#state = 'idle';
    this.#ended = true;
  }
}

/** How many bytes at the beginning are hexadecimal digits; 0 when there are more than a chunk's size may have. */
function hexDigits(bytes: Buffer): number {
  let at = 0;
  while (at <= CHUNK_DIGITS_MAX && hexValue(bytes[at]) >= 0) at++;
  return at > CHUNK_DIGITS_MAX ? 0 : at;
}

function hexNumber(bytes: Buffer, digits: number): number {
  let value = 0;
  for (let at = 0; at < digits; at++) value = value * 16 + hexValue(bytes[at]);
  return value;
}

/** -1: no hexadecimal digit. */
function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function tooLarge(max: number): ParserProblem {
  return { kind: 'too-large', reason: `its response has more than ${max} bytes` };
}
