import type { Clock } from '../../core/clock.ts';
import { PICO_PER_DOLLAR, type Check } from '../accounts/check.ts';
import type { EndedRun, LimitEvents, Runs, SpentBy } from '../limits-ports.ts';
import type { KnownBudget, KnownRun, SharedCounters } from './shared-counters.ts';

/** How often it is looked again for what could not be counted. */
const LOOK_AGAIN_MS = 10_000;
/** No call takes longer; what began so long before the last report has ended before it. */
const CALL_MS_MAX = 2 * 86_400_000;

/** What Redis keeps beside a budget: the account that it is of, as the ledger knows it. */
interface Label extends Pick<SpentBy, 'account' | 'model'> {
  /** When what was spent was set by hand: that counts from then on. Milliseconds since the Unix epoch. */
  readonly baseAt: number | undefined;
}

export function labelOf({ account: { scope, id, team, spendBase }, model }: Check): string {
  const label: Label = {
    account: { scope, id, team },
    model,
    baseAt: model === undefined ? spendBase?.at : undefined,
  };
  return JSON.stringify(label);
}

/**
 * Runs that were killed: what a run had spent, and recorded in the ledger, but not told Redis yet is found there and counted. Every report says how many of
 * the run's records it includes, so that those after are the ones to count.
 */
export class DepartedRuns {
  readonly #counters: SharedCounters;
  readonly #runs: Runs;
  readonly #events: Pick<LimitEvents, 'leftCounted'>;
  readonly #clock: Clock;
  #looking: Promise<void> | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(counters: SharedCounters, runs: Runs, events: Pick<LimitEvents, 'leftCounted'>, clock: Clock) {
    this.#counters = counters;
    this.#runs = runs;
    this.#events = events;
    this.#clock = clock;
  }

  /** Looks for them, unless that was done a moment ago and not `now`. Never rejects: what could not be counted is found again. */
  look(now: boolean): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#looking !== undefined || (!now && nowMs - this.#lookedMs < LOOK_AGAIN_MS))
      return this.#looking ?? Promise.resolve();
    this.#lookedMs = nowMs;
    this.#looking = this.#look()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const known = await this.#counters.runs();
    if (known.length === 0) return;
    for (const ended of await this.#runs.ended(known.map(({ name }) => name))) {
      const run = known.find(({ name }) => name === ended.name);
      // Another run that the ledger misses, but not Redis, is cut off from the ledger.
      if (run !== undefined && (ended.isPredecessor || !run.isLive)) await this.#count(run, ended);
    }
  }

  async #count({ name, at }: KnownRun, { position: through, isWhole }: EndedRun): Promise<void> {
    const { position, budgets } = await this.#counters.stateOf(name);
    if (through <= position && !isWhole) return;
    const spent =
      through <= position || budgets.length === 0
        ? []
        : await this.#runs.spent(
            { name, after: position, through, from: at - CALL_MS_MAX },
            budgets.map(spentBy),
          );
    const left = budgets.flatMap((budget, index) => {
      const amount = Math.round((spent[index] ?? 0) * PICO_PER_DOLLAR);
      return amount > 0 ? [{ ...budget, amount }] : [];
    });
    const told = { position, through: Math.max(position, through), isWhole };
    if (!(await this.#counters.countLeft(name, told, left)) || left.length === 0) return;
    this.#events.leftCounted(name, Math.max(...left.map(({ amount }) => amount)) / PICO_PER_DOLLAR);
  }
}

function spentBy({ label, from }: KnownBudget): SpentBy {
  const { account, model, baseAt } = JSON.parse(label) as Label;
  return { account, model, since: Math.max(from, baseAt ?? from) };
}
