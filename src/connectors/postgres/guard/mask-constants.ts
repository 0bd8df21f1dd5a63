/** Text, numbers and bit strings. Not `$1`, which is no value. */
const CONSTANTS: ReadonlySet<string> = new Set(['SCONST', 'USCONST', 'BCONST', 'XCONST', 'ICONST', 'FCONST']);
const COMMENTS: ReadonlySet<string> = new Set(['C_COMMENT', 'SQL_COMMENT']);

interface Token {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly tokenName: string;
}

/** A statement's text from its tokens: each constant is `?`, comments are left out, spaces are single. */
export function maskConstants(tokens: readonly Token[]): string {
  let text = '';
  let end = 0;
  for (const token of tokens) {
    if (COMMENTS.has(token.tokenName)) continue;
    const gap = token.start > end && text !== '' ? ' ' : '';
    text += `${gap}${CONSTANTS.has(token.tokenName) ? '?' : token.text}`;
    end = token.end;
  }
  return text;
}
