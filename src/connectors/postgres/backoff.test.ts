import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';

test('the first failures are tried again at once, further ones ever later, at most 5 s apart, until one succeeds', () => {
  let now = 0;
  const backoff = new Backoff(
    () => now,
    () => 1,
  );
  const waits: number[] = [];
  for (let failure = 1; failure <= 10; failure++) {
    backoff.failed('it is down');
    const from = now;
    while (backoff.refusal() !== undefined) now += 50;
    waits.push(now - from);
  }
  expect(waits).toEqual([0, 0, 0, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  backoff.failed('it is down');
  expect(backoff.refusal()).toBe('it is down; it is tried again in 5.0 s');
  backoff.succeeded();
  expect(backoff.refusal()).toBeUndefined();
  backoff.failed('it is down');
  expect(backoff.refusal()).toBeUndefined();
});
