import { amountOf, type Check } from '../accounts/check.ts';
import type { Need } from '../limits-ports.ts';
import type { Meter } from '../meters/meter.ts';
import { SlotMeter } from '../meters/slot-meter.ts';
import { WindowMeter } from '../meters/window-meter.ts';

/** Limits whose use is told apart by class; a budget is not: no waiting helps there. */
export function isShared({ kind }: Check): boolean {
  return kind !== 'budget';
}

/**
 * How much each class uses of the limits of one model. A class may always use its share. More it may borrow, from what is free and not held for others: for each
 * other class as much again as it used in the last minute and waits for, up to its share. A class that asks for nothing thus lends all that it has.
 */
export class ClassUse {
  readonly #meters = new Map<string, Map<string, Meter>>();
  #shares: Readonly<Record<string, number>>;

  constructor(shares: Readonly<Record<string, number>>) {
    this.#shares = shares;
  }

  setShares(shares: Readonly<Record<string, number>>): void {
    this.#shares = shares;
  }

  /** The class as it is counted: what nobody reserved anything for belongs to the class with the smallest share. */
  classOf(priority: string | undefined): string {
    if (priority !== undefined && Object.hasOwn(this.#shares, priority)) return priority;
    const names = Object.keys(this.#shares);
    return names.reduce(
      (least, name) => (this.shareOf(name) < this.shareOf(least) ? name : least),
      names[0] ?? '',
    );
  }

  shareOf(name: string): number {
    return this.#shares[name] ?? 0;
  }

  /** Whether a class may take what `need` says, of `free(check)`. `waiting`: what a class waits for. */
  mayTake(
    name: string,
    checks: readonly Check[],
    need: Need,
    free: (check: Check) => number,
    waiting: (name: string, check: Check) => number,
    nowMs: number,
  ): boolean {
    return checks.every((check) => {
      if (!isShared(check)) return true;
      const amount = amountOf(check.kind, need);
      if (this.#used(name, check, nowMs) + amount <= this.shareOf(name) * check.max) return true;
      // Parts of one are held for nobody, or a limit of one would let nobody through.
      return amount <= free(check) - Math.floor(this.#heldForOthers(name, check, waiting, nowMs));
    });
  }

  take(name: string, checks: readonly Check[], need: Need, nowMs: number): void {
    for (const check of checks)
      if (isShared(check)) this.#meter(name, check).take(amountOf(check.kind, need), nowMs);
  }

  settle(
    name: string,
    checks: readonly Check[],
    need: Need,
    used: Need | undefined,
    atMs: number,
    nowMs: number,
  ): void {
    for (const check of checks)
      if (isShared(check))
        this.#meter(name, check).settle(
          amountOf(check.kind, need),
          used === undefined ? 0 : amountOf(check.kind, used),
          atMs,
          nowMs,
        );
  }

  #heldForOthers(
    name: string,
    check: Check,
    waiting: (name: string, check: Check) => number,
    nowMs: number,
  ): number {
    let held = 0;
    for (const other of Object.keys(this.#shares)) {
      if (other === name) continue;
      const used = this.#used(other, check, nowMs);
      const rest = Math.max(0, this.shareOf(other) * check.max - used);
      held += Math.min(rest, used + waiting(other, check));
    }
    return held;
  }

  #used(name: string, check: Check, nowMs: number): number {
    return this.#meters.get(name)?.get(check.name)?.used(nowMs) ?? 0;
  }

  #meter(name: string, check: Check): Meter {
    let meters = this.#meters.get(name);
    if (meters === undefined) this.#meters.set(name, (meters = new Map<string, Meter>()));
    let meter = meters.get(check.name);
    if (meter === undefined)
      meters.set(check.name, (meter = check.kind === 'parallel' ? new SlotMeter() : new WindowMeter()));
    return meter;
  }
}
