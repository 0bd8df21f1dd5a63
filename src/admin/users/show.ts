import type { UserRecord } from '../../keys/account-records.ts';
import { showUser } from '../accounts/show-account.ts';
import { spendOf, spendOfAll } from '../accounts/spend-of.ts';
import type { AdminDeps } from '../admin-ports.ts';

/** A user as it is answered, with what was spent. */
export async function shown(user: UserRecord, deps: AdminDeps): Promise<Record<string, unknown>> {
  return showUser(user, deps.keys.teamsOf(user.id), await spendOf('user', user, deps), deps);
}

/** Several users. */
export async function shownAll(
  users: readonly UserRecord[],
  deps: AdminDeps,
): Promise<readonly Record<string, unknown>[]> {
  const spent = await spendOfAll('user', users, deps);
  return users.map((user) => showUser(user, deps.keys.teamsOf(user.id), spent.get(user.id) ?? 0, deps));
}
