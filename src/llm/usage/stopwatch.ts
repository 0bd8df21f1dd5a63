/** Time in which at least one of several things was under way: what overlaps counts once. Monotonic milliseconds. */
export class Stopwatch {
  #running = 0;
  #since = 0;
  #ms = 0;

  start(nowMs: number): void {
    if (this.#running++ === 0) this.#since = nowMs;
  }

  stop(nowMs: number): void {
    if (--this.#running === 0) this.#ms += nowMs - this.#since;
  }

  /** `undefined`: it never ran. */
  ms(nowMs: number): number | undefined {
    if (this.#running > 0) return this.#ms + nowMs - this.#since;
    return this.#since === 0 && this.#ms === 0 ? undefined : this.#ms;
  }
}
