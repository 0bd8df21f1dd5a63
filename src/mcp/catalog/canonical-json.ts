/**
 * JSON in one form whatever order its members came in: members sorted by name, no white space, strings written one way. Numbers stay as
 * they are written and members that repeat a name stay all, so that no change of what a reader might see goes unnoticed.
 */

type Member = readonly [name: string, value: string];

/** The members of an object, each in canonical form, sorted. `text` must be valid JSON (it was scanned before). */
export function canonicalMembers(text: string): readonly Member[] {
  const reader = new Reader(text);
  reader.space();
  return reader.members();
}

/** Canonical text of an object with these members. */
export function canonicalObject(members: readonly Member[]): string {
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

const SPACE = /[ \t\r\n]*/y;
const SCALAR = /[^ \t\r\n,\]}]+/y;

class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  space(): void {
    this.match(SPACE);
  }

  members(): Member[] {
    const members: Member[] = [];
    this.at++;
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') break;
      const name = JSON.parse(this.string()) as string;
      this.space();
      this.at++;
      members.push([name, this.value()]);
      this.space();
      if (this.text[this.at] !== ',') break;
      this.at++;
    }
    this.at++;
    return members.sort(([one], [two]) => (one < two ? -1 : one > two ? 1 : 0));
  }

  value(): string {
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return canonicalObject(this.members());
      case '[':
        return this.array();
      case '"': {
        const token = this.string();
        return token.includes('\\') ? JSON.stringify(JSON.parse(token)) : token;
      }
      default:
        return this.match(SCALAR);
    }
  }

  array(): string {
    const items: string[] = [];
    this.at++;
    for (;;) {
      this.space();
      if (this.text[this.at] === ']') break;
      items.push(this.value());
      this.space();
      if (this.text[this.at] === ',') this.at++;
    }
    this.at++;
    return `[${items.join(',')}]`;
  }

  /** The string that begins here, quotes included. */
  string(): string {
    const start = this.at;
    let at = start + 1;
    while (at < this.text.length && this.text[at] !== '"') at += this.text[at] === '\\' ? 2 : 1;
    this.at = at + 1;
    return this.text.slice(start, this.at);
  }

  /** Steps over what `pattern` matches here. Throws where it matches nothing: the text was no JSON, and the loops must end. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) throw new Error(`no JSON at character ${this.at}`);
    this.at += found.length;
    return found;
  }
}
