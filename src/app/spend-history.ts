import { withDeadline } from '../core/scope.ts';
import { LEDGER_BOUNDS } from '../ledger/ledger-bounds.ts';
import type { Ledger, LedgerRun } from '../ledger/ledger-ports.ts';
import type { Account, Runs, SpendHistory } from '../limits/limits-ports.ts';
import type { RunQueries, RunSpend, SpendQueries } from '../store/store-ports.ts';

/** How long a first look at what was spent waits for records that are still on their way to the store, and for the store. */
const FLUSH_MS = 1_000;
const HISTORY_MS = 5_000;
/** How long reading all calls of a run that is gone may take: nobody waits for it. */
const SPENT_MS = 20_000;

/** What was spent, by the ledger: with everything that this process and those before it have recorded so far. */
export function spendHistory(
  spend: Pick<SpendQueries, 'usage'>,
  ledger: Pick<Ledger, 'flush'>,
): SpendHistory {
  return {
    spentSince: async (account, from, model) => {
      await ledger.flush(AbortSignal.timeout(FLUSH_MS)).catch(() => undefined);
      const filter = namesOf(account, model);
      const asked = spend.usage({ from, to: Number.POSITIVE_INFINITY, groupBy: [], filter });
      const [all] = await withDeadline(asked, HISTORY_MS, 'reading what was spent');
      return all?.cost ?? 0;
    },
  };
}

/** The names that the ledger's calls of an account have. */
function namesOf(
  { scope, id, team }: Pick<Account, 'scope' | 'id' | 'team'>,
  model: string | undefined,
): Partial<RunSpend['names']> {
  const account = scope === 'team-member' ? { user: id, team: team ?? '' } : { [scope]: id };
  return { ...account, ...(model === undefined ? {} : { model }) };
}

/** The runs of gateways, by the ledger. `undefined`: there is no database that they could share. */
export function ledgerRuns(
  queries: RunQueries | undefined,
  ledger: Pick<Ledger, 'flush'> & LedgerRun,
  silentMs = LEDGER_BOUNDS.silentMs,
): Runs | undefined {
  if (queries === undefined) return undefined;
  return {
    name: ledger.identity.writer,
    position: () => ledger.position,
    ended: async (names) => {
      const isFlushed = await ledger.flush(AbortSignal.timeout(FLUSH_MS)).then(
        () => true,
        () => false,
      );
      const asked = queries.ended(ledger.identity, silentMs, names);
      const ended = await withDeadline(asked, HISTORY_MS, 'reading which gateways have ended');
      return ended
        .filter(({ isPredecessor }) => isPredecessor || ledger.isSteady)
        .map(({ writer, seq, isPredecessor }) => ({
          name: writer,
          position: seq,
          isPredecessor,
          isWhole: isPredecessor && isFlushed,
        }));
    },
    spent: async ({ name, after, through, from }, of) => {
      const marks = [...new Set(of.map(({ since }) => since))].sort((a, b) => a - b);
      const asked = queries.spent({ writer: name, after, through, from, marks });
      const groups = await withDeadline(asked, SPENT_MS, 'reading what a gateway spent');
      return of.map(({ account, model, since }) => {
        const wanted = Object.entries(namesOf(account, model)) as [keyof RunSpend['names'], string][];
        const passed = marks.indexOf(since) + 1;
        return groups
          .filter((group) => group.passed >= passed && wanted.every(([at, is]) => group.names[at] === is))
          .reduce((sum, { cost }) => sum + cost, 0);
      });
    },
  };
}
