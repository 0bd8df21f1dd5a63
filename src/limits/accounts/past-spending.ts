import type { Clock } from '../../core/clock.ts';
import type { LimitEvents, SpendHistory } from '../limits-ports.ts';
import { type Check, PICO_PER_DOLLAR, type Plan } from './check.ts';

/** How long the history is left alone after it could not be read. */
const RETRY_MS = 5_000;

/** Finds out what accounts spent before this process counted, once for each. */
export class PastSpending {
  readonly #history: SpendHistory;
  readonly #events: Pick<LimitEvents, 'historyUnknown'>;
  readonly #clock: Clock;
  readonly #loading = new Map<string, Promise<void>>();
  #restUntilMs = 0;

  constructor(history: SpendHistory, events: Pick<LimitEvents, 'historyUnknown'>, clock: Clock) {
    this.#history = history;
    this.#events = events;
    this.#clock = clock;
  }

  /** `undefined`: it is known of every budget of the plan. Resolves also where it cannot be found out for now: then it counts from zero. */
  know({ checks }: Plan): Promise<unknown> | undefined {
    let waits: Promise<void>[] | undefined;
    for (const check of checks) {
      if (check.budget === undefined || check.budget.isKnown) continue;
      if (this.#clock.monotonicMs() < this.#restUntilMs) continue;
      (waits ??= []).push(this.#load(check));
    }
    return waits === undefined ? undefined : Promise.all(waits);
  }

  /** What was spent in the running period, in 10^-12 dollars. Rejects when it cannot be found out. */
  async spentIn(check: Check, from: number): Promise<number> {
    const { account, model } = check;
    const { spendBase } = account;
    const base =
      model === undefined && spendBase !== undefined && spendBase.at >= from ? spendBase : undefined;
    const usd = await this.#history.spentSince(account, base?.at ?? from, model);
    return Math.round(((base?.usd ?? 0) + usd) * PICO_PER_DOLLAR);
  }

  #load(check: Check): Promise<void> {
    let loading = this.#loading.get(check.name);
    if (loading !== undefined) return loading;
    const budget = check.budget!;
    const { from } = budget.period;
    loading = this.spentIn(check, from)
      .then((spent) => budget.begin(spent, from))
      .catch((error: unknown) => {
        this.#restUntilMs = this.#clock.monotonicMs() + RETRY_MS;
        this.#events.historyUnknown(check.account, error);
      })
      .finally(() => this.#loading.delete(check.name));
    this.#loading.set(check.name, loading);
    return loading;
  }
}
