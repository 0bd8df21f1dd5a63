import { describe, expect, it } from 'vitest';
import { measured } from './measure.ts';
import { median, percentile, ratioInterval, spread } from './statistics.ts';

describe('statistics', () => {
  it('give medians, percentiles and spreads', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2);
    expect(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.5)).toBe(6);
    expect(percentile([1, 2, 3], 0.99)).toBe(3);
    expect(spread([90, 100, 120])).toBeCloseTo(0.3);
  });

  it('tell how sure a ratio is', () => {
    expect(ratioInterval([2, 2, 2], [1, 1, 1])).toEqual([2, 2]);
    // Of five repeats drawn anew, three or more are the lowest with 5.8 %; of nine, five or more are the lowest two with 3 %, the lowest three with 14 %.
    expect(ratioInterval([1, 2, 3, 4, 5], [1, 1, 1, 1, 1])).toEqual([1, 5]);
    expect(
      ratioInterval(
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        Array.from({ length: 9 }, () => 1),
      ),
    ).toEqual([3, 7]);
    // A machine that was slow for one repeat was so for both of its values.
    expect(ratioInterval([10, 20, 30], [10, 20, 30])).toEqual([1, 1]);
    expect(() => ratioInterval([1], [1, 2])).toThrow(/each repeat/);
  });

  it('refuse to speak of nothing', () => {
    expect(() => ratioInterval([], [])).toThrow(/nothing/);
    expect(() => median([])).toThrow(/nothing/);
    expect(() => percentile([], 0.5)).toThrow(/nothing/);
  });
});

describe('a measurement', () => {
  const load = { requests: 1_000, failures: 0, seconds: 2, p50Us: 100, p99Us: 300 };

  it('divides the processor time by the requests', () => {
    expect(measured('x', load, 50_000)).toMatchObject({ requestsPerSecond: 500, cpuUs: 50 });
  });

  it('fails when nothing was answered, or something wrongly', () => {
    expect(() => measured('x', { ...load, requests: 0 }, 1)).toThrow(/no request/);
    expect(() => measured('x', { ...load, failures: 1 }, 1)).toThrow(/1 wrong/);
  });
});
