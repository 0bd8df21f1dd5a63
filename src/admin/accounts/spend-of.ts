import type { KeyLimits } from '../../keys/keys-config.ts';
import type { SpendBase } from '../../keys/account-records.ts';
import type { SpendQueries } from '../../ledger/ledger-ports.ts';
import { budgetPeriod, type Today } from './show-account.ts';

interface Account {
  readonly id: string;
  readonly limits: KeyLimits;
  readonly spendBase: SpendBase | undefined;
}

interface SpendDeps extends Today {
  readonly spend: SpendQueries;
  readonly flush: () => Promise<void>;
}

/** What an account has spent, in US dollars: in its budget period, or ever. What an operator set by hand counts from when it was set. */
export async function spendOf(
  scope: 'key' | 'user' | 'team',
  { id, limits, spendBase }: Account,
  deps: SpendDeps,
): Promise<number> {
  await deps.flush();
  return spentBy(scope, { id, limits, spendBase }, deps);
}

async function spentBy(
  scope: 'key' | 'user' | 'team',
  { id, limits, spendBase }: Account,
  deps: SpendDeps,
): Promise<number> {
  const from = budgetPeriod(limits, deps)?.from ?? 0;
  const base = spendBase !== undefined && spendBase.at >= from ? spendBase : { usd: 0, at: from };
  const { cost } = await deps.spend.spentSince(scope, id, base.at);
  return base.usd + cost;
}

/** The same of several accounts, by id: those that count from the beginning with one query. */
export async function spendOfAll(
  scope: 'key' | 'user' | 'team',
  accounts: readonly Account[],
  deps: SpendDeps,
): Promise<ReadonlyMap<string, number>> {
  const isPlain = ({ limits, spendBase }: Account): boolean =>
    limits.budgetDurationMs === undefined && spendBase === undefined;
  await deps.flush();
  const spent = new Map<string, number>();
  if (accounts.filter(isPlain).length > 1) {
    const rows = await deps.spend.usage({ from: 0, to: deps.now() + 1, groupBy: [scope] });
    for (const { group, cost } of rows) spent.set(group[scope] ?? '', cost);
    for (const account of accounts) if (isPlain(account)) spent.set(account.id, spent.get(account.id) ?? 0);
  }
  for (const account of accounts)
    if (!isPlain(account) || !spent.has(account.id))
      spent.set(account.id, await spentBy(scope, account, deps));
  return spent;
}
