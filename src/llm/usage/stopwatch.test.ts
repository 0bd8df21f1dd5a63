import { expect, test } from 'vitest';
import { Stopwatch } from './stopwatch.ts';

test('what overlaps counts once, and what lies between does not count', () => {
  const watch = new Stopwatch();
  expect(watch.ms(5)).toBeUndefined();
  watch.start(10);
  watch.start(12);
  watch.stop(15);
  expect(watch.ms(16)).toBe(6);
  watch.stop(20);
  expect(watch.ms(100)).toBe(10);
  watch.start(100);
  watch.stop(101);
  expect(watch.ms(200)).toBe(11);
});
