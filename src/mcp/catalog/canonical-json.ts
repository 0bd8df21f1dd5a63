/**
 * JSON in one form whatever order its members came in: members sorted by name, no white space, strings written one way. Numbers stay as
 * they are written and members that repeat a name stay all, so that no change of what a reader might see goes unnoticed.
 */

/** A member's name and value, each as canonical JSON text. */
export type CanonicalMember = readonly [name: string, value: string];

/** The members of an object, sorted. `text` must be valid JSON (it was scanned before). */
export function canonicalMembers(text: string): readonly CanonicalMember[] {
  const reader = new Reader(text);
  reader.space();
  return reader.members();
}

/** Canonical text of an object with these members. */
export function canonicalObject(members: readonly CanonicalMember[]): string {
  let text = '{';
  for (const [name, value] of members) text += `${text.length === 1 ? '' : ','}${name}:${value}`;
  return `${text}}`;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  space(): void {
    while (isSpace(this.text.charCodeAt(this.at))) this.at++;
  }

  members(): CanonicalMember[] {
    const members: CanonicalMember[] = [];
    this.at++;
    for (;;) {
      this.space();
      if (this.text.charCodeAt(this.at) !== QUOTE) break;
      const name = this.string();
      this.space();
      this.at++;
      members.push([name, this.value()]);
      this.space();
      if (this.text.charCodeAt(this.at) !== COMMA) break;
      this.at++;
    }
    this.at++;
    return members.sort(([one], [two]) => (one < two ? -1 : one > two ? 1 : 0));
  }

  value(): string {
    this.space();
    switch (this.text.charCodeAt(this.at)) {
      case OPEN_OBJECT:
        return canonicalObject(this.members());
      case OPEN_ARRAY:
        return this.array();
      case QUOTE:
        return this.string();
      default:
        return this.scalar();
    }
  }

  array(): string {
    let text = '[';
    this.at++;
    for (;;) {
      this.space();
      if (this.text.charCodeAt(this.at) === CLOSE_ARRAY) break;
      text += `${text.length === 1 ? '' : ','}${this.value()}`;
      this.space();
      if (this.text.charCodeAt(this.at) === COMMA) this.at++;
    }
    this.at++;
    return `${text}]`;
  }

  string(): string {
    const start = this.at;
    let escaped = false;
    this.at++;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code)) throw this.fail();
      if (code === QUOTE) break;
      if (code === BACKSLASH) escaped = true;
      this.at += code === BACKSLASH ? 2 : 1;
    }
    this.at++;
    const token = this.text.slice(start, this.at);
    return escaped ? JSON.stringify(JSON.parse(token)) : token;
  }

  /** A number, `true`, `false` or `null`. */
  scalar(): string {
    const start = this.at;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (
        Number.isNaN(code) ||
        code === COMMA ||
        code === CLOSE_ARRAY ||
        code === CLOSE_OBJECT ||
        isSpace(code)
      )
        break;
      this.at++;
    }
    // Without this, text that is no JSON would be read for ever.
    if (this.at === start) throw this.fail();
    return this.text.slice(start, this.at);
  }

  fail(): Error {
    return new Error(`no JSON at character ${this.at}`);
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
