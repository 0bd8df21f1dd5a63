import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { SEAL_SECRET_BYTES } from '../../core/seal.ts';
import { Cursors, type Page } from './cursors.ts';

const PAGE: Page = { database: 'main', tool: 'execute_sql', args: { sql: 'SELECT 1' }, skip: 200 };

test('a cursor holds half an hour, then says that it has expired', () => {
  let now = 1_000_000;
  const cursors = new Cursors(randomBytes(SEAL_SECRET_BYTES), { now: () => now, monotonicMs: () => now });
  const cursor = cursors.write(PAGE, 'anna')!;
  now += 30 * 60_000;
  expect(cursors.read(cursor, 'anna')).toEqual(PAGE);
  now += 1_001;
  expect(() => cursors.read(cursor, 'anna')).toThrow(/has expired: a cursor holds 30 minutes/);
});

test('a cursor goes no further than 100,000 rows', () => {
  const cursors = new Cursors(randomBytes(SEAL_SECRET_BYTES), { now: () => 0, monotonicMs: () => 0 });
  expect(cursors.write({ ...PAGE, skip: 100_000 }, undefined)).not.toBeNull();
  expect(cursors.write({ ...PAGE, skip: 100_001 }, undefined)).toBeNull();
});
