import { expect, it } from 'vitest';
import { filterOf } from '../ledger/call-filter.ts';
import { openPeriodOf, periodOf } from './period.ts';

const NOW = Date.parse('2026-11-21T10:00:00Z');

it('a period ends with its last day, and is the last 30 days where nothing is said', () => {
  expect(periodOf('2026-11-01', '2026-11-02', NOW)).toEqual({
    from: Date.parse('2026-11-01T00:00:00Z'),
    to: Date.parse('2026-11-03T00:00:00Z'),
  });
  expect(periodOf(undefined, undefined, NOW)).toEqual({
    from: Date.parse('2026-10-23T00:00:00Z'),
    to: Date.parse('2026-11-22T00:00:00Z'),
  });
  expect(openPeriodOf('2027-01-01', undefined, NOW)).toMatchObject({ from: Date.parse('2027-01-01') });
});

it('dates that were exchanged are refused, not answered with nothing', () => {
  for (const of of [periodOf, openPeriodOf])
    expect(() => of('2026-11-20', '2026-11-01', NOW)).toThrow('start_date is after end_date');
  const deps = { now: () => NOW } as Parameters<typeof filterOf>[1];
  expect(() => filterOf({ since: '1d', until: '7d' }, deps)).toThrow('since is after until');
  expect(filterOf({ since: '7d', until: '1d' }, deps)).toEqual({
    from: NOW - 7 * 86_400_000,
    to: NOW - 86_400_000,
  });
});
