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
  LimitStats,
  Need,
  Refusal,
  RefusedCount,
  Runs,
  SpendHistory,
} from './limits-ports.ts';
import { type Calendar, UTC } from './meters/calendar.ts';
import { type Attempt, TurnQueue } from './queue/turn-queue.ts';
import { SharedDesk } from './shared/shared-desk.ts';

/** Limits of what requests go to: model groups and servers, by their names. */
export interface TargetLimits {
  readonly models: ReadonlyMap<string, Account>;
  readonly servers: ReadonlyMap<string, Account>;
  /** The name of the group that a model's name stands for. */
  readonly canonical: (model: string) => string;
  readonly priority: PriorityConfig;
  /** Which budget periods follow; without it, that of UTC. */
  readonly calendar?: Calendar;
}

export interface LimitsDeps {
  readonly clock: Clock;
  readonly history: SpendHistory;
  readonly events: LimitEvents;
  /** Redis or Valkey to count through together with other processes. */
  readonly redisUrl?: string | undefined;
  /** The runs of those processes, where they have a ledger in common. */
  readonly runs?: Runs | undefined;
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
export class Limits implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #events: LimitEvents;
  readonly #book: AccountBook;
  readonly #past: PastSpending;
  readonly #desk: Desk;
  readonly #shared: SharedDesk | undefined;
  /** By model. */
  readonly #queues = new Map<string, TurnQueue<Verdict>>();
  #targets: TargetLimits;
  #admitted = 0;
  #waited = 0;
  /** By kind and scope. */
  readonly #refused = new Map<string, RefusedCount>();
  #softBudgets = 0;

