import type { IncomingHttpHeaders } from 'node:http';

/** The head of a request that the lane serves: a POST of a known length over HTTP/1.1, on a connection that stays. */
export interface RequestHead {
  /** Path without query. */
  readonly path: string;
  /** After the `?`, without it. */
  readonly query: string | undefined;
  /** Names in lower case, each once. Frozen: requests with the same head share it. */
  readonly headers: IncomingHttpHeaders;
  readonly contentLength: number;
  /** Bytes of the head, the empty line included. */
  readonly bytes: number;
}

/** Longer heads, and heads with more fields, are rare enough for the general server. */
const HEAD_BYTES_MAX = 8 * 1024;
const FIELDS_MAX = 64;

const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH_FIELD = 'content-length';
/** RFC 9112, sections 3.1 to 3.2.1: origin form alone, visible ASCII, no fragment. */
const REQUEST_LINE = /^POST (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1$/;
/** RFC 9110, sections 5.1 and 5.5. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const LENGTH = /^\d{1,10}$/;
/** Fields that change how the message or the connection is to be read, or that the general server treats by rules of its own. */
const HANDED_OVER: ReadonlySet<string> = new Set([
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'set-cookie',
  'proxy-connection',
  'keep-alive',
  '__proto__',
]);

/**
 * Reads a head that begins at `bytes[0]`. `undefined` for everything that is not plainly what the lane serves: incomplete, too long,
 * another method or version, a field twice, any byte that two readers could read in two ways (RFC 9112, section 11.2). Such bytes are
 * for the general server, which answers or refuses them; nothing is repaired here.
 */
export function readHead(bytes: Buffer): RequestHead | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0 || end > HEAD_BYTES_MAX) return undefined;
  const lines = bytes.toString('latin1', 0, end).split('\r\n');
  const target = REQUEST_LINE.exec(lines[0]!)?.[1];
  if (target === undefined || lines.length - 1 > FIELDS_MAX) return undefined;
  const headers: Record<string, string> = {};
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at]!;
    const colon = line.indexOf(':');
    if (colon <= 0 || !TOKEN.test(line.slice(0, colon))) return undefined;
    const name = line.slice(0, colon).toLowerCase();
    const value = withoutSpace(line, colon + 1);
    if (HANDED_OVER.has(name) || Object.hasOwn(headers, name) || !FIELD_VALUE.test(value)) return undefined;
    headers[name] = value;
  }
  const { host, connection } = headers;
  const length = headers[LENGTH_FIELD];
  if (host === undefined || length === undefined || !LENGTH.test(length)) return undefined;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined;
  const mark = target.indexOf('?');
  return {
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? undefined : target.slice(mark + 1),
    headers: Object.freeze(headers),
    contentLength: Number(length),
    bytes: end + HEAD_END.length,
  };
}

/** `line` from `from` on, without the spaces and tabs around it (optional whitespace, RFC 9110, section 5.6.3). */
function withoutSpace(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isSpace(line.charCodeAt(start))) start++;
  while (end > start && isSpace(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Reads the heads of one connection. A client says nearly the same with each request, so the last head is kept: bytes that equal it,
 * but for the digits of Content-Length, mean what it means.
 */
export class HeadReader {
  #last:
    | {
        readonly head: RequestHead;
        readonly bytes: Buffer;
        readonly digitsAt: number;
        readonly digitsEnd: number;
      }
    | undefined;

  read(bytes: Buffer): RequestHead | undefined {
    return this.#again(bytes) ?? this.#anew(bytes);
  }

  #anew(bytes: Buffer): RequestHead | undefined {
    const head = readHead(bytes);
    this.#last = undefined;
    if (head === undefined) return undefined;
    const own = Buffer.from(bytes.subarray(0, head.bytes));
    const field = /\r\ncontent-length:[ \t]*/i.exec(own.toString('latin1'))!;
    const digitsAt = field.index + field[0].length;
    this.#last = { head, bytes: own, digitsAt, digitsEnd: digitsAt + head.headers[LENGTH_FIELD]!.length };
    return head;
  }

  #again(bytes: Buffer): RequestHead | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const { digitsAt, digitsEnd } = last;
    if (bytes.length < last.bytes.length - (digitsEnd - digitsAt)) return undefined;
    if (last.bytes.compare(bytes, 0, digitsAt, 0, digitsAt) !== 0) return undefined;
    let end = digitsAt;
    let length = 0;
    for (let byte = bytes[end]; byte !== undefined && byte >= 0x30 && byte <= 0x39; byte = bytes[++end])
      length = length * 10 + (byte - 0x30);
    const digits = end - digitsAt;
    const rest = last.bytes.length - digitsEnd;
    if (digits === 0 || digits > 10 || end + rest > bytes.length) return undefined;
    if (last.bytes.compare(bytes, end, end + rest, digitsEnd) !== 0) return undefined;
    if (length === last.head.contentLength && digits === digitsEnd - digitsAt) return last.head;
    const headers = Object.freeze({
      ...last.head.headers,
      [LENGTH_FIELD]: bytes.toString('latin1', digitsAt, end),
    });
    return { ...last.head, headers, contentLength: length, bytes: end + rest };
  }
}
