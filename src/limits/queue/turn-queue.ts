import type { Clock } from '../../core/clock.ts';
import { amountOf, type Check, type Plan } from '../accounts/check.ts';
import type { Shortage } from '../accounts/desk.ts';
import type { PriorityConfig } from '../limits-config.ts';
import type { Ask, Need } from '../limits-ports.ts';
import { ClassUse, isShared } from './class-use.ts';
import { FairOrder } from './fair-order.ts';
import { type Waiter, WaitingLine } from './waiting-line.ts';

/** Requests that wait for one model at the same time at most; more are refused. */
export const WAITING_MAX = 1_000;
/** How often it is looked whether somebody's turn has come, when nothing says so: time frees what was used a minute ago, and other processes end requests. */
const LOOK_MS = 100;
/** When it makes sense to ask again for who waits for nothing but others. */
const TURN_MS = 1_000;

/** What an attempt came to: a verdict that ends the waiting, or what is short of the limits that are waited for. */
export type Attempt<Verdict> =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'short'; readonly shortages: readonly Shortage[] };

export interface TurnQueueDeps<Verdict> {
  readonly clock: Clock;
  /** What a request needs, by the cheap estimate, and the limits that it has to stay within. */
  readonly look: (ask: Ask) => { readonly plan: Plan; readonly need: Need };
  readonly free: (check: Check) => number;
  /** Tries to let a request through. Never rejects. */
  readonly attempt: (ask: Ask) => Attempt<Verdict> | Promise<Attempt<Verdict>>;
  readonly refuse: (ask: Ask, shortages: readonly Shortage[], waitedMs: number, isGone: boolean) => Verdict;
}

interface Waiting<Verdict> extends Waiter {
  readonly ask: Ask;
  readonly className: string;
  readonly need: Need;
  readonly sinceMs: number;
  readonly resolve: (verdict: Verdict) => void;
  readonly timer: NodeJS.Timeout;
  shortages: readonly Shortage[];
}

/**
 * The requests that wait for one model. Classes have their turns in proportion to their shares; within a class each key has its turn. Who is next and does not
 * fit yet is not overtaken, so that a long request starves behind no short ones; only a class that may borrow nothing more is passed over.
 */
