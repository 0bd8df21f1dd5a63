import type { Clock } from '../core/clock.ts';
import { AccountBook } from './accounts/account-book.ts';
import { type Check, PICO_PER_DOLLAR, type Plan } from './accounts/check.ts';
import { type Desk, type Hold, isShort, LocalDesk, type Shortage } from './accounts/desk.ts';
import { PastSpending } from './accounts/past-spending.ts';
import { standingOf } from './accounts/standing.ts';
import type { PriorityConfig } from './limits-config.ts';
import type {
  Account,
  Admission,
  Ask,
  LimitEvents,
  LimitKind,
  LimitStats,
  Need,
  Refusal,
  SpendHistory,
  Standing,
} from './limits-ports.ts';

/** Limits of what requests go to: model groups and servers, by their names. */
export interface TargetLimits {
  readonly models: ReadonlyMap<string, Account>;
  readonly servers: ReadonlyMap<string, Account>;
  /** The name of the group that a model's name stands for. */
  readonly canonical: (model: string) => string;
  readonly priority: PriorityConfig;
}

export interface LimitsDeps {
  readonly clock: Clock;
  readonly history: SpendHistory;
  readonly events: LimitEvents;
}

const NOTHING: Need = { tokens: 0, cost: 0 };
/** For requests that nothing limits. */
const FREE: Admission = Object.freeze({
  kind: 'admitted',
  reserved: undefined,
  settle: () => undefined,
  withdraw: () => undefined,
  standing: () => undefined,
});

type Verdict = Admission | Refusal;

/** What of limits the way of a request sees. */
export type Gate = Pick<Limits, 'admit'>;

/** Where nothing is limited. */
export const OPEN_GATE: Gate = { admit: () => FREE };

/** Who may go on. Every request that costs anything asks here, and tells afterwards what it used. */
export class Limits {
  readonly #clock: Clock;
  readonly #events: LimitEvents;
  readonly #book: AccountBook;
  readonly #past: PastSpending;
  readonly #desk: Desk;
  #targets: TargetLimits;
  #admitted = 0;
  readonly #refused: Record<LimitKind, number> = { requests: 0, tokens: 0, parallel: 0, budget: 0 };
  #softBudgets = 0;

  constructor(targets: TargetLimits, deps: LimitsDeps) {
    this.#clock = deps.clock;
    this.#events = deps.events;
    this.#book = new AccountBook(deps.clock, (model) => this.#targets.canonical(model));
    this.#past = new PastSpending(deps.history, deps.events, deps.clock);
    this.#desk = new LocalDesk();
    this.#targets = targets;
  }

  /** Takes the limits of another configuration; what was counted stays. */
  reconfigure(targets: TargetLimits): void {
    this.#targets = targets;
    this.#book.forgetPlans();
  }

  stats(): LimitStats {
    return {
      admitted: this.#admitted,
      refused: { ...this.#refused },
      waiting: 0,
      waitedInAll: 0,
      accounts: this.#book.size,
      softBudgets: this.#softBudgets,
    };
  }

  /** Lets a request through, or says why not; waits only where something has to be found out or waited for. Never rejects. */
  admit(ask: Ask): Verdict | Promise<Verdict> {
    const plan = this.#planOf(ask);
    if (plan.checks.length === 0) return FREE;
    const unknown = this.#past.know(plan);
    return unknown === undefined
      ? this.#decide(ask, plan)
      : unknown.then(() => this.#decide(ask, this.#planOf(ask)));
  }

  #planOf({ holder, target: { scope, id }, isNested }: Ask): Plan {
    const targets = scope === 'model' ? this.#targets.models : this.#targets.servers;
    return this.#book.planOf(holder, scope, id, targets.get(id), isNested === true);
  }

  #decide(ask: Ask, plan: Plan): Verdict | Promise<Verdict> {
    const need = plan.isMetered ? ask.estimate() : NOTHING;
    const outcome = this.#desk.take(plan, need, this.#clock.monotonicMs());
    return outcome instanceof Promise
      ? outcome.then((settled) => this.#verdict(ask, plan, need, settled))
      : this.#verdict(ask, plan, need, outcome);
  }

  #verdict(
    ask: Ask,
    plan: Plan,
    need: Need,
    outcome: Hold | readonly Shortage[],
  ): Verdict | Promise<Verdict> {
    if (!isShort(outcome)) return this.#let(plan, need, outcome);
    const { closer } = ask;
    if (
      closer === undefined ||
      !outcome.some(({ check: { kind } }) => kind === 'tokens' || kind === 'budget')
    )
      return this.#refuse(ask, plan, outcome);
    return this.#decide({ ...ask, estimate: closer, closer: undefined }, plan);
  }

  #let(plan: Plan, need: Need, hold: Hold): Admission {
    this.#admitted++;
    let isOver = false;
    const end = (act: (nowMs: number) => void): void => {
      if (isOver) return;
      isOver = true;
      act(this.#clock.monotonicMs());
    };
    return {
      kind: 'admitted',
      reserved: plan.isMetered ? need : undefined,
      settle: ({ tokens, cost }) =>
        end((nowMs) => {
          hold.settle({ tokens: tokens ?? need.tokens, cost: cost ?? need.cost }, nowMs);
          for (const check of plan.checks) if (check.softMax !== undefined) this.#lookAtSoftBudget(check);
        }),
      withdraw: () => end((nowMs) => hold.withdraw(nowMs)),
      standing: () => this.#standing(plan),
    };
  }

  #refuse({ holder }: Ask, plan: Plan, shortages: readonly Shortage[]): Refusal {
    const { check, used, reserved, waitMs } = gravest(shortages);
    this.#refused[check.kind]++;
    return {
      kind: 'refused',
      limit: check.kind,
      rule: check.rule,
      scope: check.account.scope,
      id: check.account.id,
      model: check.model,
      max: check.max,
      used,
      reserved,
      retryAfterMs: waitMs,
      waitedMs: 0,
      priority: holder.priority,
      isGone: false,
      standing: () => this.#standing(plan),
    };
  }

  #standing(plan: Plan): Standing | undefined {
    return standingOf(plan, this.#clock.monotonicMs());
  }

  #lookAtSoftBudget({ budget, softMax, account }: Check): void {
    if (!budget!.passes(softMax!)) return;
    this.#softBudgets++;
    const { scope, id, source } = account;
    this.#events.softBudget(
      { scope, id, source },
      budget!.used() / PICO_PER_DOLLAR,
      softMax! / PICO_PER_DOLLAR,
    );
  }
}

/** The one that lasts longest: what the caller does about another one would not help. */
function gravest(shortages: readonly Shortage[]): Shortage {
  const duration = ({ waitMs }: Shortage): number => waitMs ?? Number.POSITIVE_INFINITY;
  return shortages.reduce((a, b) => (duration(b) > duration(a) ? b : a));
}
