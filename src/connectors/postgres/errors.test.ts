import { expect, test } from 'vitest';
import { isSqlState } from './errors.ts';

test.each([
  ['42P01', true],
  ['XX000', true],
  ['P0001', true],
  ['EPIPE', false],
  ['ECONNRESET', false],
  [undefined, false],
])('an error of the operating system is not taken for one of PostgreSQL: %j', (code, expected) => {
  expect(isSqlState(code)).toBe(expected);
});
