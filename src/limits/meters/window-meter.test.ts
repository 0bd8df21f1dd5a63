import { expect, it } from 'vitest';
import { seededRandom } from '../../../test/support/seeded-random.ts';
import { WINDOW_MS, WindowMeter } from './window-meter.ts';

const SLOT_MS = 100;
const seed = Number(process.env['TEST_SEED'] ?? 20_261_121);

interface Entry {
  readonly at: number;
  amount: number;
}

const sumOf = (entries: readonly Entry[], from: number, to: number): number =>
  entries.reduce((sum, { at, amount }) => (at >= from && at < to ? sum + amount : sum), 0);

it('never lets more through in any 60 s than the limit, and forgets nothing later than 60.1 s', () => {
  for (let round = 0; round < 40; round++) {
    const random = seededRandom(seed + round);
    const limit = 1 + random.int(40);
    const meter = new WindowMeter();
    const entries: Entry[] = [];
    let now = random.int(1_000_000);
    for (let step = 0; step < 600; step++) {
      now += random.int(3) === 0 ? random.int(20_000) : random.int(200);
      const amount = 1 + random.int(5);
      // What is certain to count, and what may count still.
      const certain = sumOf(entries, now - WINDOW_MS, now + 1);
      const possible = sumOf(entries, now - WINDOW_MS - SLOT_MS, now + 1);
      const free = meter.free(limit, now);
      expect(free).toBeLessThanOrEqual(limit - certain);
      expect(free).toBeGreaterThanOrEqual(limit - possible);
      if (amount <= free) {
        meter.take(amount, now);
        entries.push({ at: now, amount });
      }
      const taken = entries[random.int(entries.length + 1)];
      if (taken !== undefined && random.int(4) === 0) {
        const used = random.int(taken.amount + 1);
        meter.settle(taken.amount, used, taken.at, now);
        // What is not counted any more is given back to nobody.
        taken.amount = used;
      }
    }
    for (const { at } of entries) expect(sumOf(entries, at, at + WINDOW_MS)).toBeLessThanOrEqual(limit);
  }
});

it('counts what was used above what was taken, from then on', () => {
  const meter = new WindowMeter();
  meter.take(10, 0);
  meter.settle(10, 25, 0, 30_000);
  expect(meter.free(100, 30_000)).toBe(75);
  expect(meter.free(100, 60_100)).toBe(85);
  expect(meter.free(100, 90_100)).toBe(100);
});

it('says when there will be room, and there is then and not before', () => {
  const meter = new WindowMeter();
  meter.take(5, 1_000);
  meter.take(3, 2_000);
  expect(meter.untilFree(1, 10, 2_000)).toBe(0);
  const wait = meter.untilFree(6, 10, 2_000)!;
  expect(meter.free(10, 2_000 + wait - 1)).toBeLessThan(6);
  expect(meter.free(10, 2_000 + wait)).toBeGreaterThanOrEqual(6);
  expect(meter.untilFree(11, 10, 2_000)).toBeUndefined();
  expect(meter.isIdle(62_100)).toBe(true);
});
