import { createHmac, createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifies } from '../../test/support/verifies.ts';
import { redactBody } from './redact-body.ts';
import { createRedactor, patternSource } from './redact.ts';
import { withoutLiterals } from './sql-literals.ts';

const KEY = createSecretKey(Buffer.alloc(32, 7));
const redactor = createRedactor({
  key: KEY,
  names: ['SSN'],
  patterns: ['ACME-####-*', 'id_????'],
  values: ['quiet.value+1'],
});
const MARKED = /\[redacted:[0-9a-f]{16}\]/g;
const bare = (text: string): string => redactor.text(text).replaceAll(MARKED, '*');
const body = (text: string, isCut = false): string =>
  redactBody(text, redactor, { isCut }).replaceAll(MARKED, '*');

test.each([
  ['sk-abcdefgh12 and sk_live_abcdefgh', '* and *'],
  ['ghp_0123456789abcdef0123 github_pat_0123456789abcdef', '* *'],
  ['xoxb-1234-5678-abc glpat-0123456789abcdef', '* *'],
  ['AKIAABCDEFGHIJKLMNOP AIzaSyA0123456789abcdefghij', '* *'],
  ['eyJhbGciOiJI.eyJzdWIiOiIx.sig-nature', '*'],
  ['postgres://user:p@ss@host/db', 'postgres://user:*@host/db'],
  ['https://h/x?api_key=abc123&y=1&key=abcd', 'https://h/x?api_key=*&y=1&key=*'],
  ['Authorization: Bearer abcdefgh', 'Authorization: Bearer *'],
  ['Authorization: Basic dXNlcjpwYXNz', 'Authorization: Basic *'],
  ['bearer abcdefghij', 'bearer *'],
  ['Cookie: a=b; c=d', 'Cookie: *'],
  ['password=hunter2, PGPASSWORD: hunter3', 'password=*, PGPASSWORD: *'],
  ["client_secret => 'two words'", "client_secret => '*'"],
  ['-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nrest', '*\nrest'],
  ['-----BEGIN RSA PRIVATE KEY-----\nabc', '*'],
  ['a quiet.value+1 b', 'a * b'],
  ['ACME-1234-xyz id_ab12', '* *'],
  ['s\u200bk-abcdef\u200egh12', '*'],
])('%j leaves %j', (text, clean) => {
  expect(bare(text)).toBe(clean);
});

test.each([
  'task-management and desk-lamps',
  'max_tokens: 100',
  'a basic understanding of tokens',
  'https://host.example/path?page=2',
  'virtual_keys[0].mcp_servers',
  'tools-echo',
  'claude-code/1.2.3 (linux; x64)',
  'gpt-4o-mini-2024-07-18',
  '019355e4-7a6f-7b3f-8000-000000000000',
])('%j is no secret', (text) => {
  expect(redactor.text(text)).toBe(text);
});

test('what stands for a secret is its keyed code, the same wherever it stands, and stays as it is', () => {
  verifies('ledger:secrets-codes');
  const code = createHmac('sha256', KEY).update('hunter22').digest('hex');
  expect(redactor.text('password=hunter22')).toBe(`password=[redacted:${code.slice(0, 16)}]`);
  expect(redactor.mark('hunter22')).toBe(`[redacted:${code.slice(0, 16)}]`);
  expect(redactor.digest('hunter22')).toBe(code.slice(0, 32));
  const once = redactor.text('password=hunter22 cookie: a=b https://u:pw12@h/');
  expect(redactor.text(once)).toBe(once);
  const other = createRedactor({ key: createSecretKey(Buffer.alloc(32, 8)) });
  expect(other.mark('hunter22')).not.toBe(redactor.mark('hunter22'));
});

