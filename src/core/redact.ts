import type { KeyObject } from 'node:crypto';
import { keyedHash } from './keyed-hash.ts';
import { isSecretName, plainName } from './secret-names.ts';

/** What a redactor needs. */
export interface RedactorOptions {
  /** Of the codes that stand for secrets; kept outside of what they are written to. */
  readonly key: KeyObject;
  /** Names of members, columns and variables that are secrets too. */
  readonly names?: readonly string[];
  /** Shapes of secrets: `#` is a digit, `?` a letter, digit, `_` or `-`, and a `*` at the end the rest of the word. */
  readonly patterns?: readonly string[];
  /** Secrets that are known, wherever they stand; those shorter than 6 characters are not looked for. */
  readonly values?: readonly string[];
}

/** Takes secrets out of text, and leaves a code at their place that is the same for the same secret. Linear in the length of the text. */
export interface Redactor {
  /** Text of any kind. */
  text(text: string): string;
  /** Whether the value of what is called so is a secret. */
  isSecret(name: string): boolean;
  /** What stands for a secret. */
  mark(secret: string): string;
  /** A code of 32 hexadecimal digits: equal for equal bytes, and nothing about them can be found out without the key. */
  digest(bytes: Buffer | string): string;
}

/** What stands for a secret begins so. */
export const MARK = '[redacted:';
const VALUE_CHARACTERS_MIN = 6;

/** What may be part of a key or token. */
const WORD = '[A-Za-z0-9_~+\\/=.-]';
/** A place in which a secret may begin. */
const EDGE = '(?<![A-Za-z0-9])';

/** Keys and tokens that are known by their shape. Every part is followed by at most one run of one class, so that the search is linear. */
const SHAPES = [
  '[srp]k[-_][A-Za-z0-9_-]{8,}',
  'whsec_[A-Za-z0-9+\\/=]{16,}',
  'gh[opusr]_[A-Za-z0-9]{16,}',
  'github_pat_[A-Za-z0-9_]{16,}',
  'gl(?:pat|dt|rt|cbt)-[A-Za-z0-9_-]{16,}',
  'x(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}',
  '(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}',
  'AIza[A-Za-z0-9_-]{20,}',
  'ya29\\.[A-Za-z0-9_-]{16,}',
  'GOCSPX-[A-Za-z0-9_-]{16,}',
  'eyJ[A-Za-z0-9_-]{8,}(?:\\.[A-Za-z0-9_=-]{0,8192}){0,4}',
  'npm_[A-Za-z0-9]{16,}',
  'pypi-[A-Za-z0-9_-]{16,}',
  '(?:hf|gsk|dop_v1|lin_api|secret|nfp|shpat|rpa|r8)_[A-Za-z0-9]{16,}',
  '(?:xai|pplx|tvly|fw|sq0atp|sq0csp)-[A-Za-z0-9_-]{16,}',
  'SG\\.[A-Za-z0-9_-]{16,}(?:\\.[A-Za-z0-9_-]{0,128})?',
  'ATATT[A-Za-z0-9_=-]{16,}',
];

/** What stands before a secret (first group) and the secret (second group). */
const LED = [
  // The password in a URL (RFC 3986, section 3.2.1).
  `(:\\/\\/[^\\s\\/@:"'\\\\]{0,128}:)([^\\s\\/"'\\\\]{1,256})(?=@)`,
  `((?i:\\bcookie2?["']?\\s{0,3}[:=]\\s{0,3}["']?))([^\\r\\n"'\\\\]{1,8192})`,
  `((?i:(?:pass(?:word|wd|phrase|code)|pwd|secret|token|(?:api|private|access|auth|signing|encryption|master|account)[-_. ]?key|authorization|credentials?|connection[-_]?string)\\\\{0,7}["']?\\s{0,3}(?:=>|[:=])\\s{0,3}\\\\{0,7}["']?(?:(?:bearer|basic|digest|token|apikey)\\s{1,3})?))((?<=')[^'\\r\\n]{1,8192}|[^\\s"'\\\\,;&<>(){}[\\]]{3,8192})`,
  `((?i:\\b(?:bearer|apikey)\\s{1,3}))(${WORD}{8,})`,
  `((?i:\\bbasic\\s{1,3}))((?=[A-Za-z+\\/]{0,64}[0-9=A-Z])[A-Za-z0-9+\\/]{8,}={0,2})`,
  `([?&](?i:key|sig|signature|code|auth|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature)=)([^&#\\s"'\\\\]{4,8192})`,
];

