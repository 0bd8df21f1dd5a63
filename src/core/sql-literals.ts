const STATEMENT =
  /^[\s(]{0,64}(?:--|\/\*|(?i:select|with|insert|update|delete|merge|explain|values|table|create|alter|drop|grant|revoke|set|show|do|call|copy|truncate|begin|start|comment|prepare|execute|declare|fetch|refresh|reindex|vacuum|analyze|lock|listen|notify|security|import)\b)/;

/**
 * The parts of SQL that can hold data, in the order in which they are tried: comments, dollar quotes, texts (of which a backslash is taken for one
 * that escapes, so that none ends too late), numbers. Names in double quotes are no data.
 */
const PART =
  /--[^\n]*|\/\*|\$(?:[A-Za-z_][\w]{0,62})?\$|(?:\b[eEbBxXnN]|\b[uU]&)?'|"(?:[^"]|"")*"?|\$\d+|(?<![\w$.])(?:\d[\w.]*|\.\d+)/;

/** A statement with `?` for every literal and without comments; `undefined` when the text does not look like SQL. */
export function withoutLiterals(sql: string): string | undefined {
  if (!STATEMENT.test(sql)) return undefined;
  let result = '';
  let from = 0;
  const parts = new RegExp(PART, 'g');
  for (;;) {
    parts.lastIndex = from;
    const found = parts.exec(sql);
    if (found === null) break;
    const [part] = found;
    const after = found.index + part.length;
    result += sql.slice(from, found.index);
    if (part.startsWith('"') || /^\$\d/.test(part)) {
      result += part;
      from = after;
    } else if (part.startsWith('--')) from = after;
    else if (part === '/*') from = endOfComment(sql, after);
    else if (part.startsWith('$')) {
      const end = sql.indexOf(part, after);
      result += '?';
      from = end < 0 ? sql.length : end + part.length;
    } else if (part.endsWith("'")) {
      result += '?';
      from = endOfText(sql, after, /^[eE]/.test(part));
    } else {
      result += '?';
      from = after;
    }
  }
  return result + sql.slice(from);
}

/** Comments nest (PostgreSQL, "Lexical Structure", 4.1.5). */
function endOfComment(sql: string, from: number): number {
  let depth = 1;
  for (let at = from; at < sql.length; at++) {
    if (sql.startsWith('/*', at)) {
      depth++;
      at++;
    } else if (sql.startsWith('*/', at)) {
      at++;
      if (--depth === 0) return at + 1;
    }
  }
  return sql.length;
}

function endOfText(sql: string, from: number, escapes: boolean): number {
  for (let at = from; at < sql.length; at++) {
    const sign = sql[at];
    if (escapes && sign === '\\') at++;
    else if (sign === "'") {
      if (sql[at + 1] !== "'") return at + 1;
      at++;
    }
  }
  return sql.length;
}
