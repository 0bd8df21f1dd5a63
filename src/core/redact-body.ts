import { type Redactor, withoutLastWord } from './redact.ts';
import { withoutLiterals } from './sql-literals.ts';

const DEPTH_MAX = 4;
const LEAD_CHARACTERS = 80;
const LED = /([A-Za-z0-9_.-]{1,64})\s{0,3}(?:=>|[:=])\s{0,3}$/;
const SPACE = new Set([' ', '\t', '\n', '\r']);
/** Members that hold SQL, where they look like it. */
const SQL_NAMES = new Set(['sql', 'query', 'statement', 'queries', 'statements']);

/** What is to be known of a body. */
export interface BodyFacts {
  /** It goes on, but is not here: a secret at its end may lack its end. */
  readonly isCut: boolean;
}

/**
 * A body without its secrets: values of members with secret names, secrets by their shape in all texts, JSON within texts too, and literals of
 * SQL. Works on JSON, on lines of JSON, on events, on plain text, and on any beginning of them. Linear in the length for a bounded depth.
 */
export function redactBody(text: string, redactor: Redactor, facts: BodyFacts): string {
  return new BodyScan(text, redactor, facts, 0).run();
}

class BodyScan {
  readonly #text: string;
  readonly #redactor: Redactor;
  readonly #facts: BodyFacts;
  readonly #depth: number;
  #at = 0;
  /** Beginning of what is not JSON text. */
  #loose = 0;
  #out = '';

  constructor(text: string, redactor: Redactor, facts: BodyFacts, depth: number) {
    this.#text = text;
    this.#redactor = redactor;
    this.#facts = facts;
    this.#depth = depth;
  }

  run(): string {
    const text = this.#text;
    while (this.#at < text.length) {
      if (text[this.#at] === '"') this.#string();
      else {
        const quote = text.indexOf('"', this.#at);
        this.#at = quote < 0 ? text.length : quote;
      }
    }
    this.#flush(text.length, true);
    return this.#out;
  }

  /** Text in quotes: the name of a member, or a value. */
  #string(): void {
    const from = this.#at;
    const end = endOfString(this.#text, from);
    if (end < 0) {
      this.#at = this.#text.length;
      return;
    }
    const value = decode(this.#text.slice(from, end));
    // Quotes in a text that is no JSON.
    if (value === undefined) {
      this.#at = end;
      return;
    }
    let next = end;
    while (SPACE.has(this.#text[next] ?? '')) next++;
    if (this.#text[next] === ':') this.#member(value, next + 1);
    else if (this.#isLed(from)) {
      this.#flush(from, false);
      this.#replace(from, end, value);
    } else {
      this.#flush(from, false);
      this.#emit(from, end, this.#clean(value, ''));
    }
  }

  /** Whether a secret's name stands before a text in quotes: `password="…"`. */
  #isLed(at: number): boolean {
    const led = LED.exec(this.#text.slice(Math.max(this.#loose, at - LEAD_CHARACTERS), at));
    return led !== null && this.#redactor.isSecret(led[1]!);
  }

  #member(name: string, from: number): void {
    const keyFrom = this.#at;
    const keyEnd = endOfString(this.#text, keyFrom);
    this.#flush(keyFrom, false);
    this.#emit(keyFrom, keyEnd, this.#redactor.text(name));
    let at = from;
    while (SPACE.has(this.#text[at] ?? '')) at++;
    this.#out += this.#text.slice(keyEnd, at);
    this.#loose = this.#at = at;
    if (this.#text[at] === '"') {
      const end = endOfString(this.#text, at);
      const value = end < 0 ? undefined : decode(this.#text.slice(at, end));
      if (this.#redactor.isSecret(name)) this.#replace(at, end < 0 ? this.#text.length : end, value);
      else if (value !== undefined) this.#emit(at, end, this.#clean(value, name));
      return;
    }
    if (!this.#redactor.isSecret(name)) return;
    const end = endOfValue(this.#text, at);
    const raw = this.#text.slice(at, end).trim();
    const isCount = /tokens$/i.test(name) && /^-?[\d.eE+-]*$/.test(raw);
    if (raw === '' || /^(?:null|true|false|\{\}|\[\])$/.test(raw) || isCount) return;
    this.#replace(at, end, raw);
  }

  /** Puts the mark of a secret at the place of a value. */
  #replace(from: number, to: number, value: string | undefined): void {
    const secret = value ?? this.#text.slice(from, to);
    this.#out += secret === '' ? '""' : JSON.stringify(this.#redactor.mark(secret));
    this.#loose = this.#at = to;
  }

  #clean(value: string, name: string): string {
    if (SQL_NAMES.has(name.toLowerCase())) {
      const bare = withoutLiterals(value);
      if (bare !== undefined) return this.#redactor.text(bare);
    }
    const looksNested = this.#depth < DEPTH_MAX && value.includes('"');
    if (!looksNested) return this.#redactor.text(value);
    return new BodyScan(value, this.#redactor, { ...this.#facts, isCut: false }, this.#depth + 1).run();
  }

  /** Writes a text in quotes: as it stood when it is what it was. */
  #emit(from: number, to: number, value: string): void {
    const raw = this.#text.slice(from, to);
    const said = JSON.stringify(value);
    this.#out += said === raw || decode(raw) === value ? raw : said;
    this.#loose = this.#at = to;
  }

  /** Writes what is not in quotes. */
  #flush(to: number, isEnd: boolean): void {
    if (to <= this.#loose) return;
    const loose = this.#text.slice(this.#loose, to);
    const kept = isEnd && this.#facts.isCut ? withoutLastWord(loose) : loose;
    this.#out += this.#redactor.text(kept);
    this.#loose = to;
  }
}

/** Index behind the closing quote; -1 when there is none. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const sign = text[at];
    if (sign === '\\') at++;
    else if (sign === '"') return at + 1;
  }
  return -1;
}

/** Index behind a value that is no text: to the bracket that closes it, or to what follows a number. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const sign = text[at]!;
    if (sign === '"') {
      const end = endOfString(text, at);
      if (end < 0) return text.length;
      at = end - 1;
    } else if (sign === '{' || sign === '[') depth++;
    else if (sign === '}' || sign === ']') {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (sign === ',' || sign === '\n')) return at;
  }
  return text.length;
}

function decode(quoted: string): string | undefined {
  if (!quoted.includes('\\') && !CONTROL.test(quoted)) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they end a text of JSON.
const CONTROL = /[\u0000-\u001f]/;
