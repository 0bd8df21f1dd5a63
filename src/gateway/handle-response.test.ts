import { describe, expect, test } from 'vitest';
import { pageOf } from './handle-response.ts';

const ITEMS = Array.from({ length: 25 }, (_, at) => ({ id: `item_${at}` }));
const page = (query: string, items: readonly object[] = ITEMS) =>
  pageOf(items, new URLSearchParams(query)) as {
    data: { id: string }[];
    first_id: string | null;
    last_id: string | null;
    has_more: boolean;
  };

describe('a page of the items of an answer', () => {
  test('has the newest twenty first, where nothing else is asked for', () => {
    const { data, ...rest } = page('');
    expect(data.map(({ id }) => id)).toEqual(
      ITEMS.toReversed()
        .slice(0, 20)
        .map(({ id }) => id),
    );
    expect(rest).toEqual({ object: 'list', first_id: 'item_24', last_id: 'item_5', has_more: true });
  });

  test('goes on where the one before ended, until there is no more', () => {
    const seen: string[] = [];
    let after = '';
    for (let more = true; more; ) {
      const { data, last_id, has_more } = page(`order=asc&limit=10${after}`);
      seen.push(...data.map(({ id }) => id));
      after = `&after=${last_id}`;
      more = has_more;
    }
    expect(seen).toEqual(ITEMS.map(({ id }) => id));
  });

  test('may be empty', () => {
    expect(page('', [])).toEqual({
      object: 'list',
      data: [],
      first_id: null,
      last_id: null,
      has_more: false,
    });
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=few', 'limit'],
    ['order=up', 'order'],
    ['after=item_99', 'after'],
  ])('is not asked for with %s', (query, param) => {
    expect(() => page(query)).toThrow(expect.objectContaining({ status: 400, param }));
  });
});
