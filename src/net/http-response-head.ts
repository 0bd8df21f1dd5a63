import type { ResponseHead } from './http-request.ts';

export interface ParserProblem {
  readonly kind: 'malformed' | 'too-large';
  readonly reason: string;
}

/** A head taken apart. */
export interface ParsedHead extends ResponseHead {
  /** Whether the server lets the connection carry another request. */
  readonly isReusable: boolean;
  /** How long it says that it keeps the connection, in milliseconds. */
  readonly keepAliveMs: number | undefined;
  /** Of the head, the empty line included. */
  readonly bytes: number;
}

const HEAD_BYTES_MAX = 64 * 1024;
/** Longer heads are not kept for comparison. */
const KEPT_BYTES_MAX = 4 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const LENGTH_FIELD = 'content-length';
const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const NOT_IN_VALUES = /[\0\r\n]/;

/**
 * Reads the heads of the responses on one connection. A server says nearly the same with each response, so the last head is kept: bytes
 * that equal it, but for the digits of Content-Length, mean what it means.
 */
export class ResponseHeadReader {
  #last:
    | {
        readonly head: ParsedHead;
        readonly bytes: Buffer;
        readonly digitsAt: number;
        readonly digitsEnd: number;
      }
    | undefined;

  /** `undefined`: it is not whole yet. */
  read(bytes: Buffer): ParsedHead | ParserProblem | undefined {
    return this.#again(bytes) ?? this.#anew(bytes);
  }

  #anew(bytes: Buffer): ParsedHead | ParserProblem | undefined {
    const head = readHead(bytes);
    this.#last = undefined;
    if (head === undefined || 'reason' in head || head.bytes > KEPT_BYTES_MAX) return head;
    const own = Buffer.from(bytes.subarray(0, head.bytes));
    const field = /\r\ncontent-length:[\t ]*(\d{1,15})\r\n(?!.*\r\ncontent-length:)/is.exec(
      own.toString('latin1'),
    );
    if (field === null || field[1] !== head.headers[LENGTH_FIELD]) return head;
    const digitsEnd = field.index + field[0].length - 2;
    this.#last = { head, bytes: own, digitsAt: digitsEnd - field[1]!.length, digitsEnd };
    return head;
  }

  #again(bytes: Buffer): ParsedHead | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    const { digitsAt, digitsEnd } = last;
    if (bytes.length < digitsEnd || last.bytes.compare(bytes, 0, digitsAt, 0, digitsAt) !== 0)
      return undefined;
    let end = digitsAt;
    for (let byte = bytes[end]; byte !== undefined && byte >= 0x30 && byte <= 0x39; ) byte = bytes[++end];
    const rest = last.bytes.length - digitsEnd;
    if (end === digitsAt || end + rest > bytes.length) return undefined;
    if (last.bytes.compare(bytes, end, end + rest, digitsEnd) !== 0) return undefined;
    if (last.bytes.compare(bytes, digitsAt, end, digitsAt, digitsEnd) === 0) return last.head;
    const length = bytes.toString('latin1', digitsAt, end);
    const headers = Object.assign(Object.create(null), last.head.headers, {
      [LENGTH_FIELD]: length,
    }) as ParsedHead['headers'];
    return { ...last.head, headers, bytes: end + rest };
  }
}

function readHead(bytes: Buffer): ParsedHead | ParserProblem | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0 || end > HEAD_BYTES_MAX)
    return bytes.length > HEAD_BYTES_MAX ? malformed('its response head is too long') : undefined;
  const lines = bytes.toString('latin1', 0, end).split('\r\n');
  const statusLine = STATUS_LINE.exec(lines[0]!);
  if (statusLine === null) return malformed('it does not speak HTTP/1.1');
  const headers = Object.create(null) as Record<string, string | undefined>;
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at]!;
    const colon = line.indexOf(':');
    if (colon <= 0 || !TOKEN.test(line.slice(0, colon)))
      return malformed('a response header has no proper name');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (NOT_IN_VALUES.test(value)) return malformed('a response header has a control character');
    const before = headers[name];
    if (before !== undefined && name === LENGTH_FIELD && before !== value)
      return malformed('it says two different Content-Lengths');
    headers[name] = before === undefined || name === LENGTH_FIELD ? value : `${before}, ${value}`;
  }
  const connection = headers['connection']?.toLowerCase() ?? '';
  const timeout = /timeout=(\d{1,6})/i.exec(headers['keep-alive'] ?? '');
  return {
    status: Number(statusLine[2]),
    headers: Object.freeze(headers),
    isReusable: statusLine[1] === '0' ? connection.includes('keep-alive') : !connection.includes('close'),
    keepAliveMs: timeout === null ? undefined : Number(timeout[1]) * 1_000,
    bytes: end + HEAD_END.length,
  };
}

export function malformed(reason: string): ParserProblem {
  return { kind: 'malformed', reason };
}
