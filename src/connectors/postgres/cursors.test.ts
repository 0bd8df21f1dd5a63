import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../core/clock.ts';
import { SEAL_SECRET_BYTES } from '../../core/seal.ts';
import { Cursors, type Page } from './cursors.ts';

function cursorsWith(secret: Uint8Array, clock: Clock, scope = 'shop'): Cursors {
  return new Cursors(() => [secret], scope, clock);
}

const PAGE: Page = { database: 'main', tool: 'execute_sql', args: { sql: 'SELECT 1' }, skip: 200 };

test('a cursor holds half an hour, then says that it has expired', () => {
  let now = 1_000_000;
  const cursors = cursorsWith(randomBytes(SEAL_SECRET_BYTES), { now: () => now, monotonicMs: () => now });
  const cursor = cursors.write(PAGE, 'anna')!;
  now += 30 * 60_000;
  expect(cursors.read(cursor, 'anna')).toEqual(PAGE);
  now += 1_001;
  expect(() => cursors.read(cursor, 'anna')).toThrow(/has expired: a cursor holds 30 minutes/);
});

test('a cursor goes no further than 100,000 rows', () => {
  const cursors = cursorsWith(randomBytes(SEAL_SECRET_BYTES), { now: () => 0, monotonicMs: () => 0 });
  expect(cursors.write({ ...PAGE, skip: 100_000 }, undefined)).not.toBeNull();
  expect(cursors.write({ ...PAGE, skip: 100_001 }, undefined)).toBeNull();
});

test('a cursor opens in every process with the same secret, for the same server and the same principal only', () => {
  const secret = randomBytes(SEAL_SECRET_BYTES);
  const cursor = cursorsWith(secret, systemClock).write(PAGE, 'anna')!;
  expect(cursorsWith(secret, systemClock).read(cursor, 'anna')).toEqual(PAGE);
  const others = [
    [cursorsWith(secret, systemClock), 'bob'],
    [cursorsWith(secret, systemClock), undefined],
    [cursorsWith(secret, systemClock, 'hr'), 'anna'],
    [cursorsWith(randomBytes(SEAL_SECRET_BYTES), systemClock), 'anna'],
  ] as const;
  for (const [cursors, principal] of others)
    expect(() => cursors.read(cursor, principal)).toThrow(/is not a next_cursor that was given to you here/);
});
