import type { Need } from '../limits-ports.ts';
import { amountOf, type Check, fits, type Plan } from './check.ts';

/** A limit that a request does not stay within, and how it stands. */
export interface Shortage {
  readonly check: Check;
  readonly used: number;
  readonly reserved: number;
  /** Until it makes sense to ask again; `undefined`: never. */
  readonly waitMs: number | undefined;
}

/** What was taken for one request. One of the two is called, once. */
export interface Hold {
  settle(used: Need, nowMs: number): void;
  /** As if it had never been taken. */
  withdraw(nowMs: number): void;
}

/** Where requests get what they need, all of it or nothing. */
export interface Desk {
  /** What is left of a limit, as far as that is known here. */
  free(check: Check, nowMs: number): number;
  take(
    plan: Plan,
    need: Need,
    nowMs: number,
  ): Hold | readonly Shortage[] | Promise<Hold | readonly Shortage[]>;
}

export function isShort(outcome: Hold | readonly Shortage[]): outcome is readonly Shortage[] {
  return Array.isArray(outcome);
}

/** Counts in this process alone. `share`: the part of each limit that counts here, more than 0 and at most 1. */
export class LocalDesk implements Desk {
  readonly #share: () => number;

  constructor(share: () => number = () => 1) {
    this.#share = share;
  }

  free(check: Check, nowMs: number): number {
    return check.meter.free(part(check, this.#share()).max, nowMs);
  }

  take(plan: Plan, need: Need, nowMs: number): Hold | readonly Shortage[] {
    const share = this.#share();
    for (const check of plan.checks)
      if (!fits(part(check, share), amountOf(check.kind, need), nowMs))
        return shortages(plan, need, share, nowMs);
    return this.force(plan, need, nowMs);
  }

  /** Takes it whether it fits or not. */
  force({ checks }: Plan, need: Need, nowMs: number): Hold {
    for (const { kind, meter } of checks) meter.take(amountOf(kind, need), nowMs);
    return new LocalHold(checks, need, nowMs);
  }
}

/** All that is short, for the message and the time that make most sense. */
function shortages({ checks }: Plan, need: Need, share: number, nowMs: number): readonly Shortage[] {
  return checks.flatMap((one) => {
    const check = part(one, share);
    const amount = amountOf(check.kind, need);
    if (fits(check, amount, nowMs)) return [];
    const { meter, max } = check;
    return [
      {
        check: one,
        used: meter.used(nowMs),
        reserved: meter.reserved(),
        waitMs: meter.untilFree(amount, max, nowMs),
      },
    ];
  });
}

/** A part of a limit; something of it is always left, or nothing would ever go through. Of a budget, it is a part of what is left. */
function part(check: Check, share: number): Check {
  const { budget, max } = check;
  if (share === 1 || max === 0) return check;
  const base = budget === undefined ? 0 : Math.min(max, budget.base);
  return { ...check, max: base + Math.max(budget === undefined ? 1 : 0, Math.floor((max - base) * share)) };
}

class LocalHold implements Hold {
  readonly #checks: readonly Check[];
  readonly #need: Need;
  readonly #atMs: number;

  constructor(checks: readonly Check[], need: Need, atMs: number) {
    this.#checks = checks;
    this.#need = need;
    this.#atMs = atMs;
  }

  settle(used: Need, nowMs: number): void {
    for (const { kind, meter } of this.#checks)
      meter.settle(amountOf(kind, this.#need), amountOf(kind, used), this.#atMs, nowMs);
  }

  withdraw(nowMs: number): void {
    for (const { kind, meter } of this.#checks)
      meter.settle(amountOf(kind, this.#need), 0, this.#atMs, nowMs);
  }
}
