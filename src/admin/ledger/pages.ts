import type { CallFilter, LedgerRow } from '../../ledger/ledger-ports.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { invalidField } from '../read-input.ts';

const PAGE = 1_000;

/** Where a call stands among the others. Throws `input-invalid` for one that there is not. */
export async function placeOf(
  id: string,
  { spend }: Pick<AdminDeps, 'spend'>,
): Promise<{ readonly startedAt: number; readonly id: string }> {
  const [row] = await spend.find({ filter: { id, kind: 'all' }, limit: 1 });
  if (row === undefined) throw invalidField('before', 'is the id of no call in the ledger', 'query');
  return { startedAt: row.startedAt, id: row.id };
}

/** All calls that fit, newest first; a page at a time is held, and what comes meanwhile is not among them. */
export async function* pagesOf(
  filter: CallFilter,
  { spend, now }: Pick<AdminDeps, 'spend' | 'now'>,
): AsyncGenerator<readonly LedgerRow[]> {
  const until = Math.min(filter.to ?? Number.POSITIVE_INFINITY, now() + 1);
  let before: { readonly startedAt: number; readonly id: string } | undefined;
  for (;;) {
    const rows = await spend.find({
      filter: { ...filter, to: until },
      limit: PAGE,
      ...(before === undefined ? {} : { before }),
    });
    if (rows.length > 0) yield rows;
    if (rows.length < PAGE) return;
    const { startedAt, id } = rows.at(-1)!;
    before = { startedAt, id };
  }
}
