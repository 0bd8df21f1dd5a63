import { describe, expect, it } from 'vitest';
import { IdSet } from './id-set.ts';
import { Roster, type Seated } from './roster.ts';

interface Named extends Seated {
  readonly name: number;
}

/** The same sequence of numbers in every run. */
function numbers(): (max: number) => number {
  let seed = 7;
  return (max) => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (seed >> 8) % max;
  };
}

describe('a roster', () => {
  it('holds what was added and not taken out, each once, whatever the order', () => {
    const random = numbers();
    const items: Named[] = Array.from({ length: 50 }, (_one, name) => ({ name, seat: -1 }));
    const roster = new Roster<Named>();
    const expected = new Set<Named>();
    for (let step = 0; step < 5_000; step++) {
      const item = items[random(items.length)]!;
      if (random(2) === 0) {
        roster.add(item);
        expected.add(item);
      } else {
        roster.delete(item);
        expected.delete(item);
      }
      expect(roster.size).toBe(expected.size);
    }
    expect(new Set(roster)).toEqual(expected);
    expect([...roster]).toHaveLength(expected.size);
  });

  it('shows everything once while each item is taken out in its turn', () => {
    const roster = new Roster<Named>();
    for (let name = 0; name < 10; name++) roster.add({ name, seat: -1 });
    const seen: number[] = [];
    for (const item of roster) {
      seen.push(item.name);
      if (item.name % 3 !== 0) roster.delete(item);
    }
    expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...roster].map((item) => item.name).sort((a, b) => a - b)).toEqual([0, 3, 6, 9]);
  });
});

describe('a set of ids', () => {
  it('holds what was added and not taken out', () => {
    const random = numbers();
    const set = new IdSet();
    const expected = new Set<string>();
    for (let step = 0; step < 5_000; step++) {
      const id = ['', 'a', 'ä', 'same-tail'][random(4)]! + random(60);
      if (random(2) === 0) {
        set.add(id);
        expected.add(id);
      } else expect(set.delete(id)).toBe(expected.delete(id));
      expect(set.size).toBe(expected.size);
    }
  });
});
