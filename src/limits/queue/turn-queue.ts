import type { Clock } from '../../core/clock.ts';
import { amountOf, type Check, type Plan } from '../accounts/check.ts';
import type { Shortage } from '../accounts/desk.ts';
import type { PriorityConfig } from '../limits-config.ts';
import type { Ask, Need } from '../limits-ports.ts';
import { ClassUse, isShared } from './class-use.ts';
import { type Waiter, WaitingLine } from './waiting-line.ts';

/** Requests that wait for one model at the same time at most; more are refused. */
export const WAITING_MAX = 1_000;
/** How often it is looked whether somebody's turn has come, when nothing says so: time frees what was used a minute ago, and other processes end requests. */
const LOOK_MS = 100;

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
 * The requests that wait for one model. Whose turn it is: the class that uses least of its share; within a class each key in turn. Who is next and does not fit
 * yet is not overtaken, so that a long request starves behind no short ones; only a class that may borrow nothing more is passed over.
 */
export class TurnQueue<Verdict> {
  readonly use: ClassUse;
  readonly #deps: TurnQueueDeps<Verdict>;
  readonly #lines = new Map<string, WaitingLine<Waiting<Verdict>>>();
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
  enter(ask: Ask, shortages: readonly Shortage[]): Promise<Verdict> {
    const { refuse, clock } = this.#deps;
    const isVain = shortages.some(
      ({ check, waitMs }) => waitMs === undefined || (check.kind === 'requests' && waitMs > this.#waitMs),
    );
    if (isVain || this.#size >= WAITING_MAX)
      return Promise.resolve(refuse(ask, this.#known(ask, shortages), 0, false));
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
      this.#line(className).add(waiting);
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

  /** Who is next; `undefined` when no class may take what its next one needs. */
  #next(): Waiting<Verdict> | undefined {
    const nowMs = this.#deps.clock.monotonicMs();
    const heads = [...this.#lines.values()].flatMap(({ head }) => head ?? []);
    const ranked = heads
      .map((head) => {
        const { plan } = this.#deps.look(head.ask);
        return { head, ratio: this.use.ratio(head.className, plan.shared, nowMs) };
      })
      .sort((a, b) => a.ratio - b.ratio || a.head.sinceMs - b.head.sinceMs);
    return ranked.find(({ head }) => this.#mayTake(head.className, head.ask))?.head;
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
    waiting.resolve(
      this.#deps.refuse(waiting.ask, this.#known(waiting.ask, waiting.shortages), waitedMs, isGone),
    );
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

  /** What to say is short, where a class may borrow nothing and nothing else is. */
  #known(ask: Ask, shortages: readonly Shortage[]): readonly Shortage[] {
    if (shortages.length > 0) return shortages;
    const nowMs = this.#deps.clock.monotonicMs();
    return this.#deps
      .look(ask)
      .plan.shared.filter(isShared)
      .slice(0, 1)
      .map((check) => ({ check, used: check.meter.used(nowMs), reserved: 0, waitMs: 1_000 }));
  }

  #line(className: string): WaitingLine<Waiting<Verdict>> {
    let line = this.#lines.get(className);
    if (line === undefined) this.#lines.set(className, (line = new WaitingLine<Waiting<Verdict>>()));
    return line;
  }
}