export class TurnQueue<Verdict> {
  readonly use: ClassUse;
  readonly #deps: TurnQueueDeps<Verdict>;
  readonly #lines = new Map<string, WaitingLine<Waiting<Verdict>>>();
  readonly #order = new FairOrder();
  #waitMs: number;
  #size = 0;
  #isServing = false;
  #isWoken = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: PriorityConfig, deps: TurnQueueDeps<Verdict>) {
    this.use = new ClassUse(config.reservation);
    this.#waitMs = config.waitMs;
    this.#deps = deps;
  }

  get size(): number {
    return this.#size;
  }

  configure(config: PriorityConfig): void {
    this.use.setShares(config.reservation);
    this.#waitMs = config.waitMs;
  }

  /** Whether a request may be tried at once: nobody waits, and its class may take as much. */
  mayPass(ask: Ask): boolean {
    return this.#size === 0 && this.#mayTake(this.use.classOf(ask.holder.priority), ask);
  }

  /** Waits for the turn of a request; refused at once where no waiting helps. */
  enter(ask: Ask, found: readonly Shortage[]): Promise<Verdict> {
    const { refuse, clock } = this.#deps;
    const shortages = found.length > 0 ? found : this.#shortages(ask);
    const isVain = shortages.some(
      ({ check, waitMs }) => waitMs === undefined || (check.kind === 'requests' && waitMs > this.#waitMs),
    );
    if (isVain || this.#size >= WAITING_MAX) return Promise.resolve(refuse(ask, shortages, 0, false));
    return new Promise((resolve) => {
      const className = this.use.classOf(ask.holder.priority);
      const waiting: Waiting<Verdict> = {
        ask,
        className,
        holderId: ask.holder.id,
        need: this.#deps.look(ask).need,
        sinceMs: clock.monotonicMs(),
        resolve,
        timer: setTimeout(() => this.#giveUp(waiting, false), this.#waitMs).unref(),
        shortages,
      };
      const line = this.#line(className);
      if (line.size === 0) this.#order.join(className);
      line.add(waiting);
      this.#size++;
      ask.onGone?.(() => this.#giveUp(waiting, true));
      this.wake();
    });
  }

  /** Something was given back: looks whose turn it is. */
  wake(): void {
    if (this.#size === 0) return;
    this.#isWoken = true;
    if (!this.#isServing) void this.#serve();
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    clearTimeout(this.#timer);
    try {
      while (this.#size > 0) {
        this.#isWoken = false;
        const next = this.#next();
        if (next === undefined) break;
        const tried = this.#deps.attempt(next.ask);
        const outcome = tried instanceof Promise ? await tried : tried;
        if (outcome.kind === 'verdict') {
          if (!this.#leave(next, true)) this.#abandoned(outcome.verdict);
          next.resolve(outcome.verdict);
          continue;
        }
        next.shortages = outcome.shortages;
        if (!this.#isWoken) break;
      }
    } finally {
      this.#isServing = false;
    }
    if (this.#size === 0) return;
    this.#timer = setTimeout(() => this.wake(), LOOK_MS).unref();
  }

  /** A request was let through: its class has paid for it. */
  took(className: string, { shared }: Plan, need: Need): void {
    const part = Math.max(
      0,
      ...shared.filter(isShared).map((check) => amountOf(check.kind, need) / Math.max(1, check.max)),
    );
    this.#order.pay(className, part, this.use.shareOf(className));
  }

  /** Who is next; `undefined` when the only class that waits may borrow nothing. */
  #next(): Waiting<Verdict> | undefined {
    const { use } = this;
    const heads = [...this.#lines.values()].flatMap(({ head }) => head ?? []);
    heads.sort(
      (a, b) =>
        this.#order.paid(a.className) - this.#order.paid(b.className) ||
        use.shareOf(b.className) - use.shareOf(a.className) ||
        a.sinceMs - b.sinceMs,
    );
    const next = heads.find(({ className, ask }) => this.#mayTake(className, ask));
    // Where several classes wait and hold what is left for each other, somebody has to begin.
    return next ?? (heads.length > 1 ? heads[0] : undefined);
  }

  #mayTake(className: string, ask: Ask): boolean {
    const { plan, need } = this.#deps.look(ask);
    return this.use.mayTake(
      className,
      plan.shared,
      need,
      this.#deps.free,
      (name, check) => this.#waitingFor(name, check),
      this.#deps.clock.monotonicMs(),
    );
  }

  #waitingFor(className: string, { kind }: Check): number {
    let sum = 0;
    for (const { need } of this.#lines.get(className) ?? []) sum += amountOf(kind, need);
    return sum;
  }

  #giveUp(waiting: Waiting<Verdict>, isGone: boolean): void {
    if (!this.#leave(waiting, false)) return;
    const waitedMs = this.#deps.clock.monotonicMs() - waiting.sinceMs;
    waiting.resolve(this.#deps.refuse(waiting.ask, waiting.shortages, waitedMs, isGone));
  }

  /** Whether it waited still. */
  #leave(waiting: Waiting<Verdict>, hadTurn: boolean): boolean {
    const line = this.#line(waiting.className);
    const before = line.size;
    line.remove(waiting, hadTurn);
    clearTimeout(waiting.timer);
    if (line.size === before) return false;
    this.#size--;
    return true;
  }

  /** Let through when nobody waited for it any more: what it got is given back. */
  #abandoned(verdict: Verdict): void {
    if (typeof verdict === 'object' && verdict !== null && 'withdraw' in verdict)
      (verdict as { withdraw(): void }).withdraw();
  }

  /** What is short for a request that was not tried, because others are before it; at least one limit, since that is what it waits for. */
  #shortages(ask: Ask): readonly Shortage[] {
    const { look, free, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const { plan, need } = look(ask);
    const all = plan.shared.filter(isShared).map((check) => {
      const amount = amountOf(check.kind, need);
      const waitMs = check.meter.untilFree(amount, check.max, nowMs);
      const shortage = {
        check,
        used: check.meter.used(nowMs),
        reserved: 0,
        waitMs: waitMs === 0 ? TURN_MS : waitMs,
      };
      return { shortage, isShort: amount > free(check) };
    });
    const short = all.filter(({ isShort }) => isShort);
    return (short.length > 0 ? short : all.slice(0, 1)).map(({ shortage }) => shortage);
  }

  #line(className: string): WaitingLine<Waiting<Verdict>> {
    let line = this.#lines.get(className);
    if (line === undefined) this.#lines.set(className, (line = new WaitingLine<Waiting<Verdict>>()));
    return line;
  }
}
