/**
 * A strict JSON reader over UTF-8 bytes (RFC 8259) that builds no values: it checks every byte and notes where the members of the
 * outer objects stand, so that what need not change is forwarded as the bytes it came as, big numbers and unknown fields included.
 */

/** Nesting beyond this is refused: no message of any protocol here comes near, and it bounds the recursion. */
export const JSON_DEPTH_MAX = 256;

/** Where and why a text is not JSON. `offset` counts bytes from 0. */
export class JsonSyntaxError extends Error {
  readonly offset: number;
  readonly reason: string;

  constructor(reason: string, offset: number) {
    super(`${reason} at byte ${offset}`);
    this.name = 'JsonSyntaxError';
    this.reason = reason;
    this.offset = offset;
  }
}

/** The members of one object. With equal keys the last one counts, as with JSON.parse. */
export class JsonObject {
  readonly bytes: Buffer;
  /** Byte offsets of the object, as all here: `end` is that of the first byte after it. */
  readonly start: number;
  end = 0;
  readonly keys: string[] = [];
  /** Start and end of each member's value, one after the other. */
  readonly #spans: number[] = [];
  /** As many as there are members up to the last that was scanned; `undefined` when there is none. */
  #children: (JsonObject | undefined)[] | undefined;

  constructor(bytes: Buffer, start: number) {
    this.bytes = bytes;
    this.start = start;
  }

