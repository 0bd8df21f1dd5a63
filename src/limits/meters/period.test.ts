import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../test/support/seeded-random.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { BudgetMeter } from './budget-meter.ts';
import { calendarOf, isTimeZone } from './calendar.ts';
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

describe('budget periods in a time zone', () => {
  it.each([
    ['a day', 'Asia/Kolkata', '1d', '2026-11-21T18:29:59Z', '2026-11-20T18:30', '2026-11-21T18:30'],
    ['the next', 'Asia/Kolkata', '1d', '2026-11-21T18:30:00Z', '2026-11-21T18:30', '2026-11-22T18:30'],
    ['of 23 hours', 'Europe/Berlin', '1d', '2026-03-29T12:00:00Z', '2026-03-28T23:00', '2026-03-29T22:00'],
    ['of 25 hours', 'Europe/Berlin', '1d', '2026-10-25T00:30:00Z', '2026-10-24T22:00', '2026-10-25T23:00'],
    [
      'its second half',
      'Europe/Berlin',
      '12h',
      '2026-10-25T22:30:00Z',
      '2026-10-25T10:00',
      '2026-10-25T23:00',
    ],
    ['its 25th hour', 'Europe/Berlin', '1h', '2026-10-25T22:30:00Z', '2026-10-25T22:00', '2026-10-25T23:00'],
    ['a week', 'US/Eastern', '7d', '2026-03-08T12:00:00Z', '2026-03-02T05:00', '2026-03-09T04:00'],
    ['a month', 'Europe/Berlin', '30d', '2026-03-31T21:59:59Z', '2026-02-28T23:00', '2026-03-31T22:00'],
    ['over the year', 'Asia/Tokyo', '30d', '2026-12-31T15:00:00Z', '2026-12-31T15:00', '2027-01-31T15:00'],
    [
      'without midnight',
      'America/Santiago',
      '1d',
      '2026-09-06T05:00:00Z',
      '2026-09-06T04:00',
      '2026-09-07T03:00',
    ],
    ['before it', 'America/Santiago', '1d', '2026-09-06T03:59:59Z', '2026-09-05T04:00', '2026-09-06T04:00'],
    [
      'midnight twice',
      'America/Santiago',
      '1d',
      '2026-04-05T03:30:00Z',
      '2026-04-04T03:00',
      '2026-04-05T04:00',
    ],
    ['a day left out', 'Pacific/Apia', '1d', '2011-12-30T12:00:00Z', '2011-12-30T10:00', '2011-12-31T10:00'],
    [
      'no part of a day',
      'Europe/Berlin',
      '5h',
      '2026-11-21T12:30:00Z',
      '2026-11-21T08:00',
      '2026-11-21T13:00',
    ],
  ])('%s in %s, %s', (_name, zone, length, now, from, to) => {
    verifies('limits:time-zone');
    const [, count, unit] = /^(\d+)([dh])$/.exec(length)!;
    const period = periodAt(
      at(now),
      Number(count) * (unit === 'd' ? DAY_MS : HOUR_MS),
      undefined,
      calendarOf(zone),
    );
    expect(period).toEqual({ from: at(`${from}Z`), to: at(`${to}Z`) });
  });

  it('follow each other without a gap, in every zone and over every change of its clocks', () => {
    verifies('limits:time-zone');
    const random = seededRandom(20_261_121);
    const zones = Intl.supportedValuesOf('timeZone');
    const lengths = [1 / 24, 0.25, 0.5, 1, 2, 3, 7, 10, 30, 60].map((days) => days * DAY_MS);
    const wrong: unknown[] = [];
    for (const zone of zones) {
      const calendar = calendarOf(zone);
      for (let round = 0; round < 8; round++) {
        const length = random.pick(lengths);
        const now = at('1990-01-01T00:00Z') + Math.floor(random.next() * 50 * 365 * DAY_MS);
        const { from, to } = periodAt(now, length, undefined, calendar);
        const of = (ms: number) => periodAt(ms, length, undefined, calendar);
        const isRight =
          from <= now && now < to && of(from).from === from && of(to - 1).to === to && of(to).from === to;
        if (!isRight) wrong.push({ zone, now, length, from, to });
      }
    }
    expect(wrong).toEqual([]);
  });

  it('go on with the calendar of the zone when the reset lies where it has it', () => {
    const { from, to } = periodAt(
      at('2026-04-02T00:00Z'),
      DAY_MS,
      at('2026-01-31T23:00Z'),
      calendarOf('Europe/Berlin'),
    );
    expect([from, to]).toEqual([at('2026-04-01T22:00Z'), at('2026-04-02T22:00Z')]);
  });

  it('of a zone that is none are not known', () => {
    expect(['Europe/Berlin', 'US/Eastern', 'UTC', 'Mars/Olympus', ''].map(isTimeZone)).toEqual([
      true,
      true,
      true,
      false,
      false,
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
