import type { Clock } from '../../core/clock.ts';
import { PICO_PER_DOLLAR, type Check } from '../accounts/check.ts';
import type { EndedRun, LimitEvents, Runs, SpentBy } from '../limits-ports.ts';
import { type KnownBudget, type KnownRun, LEASE_MS, type SharedCounters } from './shared-counters.ts';

/** How long after a look that found nothing to count there is the next one: twice as long each time. */
const LOOK_AGAIN_MS = { first: LEASE_MS, most: 600_000 } as const;
/** Calls that began so long before a run's last report are taken to have ended before it. */
const CALL_MS_MAX = 86_400_000;

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
  #isLooking = false;
  #departed = 0;
  #pauseMs: number = LOOK_AGAIN_MS.first;
  #nextMs = 0;
  /** Since when Redis is there. Monotonic milliseconds. */
  #upMs = 0;

  constructor(counters: SharedCounters, runs: Runs, events: Pick<LimitEvents, 'leftCounted'>, clock: Clock) {
    this.#counters = counters;
    this.#runs = runs;
    this.#events = events;
    this.#clock = clock;
  }

  /** Redis is there, from now on: looks for this run's predecessor. Never rejects. */
  begin(): Promise<void> {
    this.#upMs = this.#clock.monotonicMs();
    this.#pauseMs = LOOK_AGAIN_MS.first / 2;
    return this.#look();
  }

  /** So many runs are gone without a last report: looks for them, when it is time. */
  heard(departed: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (departed > this.#departed) {
      this.#pauseMs = LOOK_AGAIN_MS.first;
      this.#nextMs = Math.min(this.#nextMs, nowMs + LOOK_AGAIN_MS.first);
    }
    this.#departed = departed;
    if (departed > 0 && nowMs >= this.#nextMs) void this.#look();
  }

  /** What could not be counted is found again. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#pauseMs = Math.min(2 * this.#pauseMs, LOOK_AGAIN_MS.most);
    this.#nextMs = this.#clock.monotonicMs() + this.#pauseMs;
    try {
      const known = await this.#counters.runs();
      if (known.length === 0) return;
      for (const ended of await this.#runs.ended(known.map(({ name }) => name))) {
        const run = known.find(({ name }) => name === ended.name);
        if (run !== undefined && this.#isGone(run, ended))
          await this.#count(run, ended).catch(() => undefined);
      }
    } catch {
      // Redis or the ledger is away: what was not found for that reason is not to wait for long.
      this.#pauseMs = LOOK_AGAIN_MS.first;
      this.#nextMs = this.#clock.monotonicMs() + this.#pauseMs;
    } finally {
      this.#isLooking = false;
    }
  }

  /** Another one that the ledger misses lives as long as Redis hears of it; after an outage, that may take a lease. */
  #isGone({ isLive }: KnownRun, { isPredecessor }: EndedRun): boolean {
    return isPredecessor || (!isLive && this.#clock.monotonicMs() - this.#upMs > LEASE_MS);
  }

  async #count({ name, at }: KnownRun, { position: through, isWhole }: EndedRun): Promise<void> {
    const position = await this.#counters.positionOf(name);
    if (position === undefined || (through <= position && !isWhole)) return;
    const left = through <= position ? [] : await this.#left(name, position, through, at - CALL_MS_MAX);
    const told = { position, through: Math.max(position, through), isWhole };
    if (!(await this.#counters.countLeft(name, told, left)) || left.length === 0) return;
    const most = Math.max(...left.map(({ amount }) => amount)) / PICO_PER_DOLLAR;
    this.#events.leftCounted(name, left.length, most);
  }

  async #left(
    name: string,
    after: number,
    through: number,
    from: number,
  ): Promise<readonly (KnownBudget & { readonly amount: number })[]> {
    const budgets = await this.#counters.budgetsOf(name);
    if (budgets.length === 0) return [];
    const spent = await this.#runs.spent({ name, after, through, from }, budgets.map(spentBy));
    return budgets
      .map((budget, at) => ({ ...budget, amount: Math.round(spent[at]! * PICO_PER_DOLLAR) }))
      .filter(({ amount }) => amount > 0);
  }
}

function spentBy({ label, from }: KnownBudget): SpentBy {
  const { account, model, baseAt } = JSON.parse(label) as Label;
  return { account, model, since: Math.max(from, baseAt ?? from) };
}
