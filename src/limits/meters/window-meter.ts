import type { Meter } from './meter.ts';

export const WINDOW_MS = 60_000;
/** What is used within one slot is kept as one number, so that a window is 601 numbers at most. */
const SLOT_MS = 100;
/** A slot counts until its very end is a window ago, so that no 60 s hold more than the limit; use counts for up to `SLOT_MS` longer. */
const SLOTS_COUNTED = WINDOW_MS / SLOT_MS + 1;
/** Slots that are over stay in the lists until they are so many. */
const STALE_MAX = 64;

/**
 * Use per minute, as a sliding window: whenever 60 s begin, what was taken in them and not given back is within the limit. What was used counts for 60.1 s at
 * most.
 */
export class WindowMeter implements Meter {
  readonly #slots: number[] = [];
  readonly #amounts: number[] = [];
  #head = 0;
  #total = 0;

  free(limit: number, nowMs: number): number {
    this.#forget(nowMs);
    return limit - this.#total;
  }

  used(nowMs: number): number {
    this.#forget(nowMs);
    return this.#total;
  }

  reserved(): number {
    return 0;
  }

  take(amount: number, nowMs: number): void {
    const slot = Math.floor(nowMs / SLOT_MS);
    const last = this.#slots.length - 1;
    if (last >= this.#head && this.#slots[last]! >= slot) this.#amounts[last]! += amount;
    else {
      this.#slots.push(slot);
      this.#amounts.push(amount);
    }
    this.#total += amount;
  }

  settle(taken: number, used: number, atMs: number, nowMs: number): void {
    if (used > taken) this.take(used - taken, nowMs);
    else if (used < taken) this.#giveBack(taken - used, Math.floor(atMs / SLOT_MS), nowMs);
  }

  untilFree(amount: number, limit: number, nowMs: number): number | undefined {
    if (amount > limit) return undefined;
    this.#forget(nowMs);
    let over = this.#total + amount - limit;
    if (over <= 0) return 0;
    for (let at = this.#head; at < this.#slots.length; at++) {
      over -= this.#amounts[at]!;
      if (over <= 0) return (this.#slots[at]! + SLOTS_COUNTED) * SLOT_MS - nowMs;
    }
    return WINDOW_MS;
  }

  /** Time until nothing counts any more. */
  untilEmpty(nowMs: number): number {
    this.#forget(nowMs);
    const last = this.#slots.length - 1;
    return last < this.#head ? 0 : (this.#slots[last]! + SLOTS_COUNTED) * SLOT_MS - nowMs;
  }

  isIdle(nowMs: number): boolean {
    this.#forget(nowMs);
    return this.#head === this.#slots.length;
  }

  #giveBack(amount: number, slot: number, nowMs: number): void {
    this.#forget(nowMs);
    let low = this.#head;
    let high = this.#slots.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#slots[middle]!;
      if (found === slot) {
        const back = Math.min(amount, this.#amounts[middle]!);
        this.#amounts[middle]! -= back;
        this.#total -= back;
        return;
      }
      if (found < slot) low = middle + 1;
      else high = middle - 1;
    }
  }

  #forget(nowMs: number): void {
    const first = Math.floor(nowMs / SLOT_MS) - SLOTS_COUNTED;
    while (this.#head < this.#slots.length && this.#slots[this.#head]! <= first)
      this.#total -= this.#amounts[this.#head++]!;
    if (this.#head < STALE_MAX && this.#head < this.#slots.length) return;
    if (this.#head === 0) return;
    this.#slots.splice(0, this.#head);
    this.#amounts.splice(0, this.#head);
    this.#head = 0;
  }
}
