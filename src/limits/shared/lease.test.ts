import { expect, test } from 'vitest';
import { Lease } from './lease.ts';

test('of two budget periods the newer counts, in whichever order calls of them end', () => {
  const lease = new Lease('key:k:budget:86400000::', 'b', '{}');
  lease.use(5, 100);
  lease.use(7, 200);
  // A long call that began in the period before.
  lease.use(11, 100);
  lease.use(13, 200);
  expect(lease.tell(false)).toEqual([
    { name: lease.name, kind: 'b', back: 0, second: 0, used: 20, from: 200, holds: undefined, label: '{}' },
  ]);
  expect(lease.tell(false)).toEqual([]);
});

test('what the ledger knows a budget by is told with what was spent of it, once, and again when Redis was away', () => {
  const lease = new Lease('key:k:budget:ever::', 'b', '{}');
  const labels = (): (string | undefined)[] => lease.tell(false).map(({ label }) => label);
  lease.giveBack(1, 0);
  expect(labels()).toEqual([undefined]);
  lease.use(1, 0);
  expect(labels()).toEqual(['{}']);
  lease.use(1, 0);
  expect(labels()).toEqual([undefined]);
  lease.cut();
  lease.use(1, 0);
  expect(labels()).toEqual(['{}']);
});
