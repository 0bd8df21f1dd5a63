import type { Changing } from './key-directory.ts';

/** The change of an account as it is now. */
export function changeOf<Account, Change extends object>(
  change: Changing<Account, Change>,
  before: Account,
): Change {
  return typeof change === 'function' ? change(before) : change;
}
