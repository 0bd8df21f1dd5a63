import { type AccountPage, type AccountQuery, PAGE_MAX } from './key-directory.ts';

/** Entries on a page, unless it is said. */
const PAGE_STANDARD = 100;

/** The page of `all` that a query asks for. `texts` are what is searched, `owners` whose it is. */
export function pageOf<T>(
  all: readonly T[],
  query: AccountQuery,
  texts: (one: T) => readonly (string | undefined)[],
  owners: (one: T) => { readonly user?: string | undefined; readonly team?: string | undefined },
): AccountPage<T> {
  const wanted = query.text?.toLowerCase();
  const fits = (one: T): boolean =>
    (query.user === undefined || owners(one).user === query.user) &&
    (query.team === undefined || owners(one).team === query.team) &&
    (wanted === undefined || texts(one).some((text) => text?.toLowerCase().includes(wanted) === true));
  const isWhole = query.user === undefined && query.team === undefined && wanted === undefined;
  const found = isWhole ? all : all.filter(fits);
  const size = Math.min(PAGE_MAX, Math.max(1, query.size ?? PAGE_STANDARD));
  const from = (Math.max(1, query.page ?? 1) - 1) * size;
  return { items: found.slice(from, from + size), total: found.length };
}