  /** Takes the next member as it was read. */
  add(key: string, start: number, end: number, child: JsonObject | undefined): void {
    if (child !== undefined) (this.#children ??= [])[this.keys.length] = child;
    this.keys.push(key);
    this.#spans.push(start, end);
  }

  startOf(at: number): number {
    return this.#spans[2 * at]!;
  }

  endOf(at: number): number {
    return this.#spans[2 * at + 1]!;
  }

  indexOf(key: string): number {
    return this.keys.lastIndexOf(key);
  }

  has(key: string): boolean {
    return this.keys.includes(key);
  }

  /** The member's value as it stands in the text, or `undefined`. */
  slice(key: string): Buffer | undefined {
    const at = this.indexOf(key);
    return at < 0 ? undefined : this.sliceAt(at);
  }

  /** The value of the member at a place among the keys, as it stands in the text. */
  sliceAt(at: number): Buffer {
    return this.bytes.subarray(this.startOf(at), this.endOf(at));
  }

  /** The member's members, when it is an object that was scanned (see `depth`). */
  child(key: string): JsonObject | undefined {
    const at = this.#children === undefined ? -1 : this.indexOf(key);
    return at < 0 ? undefined : this.#children![at];
  }

  /** The member's value, parsed. Only for small members. */
  value(key: string): unknown {
    const slice = this.slice(key);
    return slice === undefined ? undefined : JSON.parse(slice.toString('utf8'));
  }

  /** The member's value when it is a string. */
  string(key: string): string | undefined {
    const at = this.indexOf(key);
    return at >= 0 && this.bytes[this.startOf(at)] === QUOTE
      ? stringAt(this.bytes, this.startOf(at), this.endOf(at))
      : undefined;
  }

  /** Whether a later member repeats this key, which makes the one at `at` void. */
  isVoid(at: number): boolean {
    return this.keys.lastIndexOf(this.keys[at]!) !== at;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const DOT = 0x2e;

/**
 * Reads one object that fills `bytes` (whitespace around it allowed) and the objects inside it down to `depth` levels (1 = only the
 * outer one). Throws JsonSyntaxError.
 */
export function scanObject(bytes: Buffer, depth: number): JsonObject {
  const scanner = new Scanner(bytes);
  scanner.space();
  if (bytes[scanner.at] !== OPEN_OBJECT) throw scanner.fail('expected an object');
  const object = scanner.object(depth, 1);
  scanner.end();
  return object;
}

/** The spans of the elements of an array that fills `bytes`. Throws JsonSyntaxError. */
export function scanArray(bytes: Buffer): Buffer[] {
  const scanner = new Scanner(bytes);
  scanner.space();
  if (bytes[scanner.at] !== OPEN_ARRAY) throw scanner.fail('expected an array');
  const elements: Buffer[] = [];
  scanner.array(1, (start, end) => elements.push(bytes.subarray(start, end)));
  scanner.end();
  return elements;
}

/** The first byte that is not white space: tells an object from an array without reading further. */
export function firstByte(bytes: Buffer): number | undefined {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
  return undefined;
}

function stringAt(bytes: Buffer, start: number, end: number): string {
  for (let i = start + 1; i < end - 1; i++) {
    if (bytes[i] === BACKSLASH) return JSON.parse(bytes.toString('utf8', start, end)) as string;
  }
  return bytes.toString('utf8', start + 1, end - 1);
}

class Scanner {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  fail(reason: string): JsonSyntaxError {
    return new JsonSyntaxError(this.at >= this.bytes.length ? 'unexpected end' : reason, this.at);
  }

  space(): void {
    const { bytes } = this;
    let at = this.at;
    for (;;) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      at++;
    }
    this.at = at;
  }

  end(): void {
    this.space();
    if (this.at < this.bytes.length) throw this.fail('unexpected byte after the value');
  }

  object(scanDepth: number, depth: number): JsonObject {
    if (depth > JSON_DEPTH_MAX) throw this.fail(`nesting deeper than ${JSON_DEPTH_MAX}`);
    const { bytes } = this;
    const object = new JsonObject(bytes, this.at);
    this.at++;
    this.space();
    if (bytes[this.at] === CLOSE_OBJECT) this.at++;
    else {
      for (;;) {
        this.space();
        const keyStart = this.at;
        if (bytes[keyStart] !== QUOTE) throw this.fail('expected a member name');
        this.string();
        const key = stringAt(bytes, keyStart, this.at);
        this.colon();
        const start = this.at;
        const child =
          scanDepth > 1 && bytes[start] === OPEN_OBJECT ? this.object(scanDepth - 1, depth + 1) : undefined;
        if (child === undefined) this.value(depth + 1);
        object.add(key, start, this.at, child);
        if (this.next(CLOSE_OBJECT)) break;
      }
    }
    object.end = this.at;
    return object;
  }

  array(depth: number, onElement?: (start: number, end: number) => void): void {
    if (depth > JSON_DEPTH_MAX) throw this.fail(`nesting deeper than ${JSON_DEPTH_MAX}`);
    this.at++;
    this.space();
    if (this.bytes[this.at] === CLOSE_ARRAY) {
      this.at++;
      return;
    }
    for (;;) {
      this.space();
      const start = this.at;
      this.value(depth + 1);
      onElement?.(start, this.at);
      if (this.next(CLOSE_ARRAY)) return;
    }
  }

  value(depth: number): void {
    const byte = this.bytes[this.at];
    switch (byte) {
      case QUOTE:
        this.string();
        return;
      case OPEN_OBJECT:
        this.skipObject(depth);
        return;
      case OPEN_ARRAY:
        this.array(depth);
        return;
      case 0x74:
        this.literal('true');
        return;
      case 0x66:
        this.literal('false');
        return;
      case 0x6e:
        this.literal('null');
        return;
      default:
        this.number();
    }
  }

  skipObject(depth: number): void {
    if (depth > JSON_DEPTH_MAX) throw this.fail(`nesting deeper than ${JSON_DEPTH_MAX}`);
    this.at++;
    this.space();
    if (this.bytes[this.at] === CLOSE_OBJECT) {
      this.at++;
      return;
    }
    for (;;) {
      this.space();
      if (this.bytes[this.at] !== QUOTE) throw this.fail('expected a member name');
      this.string();
      this.colon();
      this.value(depth + 1);
      if (this.next(CLOSE_OBJECT)) return;
    }
  }

  colon(): void {
    this.space();
    if (this.bytes[this.at] !== COLON) throw this.fail('expected ":"');
    this.at++;
    this.space();
  }

  /** Steps over `,` (false) or the closing byte (true). */
  next(close: number): boolean {
    this.space();
    const byte = this.bytes[this.at];
    if (byte !== COMMA && byte !== close) throw this.fail(`expected "," or "${String.fromCharCode(close)}"`);
    this.at++;
    return byte === close;
  }

  string(): void {
    const { bytes } = this;
    let at = this.at + 1;
    for (;;) {
      const byte = bytes[at];
      // Most bytes of most texts are behind the ones that mean something.
      if (byte! > BACKSLASH) {
        at++;
        continue;
      }
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        this.at = at;
        at = this.escape();
        continue;
      }
      if (byte === undefined || byte < 0x20) {
        this.at = at;
        throw this.fail('control character in a string');
      }
      at++;
    }
    this.at = at + 1;
  }

  /** Checks the escape at `at` and returns the offset after it. */
  escape(): number {
    const kind = this.bytes[this.at + 1];
    if (kind === 0x75) {
      for (let i = this.at + 2; i < this.at + 6; i++)
        if (!isHex(this.bytes[i])) throw this.fail('bad \\u escape');
      return this.at + 6;
    }
    if (kind === undefined || !ESCAPES.has(kind)) throw this.fail('bad escape');
    return this.at + 2;
  }

  literal(text: string): void {
    for (let i = 0; i < text.length; i++) {
      if (this.bytes[this.at + i] !== text.charCodeAt(i)) throw this.fail(`expected ${text}`);
    }
    this.at += text.length;
  }

  number(): void {
    const { bytes } = this;
    if (bytes[this.at] === MINUS) this.at++;
    if (bytes[this.at] === 0x30) this.at++;
    else this.digits();
    if (bytes[this.at] === DOT) {
      this.at++;
      this.digits();
    }
    if (bytes[this.at] === 0x65 || bytes[this.at] === 0x45) {
      this.at++;
      if (bytes[this.at] === MINUS || bytes[this.at] === 0x2b) this.at++;
      this.digits();
    }
  }

  digits(): void {
    const start = this.at;
    while (isDigit(this.bytes[this.at])) this.at++;
    if (this.at === start) throw this.fail('unexpected byte');
  }
}

const ESCAPES: ReadonlySet<number> = new Set([0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74]);

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHex(byte: number | undefined): boolean {
  return (
    byte !== undefined && (isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66))
  );
}
