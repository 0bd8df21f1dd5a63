import { describe, expect, it } from 'vitest';
import { BudgetMeter } from './budget-meter.ts';
import { periodAt } from './period.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const at = (text: string): number => Date.parse(text);
const shown = (now: string, durationMs: number, resetAt?: string): string[] => {
  const { from, to } = periodAt(at(now), durationMs, resetAt === undefined ? undefined : at(resetAt));
  return [from, to].map((time) => new Date(time).toISOString());
};

describe('budget periods', () => {
  it.each([
    ['1d', '2026-11-21T12:30:00Z', DAY_MS, '2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z'],
    [
      '7d, from Monday',
      '2026-11-21T12:30:00Z',
      7 * DAY_MS,
      '2026-11-16T00:00:00.000Z',
      '2026-11-23T00:00:00.000Z',
    ],
    [
      '30d, a month',
      '2026-02-21T12:30:00Z',
      30 * DAY_MS,
      '2026-02-01T00:00:00.000Z',
      '2026-03-01T00:00:00.000Z',
    ],
    [
      '30d, over the year',
      '2026-12-31T23:59:59Z',
      30 * DAY_MS,
      '2026-12-01T00:00:00.000Z',
      '2027-01-01T00:00:00.000Z',
    ],
    ['1h', '2026-11-21T12:30:00Z', HOUR_MS, '2026-11-21T12:00:00.000Z', '2026-11-21T13:00:00.000Z'],
  ])('%s', (_name, now, durationMs, from, to) => {
    expect(shown(now, durationMs)).toEqual([from, to]);
    expect(shown(from, durationMs)).toEqual([from, to]);
  });

  it('end when it was said, and whole durations before and after', () => {
    const said = ['2026-11-21T09:15:00.000Z', '2026-11-22T09:15:00.000Z'];
    expect(shown('2026-11-21T12:30:00Z', DAY_MS, '2026-11-01T09:15:00Z')).toEqual(said);
    expect(shown('2026-11-21T12:30:00Z', DAY_MS, '2027-01-01T09:15:00Z')).toEqual(said);
  });

  it('end, whatever stands in the database', () => {
    expect(shown('2026-11-21T12:30:00Z', 0)).toEqual([
      '2026-11-21T12:30:00.000Z',
      '2026-11-21T12:30:01.000Z',
    ]);
    expect(shown('2026-11-21T12:30:00Z', 0, '2026-11-21T12:00:00.500Z')).toEqual([
      '2026-11-21T12:29:59.500Z',
      '2026-11-21T12:30:00.500Z',
    ]);
  });

  it('go on with the calendar when the reset lies where the calendar has it', () => {
    expect(shown('2026-03-15T00:00:00Z', 30 * DAY_MS, '2026-02-01T00:00:00Z')).toEqual([
      '2026-03-01T00:00:00.000Z',
      '2026-04-01T00:00:00.000Z',
    ]);
  });
});

describe('a budget', () => {
  it('begins anew with its period; a call that began before belongs to the period before', () => {
    let now = at('2026-11-21T23:59:00Z');
    let monotonic = 0;
    const pass = (ms: number): void => {
      now += ms;
      monotonic += ms;
    };
    const budget = new BudgetMeter({ now: () => now, monotonicMs: () => monotonic }, DAY_MS);
    budget.begin(40, budget.period.from);
    budget.take(10, monotonic);
    expect(budget.free(100)).toBe(50);
    pass(120_000);
    expect([budget.used(), budget.free(100)]).toEqual([0, 90]);
    budget.settle(10, 7, 0, monotonic);
    expect([budget.used(), budget.free(100)]).toEqual([0, 100]);
    const from = monotonic;
    budget.take(5, from);
    pass(1_000);
    budget.settle(5, 3, from, monotonic);
    expect(budget.used()).toBe(3);
    expect(budget.untilFree(98, 100)).toBe(DAY_MS - 61_000);
    expect(budget.untilFree(101, 100)).toBeUndefined();
  });

  it('warns once in each period', () => {
    const budget = new BudgetMeter({ now: () => 0, monotonicMs: () => 0 }, undefined);
    budget.begin(5, 0);
    expect([budget.passes(6), budget.passes(5), budget.passes(5)]).toEqual([false, true, false]);
  });
});