/** Characters that nobody sees, and that would hide the shape of what they stand in. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;
const EVERY_INVISIBLE = new RegExp(INVISIBLE, 'g');

const PEM_BEGIN = '-----BEGIN ';
const PEM_END = '-----END ';

/** Without the word at its end, which may go on behind a cut. */
export function withoutLastWord(text: string): string {
  let end = text.length;
  while (end > 0 && UNFINISHED.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

const UNFINISHED = /[A-Za-z0-9_~+/=.-]/;

/** Builds it. Throws an Error that names a pattern that cannot be used. */
export function createRedactor(options: RedactorOptions): Redactor {
  const names = new Set((options.names ?? []).map(plainName));
  const known = [...new Set(options.values ?? [])]
    .filter((value) => value.length >= VALUE_CHARACTERS_MIN && !value.startsWith(MARK))
    .sort((a, b) => b.length - a.length)
    .map((value) => value.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&'));
  const shapes = `${EDGE}(?:${[...SHAPES, ...(options.patterns ?? []).map(patternSource)].join('|')})`;
  const whole = new RegExp([...known, shapes].join('|'), 'g');
  const led = LED.map((source) => new RegExp(source, 'g'));
  const any = new RegExp([PEM_BEGIN, ...known, shapes, ...LED].join('|'));

  const code = keyedHash(options.key);
  const digest = (bytes: Buffer | string): string => code(bytes).slice(0, 32);
  const mark = (secret: string): string => `${MARK}${digest(secret).slice(0, 16)}]`;
  const text = (shown: string): string => {
    const given = INVISIBLE.test(shown) ? shown.replaceAll(EVERY_INVISIBLE, '') : shown;
    if (!any.test(given)) return given;
    let result = withoutPem(given, mark).replaceAll(whole, mark);
    for (const one of led)
      result = result.replaceAll(one, (all: string, lead: string, secret: string) =>
        secret.startsWith(MARK) ? all : lead + mark(secret),
      );
    return result;
  };
  return {
    text,
    mark,
    digest,
    isSecret: (name) => isSecretName(name, names),
  };
}

/** Of a pattern as an operator writes it. Throws an Error that says what is wrong with it. */
export function patternSource(pattern: string): string {
  const body = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern;
  if (body.includes('*')) throw new Error(`"${pattern}": a * may only stand at the end`);
  if (body.replaceAll(/[#?]/g, '').length < 3)
    throw new Error(`"${pattern}": at least three characters must be fixed`);
  const fixed = body.replaceAll(/[.*+^${}()|[\]\\/-]/g, '\\$&').replaceAll('#', '[0-9]');
  return fixed.replaceAll('?', '[A-Za-z0-9_-]') + (body === pattern ? '' : `${WORD}{0,8192}`);
}

/** Blocks of keys and certificates (RFC 7468); one that has no end goes to the end of the text. */
function withoutPem(text: string, mark: (secret: string) => string): string {
  let at = text.indexOf(PEM_BEGIN);
  if (at < 0) return text;
  let result = '';
  let from = 0;
  while (at >= 0) {
    const end = text.indexOf(PEM_END, at);
    const close = end < 0 ? -1 : text.indexOf('-----', end + PEM_END.length);
    const to = close < 0 ? text.length : close + 5;
    result += text.slice(from, at) + mark(text.slice(at, to));
    from = to;
    at = text.indexOf(PEM_BEGIN, to);
  }
  return result + text.slice(from);
}
