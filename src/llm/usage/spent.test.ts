import { expect, test } from 'vitest';
import { NO_USAGE, spentOf, sumOf } from './spent.ts';

const TOLD = { ...NO_USAGE, input: 10, output: 5, cacheRead: 4, tier: 'priority' };
const input = (): number => 70;
const unasked = (): number => {
  throw new Error('the request was estimated for nothing');
};

test('what the provider told at the end is billed as it is', () => {
  expect(spentOf({ usage: TOLD, untold: 0, isWorkedOn: true }, unasked)).toEqual({
    usage: TOLD,
    isEstimated: false,
  });
});

test('what was said after the last count is added to it', () => {
  expect(spentOf({ usage: TOLD, untold: 2.2, isWorkedOn: true }, unasked)).toEqual({
    usage: { ...TOLD, output: 8 },
    isEstimated: true,
  });
});

test('of a provider that told nothing, both sides are estimated', () => {
  const estimated = { ...NO_USAGE, input: 70, output: 3 };
  expect(spentOf({ usage: undefined, untold: 2.2, isWorkedOn: true }, input)).toEqual({
    usage: estimated,
    isEstimated: true,
  });
  expect(spentOf({ usage: NO_USAGE, untold: 2.2, isWorkedOn: true }, input)).toEqual({
    usage: estimated,
    isEstimated: true,
  });
});

test('of a turn that came to nothing, only what the provider told is billed', () => {
  expect(spentOf({ usage: undefined, untold: 0, isWorkedOn: false }, unasked)).toBeUndefined();
  const told = { ...NO_USAGE, input: 0, output: 0 };
  expect(spentOf({ usage: told, untold: 0, isWorkedOn: false }, unasked)?.isEstimated).toBe(false);
});

test('turns are added up', () => {
  expect(sumOf(undefined, TOLD)).toBe(TOLD);
  expect(sumOf(TOLD, TOLD)).toEqual({ ...NO_USAGE, input: 20, output: 10, cacheRead: 8 });
});
