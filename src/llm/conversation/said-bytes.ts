const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const SPACE = 0x20;

/**
 * Bytes of the texts that are values of members of this name, wherever they stand in JSON text and escaped as they are there. `name`: with the quote
 * that ends it (`text"`). Parses nothing: quotes inside of strings are escaped, so what is found is a member.
 */
export function saidBytes(json: string, name: string): number {
  let bytes = 0;
  for (let at = json.indexOf(name); at >= 0; at = json.indexOf(name, at + name.length)) {
    if (json.charCodeAt(at - 1) !== QUOTE) continue;
    const from = valueOf(json, at + name.length);
    if (from >= 0) bytes += endOf(json, from) - from;
  }
  return bytes;
}

/** As `saidBytes`, of the first of these names that says something: an event of a stream says one thing. */
export function firstSaidBytes(json: string, names: readonly string[]): number {
  for (const name of names) {
    const bytes = saidBytes(json, name);
    if (bytes > 0) return bytes;
  }
  return 0;
}

/** As `saidBytes`, of all of these names. */
export function allSaidBytes(json: string, names: readonly string[]): number {
  return names.reduce((bytes, name) => bytes + saidBytes(json, name), 0);
}

/** Where the text behind a name begins; -1: something else stands there. */
function valueOf(json: string, behind: number): number {
  let at = behind;
  while (json.charCodeAt(at) <= SPACE) at++;
  if (json.charCodeAt(at) !== COLON) return -1;
  do at++;
  while (json.charCodeAt(at) <= SPACE);
  return json.charCodeAt(at) === QUOTE ? at + 1 : -1;
}

function endOf(json: string, from: number): number {
  for (let at = json.indexOf('"', from); at >= 0; at = json.indexOf('"', at + 1)) {
    let slashes = 0;
    while (json.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at;
  }
  return json.length;
}