test.each([
  ['{"password":"x y","n":1}', '{"password":"*","n":1}'],
  ['{"apiKey": ["a", {"b": 1}], "x": 2}', '{"apiKey": "*", "x": 2}'],
  [
    '{"token":null,"secret":true,"max_tokens":5,"tokens":12}',
    '{"token":null,"secret":true,"max_tokens":5,"tokens":12}',
  ],
  ['{"pin_password":1234}', '{"pin_password":"*"}'],
  ['{"progressToken":"abc-def-ghi"}', '{"progressToken":"abc-def-ghi"}'],
  ['{"ssn":"1","text":"sk-abcdefgh12"}', '{"ssn":"*","text":"*"}'],
  ['{"t":"{\\"token\\":\\"abc\\"}"}', '{"t":"{\\"token\\":\\"*\\"}"}'],
  ['{"t":"say password=\\"a b c\\" now"}', '{"t":"say password=\\"*\\" now"}'],
  ['{"\\u0070assword":"abc"}', '{"\\u0070assword":"*"}'],
  ['{"sk-abcdefgh12":1}', '{"*":1}'],
  ['{"sql":"SELECT 1 WHERE a = \'x\'"}', '{"sql":"SELECT ? WHERE a = ?"}'],
  ['{"query":"weather in 2026"}', '{"query":"weather in 2026"}'],
  ['data: {"token":"abc"}\n\ndata: {"x":"y"}', 'data: {"token":"*"}\n\ndata: {"x":"y"}'],
  ['plain text, token=abc', 'plain text, token=*'],
  ['{"a":1.50,"b":"\\/"}', '{"a":1.50,"b":"\\/"}'],
])('a body %s becomes %s', (text, clean) => {
  expect(body(text)).toBe(clean);
});

test.each([
  ['{"text":"use sk-abc', '{"text":"use '],
  ['{"password":"hunt', '{"password":"*"'],
  ['{"inner":"{\\"password\\":\\"hunt', '{"inner":"{\\"password\\":\\"'],
  ['{"credentials":{"a":"b', '{"credentials":"*"'],
])('a body that is cut off, %s, keeps nothing of what it ends in', (text, clean) => {
  expect(body(text, true)).toBe(clean);
});

test.each([
  ["select 1.5, 'it''s', E'a\\'b', $$x$$, $t$y$t$ from t1", 'select ?, ?, ?, ?, ? from t1'],
  [
    'with a as (select $1) select "x""1" -- 5\n, /* 6 /* 7 */ 8 */ 9',
    'with a as (select $1) select "x""1" \n,  ?',
  ],
  ["ALTER ROLE x PASSWORD 'abc", 'ALTER ROLE x PASSWORD ?'],
  ['select $a$ never ends', 'select ?'],
])('the SQL %s becomes %s', (sql, clean) => {
  expect(withoutLiterals(sql)).toBe(clean);
});

test('a text that is no SQL is left alone', () => {
  expect(withoutLiterals('how many people are 30 years old?')).toBeUndefined();
});

test('patterns that would be slow, or fit everything, are refused', () => {
  expect(() => patternSource('a*b')).toThrow('a * may only stand at the end');
  expect(() => patternSource('##*')).toThrow('at least three characters');
});

test('no text makes it slow: what would be minutes of quadratic work is done at once', () => {
  verifies('ledger:redaction-linear');
  const evil = [
    'sk-',
    '://a:',
    'password=',
    'eyJ',
    'a',
    '"',
    '\\"',
    '{"a":',
    '"password":{',
    '-----BEGIN ',
    'basic ',
    '?key=',
    'cookie: ',
    '" : ',
    '"token":[[',
    "select '",
    '$a$',
    '/*',
    'select 1.',
    'gh',
    'AIza',
    'bearer a',
    "secret='",
    'token= ',
    'ACME-1234-',
    'AKIA',
    'x_key_',
  ];
  for (const piece of evil) {
    const text = piece.repeat(Math.ceil(500_000 / piece.length));
    expect(typeof redactBody(text, redactor, { isCut: true })).toBe('string');
    expect(
      typeof redactBody(JSON.stringify({ sql: `select ${text}`, text }), redactor, { isCut: false }),
    ).toBe('string');
  }
});
