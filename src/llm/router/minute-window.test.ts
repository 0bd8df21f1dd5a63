import { expect, test } from 'vitest';
import { randomSource } from '../../../test/support/random.ts';
import { MinuteWindow } from './minute-window.ts';

test('it counts what a list of all amounts of the last sixty seconds counts, and knows when it is free', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = randomSource(seed);
    const window = new MinuteWindow();
    const all: { second: number; amount: number }[] = [];
    let nowMs = random.below(1e9);
    const sumAt = (ms: number): number =>
      all
        .filter(({ second }) => Math.floor(ms / 1_000) - second < 60)
        .reduce((sum, { amount }) => sum + amount, 0);
    for (let step = 0; step < 200; step++) {
      nowMs += random.chance(0.05) ? random.below(200_000) : random.below(3_000);
      const amount = random.below(50);
      window.add(nowMs, amount);
      all.push({ second: Math.floor(nowMs / 1_000), amount });
      expect(window.sum(nowMs), `seed ${seed}`).toBe(sumAt(nowMs));
      const bound = 1 + random.below(500);
      const freeMs = window.freeMs(nowMs, bound);
      expect(sumAt(nowMs + freeMs), `seed ${seed}`).toBeLessThan(bound);
      if (freeMs > 0) expect(sumAt(nowMs + freeMs - 1), `seed ${seed}`).toBeGreaterThanOrEqual(bound);
    }
  }
});

test('a bound of zero is never free', () => {
  expect(new MinuteWindow().freeMs(5_000, 0)).toBe(60_000);
});
