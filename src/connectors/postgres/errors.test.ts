import { expect, test } from 'vitest';
import { describeConnectError, isSqlState } from './errors.ts';

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

test.each([
  [
    'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string',
    /wants a password, and the database URL has none/,
  ],
  ['The server does not support SSL connections', /turn TLS on at the server, or take sslmode out/],
])('what the driver says of a connection is told with what to do: %s', (message, told) => {
  expect(describeConnectError(new Error(message))).toMatch(told);
});
