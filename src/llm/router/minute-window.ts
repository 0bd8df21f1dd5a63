const SECONDS = 60;

/** How much there was in the last minute, counted by the second. */
export class MinuteWindow {
  readonly #amounts = new Float64Array(SECONDS);
  #second = 0;
  #sum = 0;

  add(nowMs: number, amount: number): void {
    this.#forget(nowMs);
    this.#amounts[this.#second % SECONDS]! += amount;
    this.#sum += amount;
  }

  sum(nowMs: number): number {
    this.#forget(nowMs);
    return this.#sum;
  }

  /** When there will be less than `bound`, in milliseconds from now. */
  freeMs(nowMs: number, bound: number): number {
    this.#forget(nowMs);
    let sum = this.#sum;
    for (let age = SECONDS - 1; age >= 0 && sum >= bound; age--) {
      sum -= this.#amounts[(this.#second - age + SECONDS) % SECONDS]!;
      if (sum < bound) return Math.max(0, (this.#second - age + SECONDS) * 1_000 - nowMs);
    }
    return sum < bound ? 0 : SECONDS * 1_000;
  }

  #forget(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    if (second <= this.#second) return;
    for (let at = Math.max(this.#second + 1, second - SECONDS + 1); at <= second; at++) {
      this.#sum -= this.#amounts[at % SECONDS]!;
      this.#amounts[at % SECONDS] = 0;
    }
    // All of them were forgotten: no rest of rounding stays.
    if (second - this.#second >= SECONDS) this.#sum = 0;
    this.#second = second;
  }
}