  constructor(targets: TargetLimits, { clock, history, events, redisUrl, runs }: LimitsDeps) {
    this.#clock = clock;
    this.#events = events;
    this.#book = new AccountBook(
      clock,
      (model) => this.#targets.canonical(model),
      () => this.#targets.calendar ?? UTC,
    );
    this.#past = new PastSpending(history, events, clock);
    this.#shared =
      redisUrl === undefined
        ? undefined
        : new SharedDesk(redisUrl, {
            clock,
            events,
            runs,
            forgetSpending: () => this.#book.forgetSpending(),
          });
    this.#desk = this.#shared ?? new LocalDesk();
    this.#targets = targets;
  }

  /** Resolves when limits are counted together with other processes, where they are to be; or after a while. */
  async ready(ms: number): Promise<void> {
    await this.#shared?.ready(ms);
  }

  /** Takes the limits of another configuration; what was counted stays. */
  reconfigure(targets: TargetLimits): void {
    this.#targets = targets;
    this.#book.forgetPlans();
    for (const queue of this.#queues.values()) queue.configure(targets.priority);
  }

  stats(): LimitStats {
    let waiting = 0;
    for (const { size } of this.#queues.values()) waiting += size;
    return {
      admitted: this.#admitted,
      refused: [...this.#refused.values()],
      waiting,
      waitedInAll: this.#waited,
      accounts: this.#book.size,
      softBudgets: this.#softBudgets,
      shared: this.#shared?.state,
    };
  }

  /** Lets a request through, or says why not; waits only where something has to be found out or waited for. Never rejects. */
  admit(ask: Ask): Verdict | Promise<Verdict> {
    const plan = this.#planOf(ask);
    if (plan.checks.length === 0) return FREE;
    const unknown = this.#past.know(plan);
    return unknown === undefined
      ? this.#enter(ask, plan)
      : unknown.then(() => this.#enter(ask, this.#planOf(ask)));
  }

  /** Tells other processes what this one held. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shared?.[Symbol.asyncDispose]();
  }

  #planOf({ holder, target: { scope, id }, isNested }: Ask): Plan {
    const targets = scope === 'model' ? this.#targets.models : this.#targets.servers;
    return this.#book.planOf(holder, scope, id, targets.get(id), isNested === true);
  }

  #enter(ask: Ask, plan: Plan): Verdict | Promise<Verdict> {
    const queue = this.#queueOf(ask, plan);
    if (queue !== undefined && !queue.mayPass(ask)) return this.#wait(queue, ask, []);
    const attempt = this.#attempt(ask, queue);
    return attempt instanceof Promise
      ? attempt.then((outcome) => this.#conclude(outcome, ask, queue))
      : this.#conclude(attempt, ask, queue);
  }

  #conclude(
    outcome: Attempt<Verdict>,
    ask: Ask,
    queue: TurnQueue<Verdict> | undefined,
  ): Verdict | Promise<Verdict> {
    return outcome.kind === 'verdict' ? outcome.verdict : this.#wait(queue!, ask, outcome.shortages);
  }

  #wait(queue: TurnQueue<Verdict>, ask: Ask, shortages: readonly Shortage[]): Promise<Verdict> {
    this.#waited++;
    return queue.enter(ask, shortages);
  }

  /** The line to wait in for a model, where shares of it are reserved. */
  #queueOf({ target }: Ask, plan: Plan): TurnQueue<Verdict> | undefined {
    const { priority } = this.#targets;
    if (target.scope !== 'model' || plan.shared.length === 0) return undefined;
    if (Object.keys(priority.reservation).length === 0) return undefined;
    const known = this.#queues.get(target.id);
    if (known !== undefined) return known;
    const queue: TurnQueue<Verdict> = new TurnQueue<Verdict>(priority, {
      clock: this.#clock,
      look: (ask) => {
        const current = this.#planOf(ask);
        return { plan: current, need: current.isMetered ? ask.estimate() : NOTHING };
      },
      free: (check) => this.#desk.free(check, this.#clock.monotonicMs()),
      attempt: (ask) => this.#attempt(ask, queue),
      refuse: (ask, shortages, waitedMs, isGone) =>
        this.#refuse(ask, this.#planOf(ask), shortages, waitedMs, isGone),
    });
    this.#queues.set(target.id, queue);
    return queue;
  }

  /** Short only of what can be waited for, in `queue`; anything else is a verdict. */
  #attempt(
    ask: Ask,
    queue: TurnQueue<Verdict> | undefined,
    estimate: Ask['estimate'] = ask.estimate,
  ): Attempt<Verdict> | Promise<Attempt<Verdict>> {
    const plan = this.#planOf(ask);
    const need = plan.isMetered ? estimate() : NOTHING;
    const judge = (outcome: Hold | readonly Shortage[]): Attempt<Verdict> | Promise<Attempt<Verdict>> => {
      if (!isShort(outcome)) return { kind: 'verdict', verdict: this.#let(ask, plan, need, outcome, queue) };
      const { closer } = ask;
      const isMetered = outcome.some(({ check: { kind } }) => kind === 'tokens' || kind === 'budget');
      if (isMetered && closer !== undefined && estimate !== closer) return this.#attempt(ask, queue, closer);
      const canWait = outcome.every(({ check }) => check.kind !== 'budget' && plan.shared.includes(check));
      if (queue !== undefined && canWait) return { kind: 'short', shortages: outcome };
      return { kind: 'verdict', verdict: this.#refuse(ask, plan, outcome, 0, false) };
    };
    const taken = this.#desk.take(plan, need, this.#clock.monotonicMs());
    return taken instanceof Promise ? taken.then(judge) : judge(taken);
  }

  #let(
    { holder }: Ask,
    plan: Plan,
    need: Need,
    hold: Hold,
    queue: TurnQueue<Verdict> | undefined,
  ): Admission {
    this.#admitted++;
    const atMs = this.#clock.monotonicMs();
    const className = queue?.use.classOf(holder.priority);
    if (queue !== undefined) {
      queue.use.take(className!, plan.shared, need, atMs);
      queue.took(className!, plan, need);
    }
    let isOver = false;
    const end = (used: Need | undefined): void => {
      if (isOver) return;
      isOver = true;
      const nowMs = this.#clock.monotonicMs();
      if (used === undefined) hold.withdraw(nowMs);
      else hold.settle(used, nowMs);
      if (queue === undefined) return;
      queue.use.settle(className!, plan.shared, need, used, atMs, nowMs);
      queue.wake();
    };
    return {
      kind: 'admitted',
      reserved: plan.isMetered ? need : undefined,
      settle: ({ tokens, cost }) => {
        end({ tokens: tokens ?? need.tokens, cost: cost ?? need.cost });
        for (const check of plan.checks) if (check.softMax !== undefined) this.#lookAtSoftBudget(check);
      },
      withdraw: () => end(undefined),
      standing: () => standingOf(plan, this.#desk, this.#clock.monotonicMs()),
    };
  }

  #refuse(
    { holder }: Ask,
    plan: Plan,
    shortages: readonly Shortage[],
    waitedMs: number,
    isGone: boolean,
  ): Refusal {
    const { check, used, reserved, waitMs } = gravest(shortages);
    if (!isGone) this.#countRefusal(check);
    return {
      kind: 'refused',
      limit: check.kind,
      rule: check.rule,
      scope: check.account.scope,
      id: check.account.id,
      team: check.account.team,
      model: check.model,
      max: check.max,
      used,
      reserved,
      retryAfterMs: waitMs,
      waitedMs,
      priority: holder.priority,
      isGone,
      standing: () => standingOf(plan, this.#desk, this.#clock.monotonicMs()),
    };
  }

  #countRefusal({ kind, account: { scope } }: Check): void {
    const key = `${kind} ${scope}`;
    this.#refused.set(key, { kind, scope, count: (this.#refused.get(key)?.count ?? 0) + 1 });
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
