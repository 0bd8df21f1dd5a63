import { expect, test } from 'vitest';
import { allSaidBytes, firstSaidBytes, saidBytes } from './said-bytes.ts';

test.each([
  ['{"text":"four"}', 4],
  ['{ "text" : "four" }', 4],
  ['{"text":"say \\"hi\\" \\\\"}', 13],
  ['{"text":"a","more":{"text":"bc"}}', 3],
  ['{"text":null,"text":{"text":"x"}}', 1],
  ['{"context":"four"}', 0],
  ['{"other":"\\"text\\":\\"no member\\""}', 0],
  ['{"text":"cut o', 5],
  ['{"text"', 0],
])('of %s, the texts of a member have %i bytes', (json, bytes) => {
  expect(saidBytes(json, 'text"')).toBe(bytes);
});

test('of several members, the first that says something counts, or all', () => {
  const json = '{"a":"","b":"12","c":"345"}';
  expect(firstSaidBytes(json, ['a"', 'b"', 'c"'])).toBe(2);
  expect(allSaidBytes(json, ['a"', 'b"', 'c"'])).toBe(5);
  expect(firstSaidBytes(json, ['x"'])).toBe(0);
});
