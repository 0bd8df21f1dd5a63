import { describe, expect, it } from 'vitest';
import { IdTable } from './id-table.ts';

const COUNT = 1_000;

function filled(): IdTable<{ readonly id: number }> {
  const table = new IdTable<{ readonly id: number }>();
  for (let id = 1; id <= COUNT; id++) table.add({ id });
  return table;
}

describe('a table by number', () => {
  it('finds what is in it and nothing else, whatever was taken out before', () => {
    const table = filled();
    for (let id = 1; id <= COUNT; id += 3) expect(table.delete(id)).toEqual({ id });
    for (let id = 1; id <= COUNT; id++) expect(table.get(id)).toEqual(id % 3 === 1 ? undefined : { id });
    expect(table.size).toBe([...table].length);
    expect(new Set([...table].map(({ id }) => id)).size).toBe(table.size);
  });

  it('has nothing for numbers that nothing has', () => {
    const table = filled();
    for (const id of [0, -1, COUNT + 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(table.get(id)).toBeUndefined();
      expect(table.delete(id)).toBeUndefined();
    }
    expect(table.size).toBe(COUNT);
  });

  it('shows everything once while each item is taken out in its turn', () => {
    const table = filled();
    const seen = [...table].length;
    let shown = 0;
    for (const { id } of table) {
      shown++;
      table.delete(id);
    }
    expect([seen, shown, table.size]).toEqual([COUNT, COUNT, 0]);
  });
});
