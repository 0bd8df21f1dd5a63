import type { Clock } from '../../core/clock.ts';
import { BudgetMeter } from '../meters/budget-meter.ts';
import { type Calendar, UTC } from '../meters/calendar.ts';
import type { Meter } from '../meters/meter.ts';
import { SlotMeter } from '../meters/slot-meter.ts';
import { WindowMeter } from '../meters/window-meter.ts';
import type { Account, Holder, LimitKind, LimitSet } from '../limits-ports.ts';
import { type Check, PICO_PER_DOLLAR, type Plan } from './check.ts';

/** Meters that are kept before idle ones are looked for, and how many new ones there are between two looks. */
const METERS_SOFT_MAX = 20_000;
const LOOK_EVERY = 1_000;
/** Plans that are kept for one holder: names of models can be made up where the configuration has wildcards. */
const PLANS_PER_HOLDER_MAX = 200;

const RULES: Readonly<Record<LimitKind, { readonly own: string; readonly model: string }>> = {
  requests: { own: 'rpm_limit', model: 'model_rpm_limit' },
  tokens: { own: 'tpm_limit', model: 'model_tpm_limit' },
  parallel: { own: 'max_parallel_requests', model: 'max_parallel_requests' },
  budget: { own: 'max_budget', model: 'model_max_budget' },
};

/** What is counted for whom, and which of it a request has to stay within. */
export class AccountBook {
  readonly #clock: Clock;
  readonly #canonical: (model: string) => string;
  readonly #calendar: () => Calendar;
  readonly #meters = new Map<string, Meter>();
  #plans = new WeakMap<readonly Account[], Map<string, Plan>>();
  #sinceLook = 0;

  constructor(clock: Clock, canonical: (model: string) => string, calendar: () => Calendar) {
    this.#clock = clock;
    this.#canonical = canonical;
    this.#calendar = calendar;
  }

  get size(): number {
    return this.#meters.size;
  }

  /** Forgets what was derived from the configuration; what was counted stays. */
  forgetPlans(): void {
    this.#plans = new WeakMap();
  }

  /** What was spent is to be read again, of every budget. */
  forgetSpending(): void {
    for (const meter of this.#meters.values()) if (meter instanceof BudgetMeter) meter.forget();
  }

  /** The limits of a request. `target`: the account of what it goes to, when that has limits of its own. */
  planOf(
    holder: Holder,
    kind: 'model' | 'server',
    name: string,
    target: Account | undefined,
    isNested: boolean,
  ): Plan {
    let plans = this.#plans.get(holder.allowances);
    if (plans === undefined) this.#plans.set(holder.allowances, (plans = new Map<string, Plan>()));
    const key = isNested ? `nested ${kind} ${name}` : `${kind} ${name}`;
    const known = plans.get(key);
    if (known !== undefined) return known;
    if (plans.size >= PLANS_PER_HOLDER_MAX) plans.clear();
    const plan = this.#plan(holder.allowances, kind === 'model' ? name : undefined, target, isNested);
    plans.set(key, plan);
    return plan;
  }

  #plan(
    accounts: readonly Account[],
    model: string | undefined,
    target: Account | undefined,
    isNested: boolean,
  ): Plan {
    const own = accounts.flatMap((account) => {
      const { perModel } = account.limits;
      const named = model === undefined || perModel === undefined ? [] : Object.keys(perModel);
      return [
        ...this.#checks(account, account.limits, undefined),
        ...named
          .filter((name) => this.#canonical(name) === model)
          .flatMap((name) => this.#checks(account, perModel![name]!, name)),
      ];
    });
    const shared = target === undefined ? [] : this.#checks(target, target.limits, undefined);
    const counted = isNested ? own.filter(({ kind }) => kind !== 'parallel') : own;
    const checks = [...counted, ...shared];
    const isMetered = checks.some(({ kind }) => kind === 'tokens' || kind === 'budget');
    return { checks, isMetered, shared };
  }

  #checks(account: Account, limits: LimitSet, model: string | undefined): readonly Check[] {
    const { maxBudget, softBudget, budgetResetAt: resetAt } = limits;
    const calendar = this.#calendar();
    const list: Check[] = [];
    const add = (kind: LimitKind, max: number | undefined, make: () => Meter): void => {
      if (max === undefined) return;
      const name = nameOf(account, kind, model, limits.budgetDurationMs, calendar);
      const meter = this.#meter(name, make);
      const word = model === undefined ? RULES[kind].own : `${RULES[kind].model}.${model}`;
      const source = account.source ?? `${account.scope} ${account.id}`;
      const budget = meter instanceof BudgetMeter ? meter : undefined;
      list.push({
        kind,
        meter,
        max,
        rule: `${source}.${word}`,
        account,
        model,
        name,
        budget,
        softMax: softBudget === undefined || budget === undefined ? undefined : picoOf(softBudget),
      });
    };
    add('parallel', limits.parallelRequests, () => new SlotMeter());
    add('requests', limits.requestsPerMinute, () => new WindowMeter());
    add('tokens', limits.tokensPerMinute, () => new WindowMeter());
    // A soft budget alone is counted too: nothing is ever over it.
    const budget = maxBudget ?? (softBudget === undefined ? undefined : Number.POSITIVE_INFINITY);
    add(
      'budget',
      budget === undefined ? undefined : picoOf(budget),
      () => new BudgetMeter(this.#clock, limits.budgetDurationMs, resetAt, calendar),
    );
    return list;
  }

  #meter(name: string, make: () => Meter): Meter {
    let meter = this.#meters.get(name);
    if (meter !== undefined) return meter;
    meter = make();
    this.#meters.set(name, meter);
    if (this.#meters.size > METERS_SOFT_MAX && ++this.#sinceLook >= LOOK_EVERY) this.#forgetIdle();
    return meter;
  }

  #forgetIdle(): void {
    this.#sinceLook = 0;
    const nowMs = this.#clock.monotonicMs();
    const before = this.#meters.size;
    for (const [name, meter] of this.#meters) if (meter.isIdle(nowMs)) this.#meters.delete(name);
    // Plans hold on to meters, and would go on counting with forgotten ones.
    if (this.#meters.size < before) this.forgetPlans();
  }
}

/** The same in every process with the same configuration. With other periods, or set by hand, what was spent is something else, and counted anew. */
function nameOf(
  { scope, id, team, limits, spendBase }: Account,
  kind: LimitKind,
  model: string | undefined,
  durationMs: number | undefined,
  { zone }: Calendar,
): string {
  const owner = team === undefined ? id : JSON.stringify([team, id]);
  const name = `${scope}:${owner}:${kind}${model === undefined ? '' : `:${model}`}`;
  if (kind !== 'budget') return name;
  return `${name}:${durationMs ?? 'ever'}:${limits.budgetResetAt ?? ''}:${spendBase?.at ?? ''}${zone === UTC.zone ? '' : `:${zone}`}`;
}

function picoOf(dollars: number): number {
  return Math.round(dollars * PICO_PER_DOLLAR);
}
