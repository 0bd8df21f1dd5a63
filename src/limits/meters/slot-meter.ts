import type { Meter } from './meter.ts';

/** When it makes sense to look for a free slot again: nobody knows when a request in flight will be over. */
const LOOK_AGAIN_MS = 1_000;

/** Requests in flight. */
export class SlotMeter implements Meter {
  #taken = 0;

  free(limit: number): number {
    return limit - this.#taken;
  }

  used(): number {
    return this.#taken;
  }

  reserved(): number {
    return 0;
  }

  take(amount: number): void {
    this.#taken += amount;
  }

  /** However it ended: the slot is free. */
  settle(taken: number): void {
    this.#taken -= taken;
  }

  untilFree(amount: number, limit: number): number | undefined {
    if (amount > limit) return undefined;
    return this.#taken + amount <= limit ? 0 : LOOK_AGAIN_MS;
  }

  isIdle(): boolean {
    return this.#taken === 0;
  }
}
