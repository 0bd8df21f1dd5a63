import { describe, expect, test } from 'vitest';
import { parseBody, parseExact } from './json.ts';

const written = (text: string): string => JSON.stringify(parseBody(text));

describe('numbers that a double cannot hold', () => {
  test.each([
    '9007199254740993',
    '-12345678901234567890',
    '0.1234567890123456789',
    '1e400',
    '12345678901234567890.5',
  ])('%s stays what it is in what is a tool or a schema', (number) => {
    for (const text of [
      `{"input":{"id":${number}}}`,
      `{"messages":[{"content":[{"input":{"list":[1,${number}]}}]}]}`,
      `{"tools":[{"function":{"parameters":{"maximum":${number}}}}]}`,
    ])
      expect(written(text)).toBe(text);
  });

  test('are doubles elsewhere, so that whoever reads a member finds a number', () => {
    const value = parseBody('{"seed":12345678901234567890,"messages":[{"at":9007199254740993}]}');
    expect(value).toEqual({ seed: 12345678901234567000, messages: [{ at: 9007199254740992 }] });
  });
});

test.each(['9007199254740992', '1234567890123456', '0.30000000000000004', '1e308', '-1.5e-7'])(
  '%s is a number wherever it stands',
  (number) => {
    expect(parseBody(`{"input":{"x":${number}},"at":9007199254740993}`)).toMatchObject({
      input: { x: Number(number) },
    });
  },
);

test('digits in texts change nothing', () => {
  const text = '{"input":{"text":"of 12345678901234567890, and 1e400"},"id":"12345678901234567890"}';
  expect(written(text)).toBe(text);
});

test('exact parsing keeps every number as it was written', () => {
  expect(JSON.stringify(parseExact('{"a":1.0,"b":1E2,"c":12345678901234567890}'))).toBe(
    '{"a":1.0,"b":1E2,"c":12345678901234567890}',
  );
});
