import { z } from 'zod';
import type { AccountPage, AccountQuery } from '../../keys/key-directory.ts';
import { PAGE_MAX } from '../../keys/key-directory.ts';

/** How many entries a page of a list has. */
const SIZE = { standard: 10, max: 100 } as const;

export const page = z.coerce.number().int().min(1).default(1).describe('The first page is 1.');
export const pageSize = z.coerce
  .number()
  .int()
  .min(1)
  .max(SIZE.max)
  .default(SIZE.standard)
  .describe(`Entries on a page, at most ${SIZE.max}.`);
/** `true` and `false` as a query says them. */
export const flag = z
  .enum(['true', 'false', 'True', 'False', '1', '0'])
  .transform((text) => /^(?:true|1)$/i.test(text));
export const sortOrder = z.enum(['asc', 'desc']).default('desc');

/** Every entry that fits, whatever the number of pages. */
export function everything<T>(
  list: (query: AccountQuery) => AccountPage<T>,
  query: AccountQuery,
): readonly T[] {
  const all: T[] = [];
  for (let number = 1; ; number++) {
    const { items, total } = list({ ...query, page: number, size: PAGE_MAX });
    all.push(...items);
    if (items.length === 0 || all.length >= total) return all;
  }
}

/** A page out of all entries, and the counts that LiteLLM answers with it. */
export function pageOf<T>(
  all: readonly T[],
  number: number,
  size: number,
): { readonly items: readonly T[]; readonly total: number; readonly pages: number } {
  return {
    items: all.slice((number - 1) * size, number * size),
    total: all.length,
    pages: Math.ceil(all.length / size),
  };
}

/** Sorts by what `valueOf` says; what has no value comes last. Without an order of its own the list stays newest first. */
export function sortedBy<T>(
  all: readonly T[],
  valueOf: ((item: T) => string | number | null | undefined) | undefined,
  order: 'asc' | 'desc',
): readonly T[] {
  if (valueOf === undefined) return all;
  const sign = order === 'asc' ? 1 : -1;
  return [...all].sort((one, other) => {
    const [a, b] = [valueOf(one), valueOf(other)];
    if (a === b) return 0;
    if (a === undefined || a === null) return 1;
    if (b === undefined || b === null) return -1;
    return (a < b ? -1 : 1) * sign;
  });
}
