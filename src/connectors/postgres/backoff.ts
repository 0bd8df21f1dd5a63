/** Failures in a row that are tried again at once: a server that restarts is back before anybody waits. */
const FREE_FAILURES = 3;
const FIRST_MS = 250;
const LONGEST_MS = 5_000;

/** Spaces out the attempts to reach a server that is down: twice as long each time, at most 5 s, a little of it by chance. */
export class Backoff {
  readonly #now: () => number;
  readonly #random: () => number;
  #failures = 0;
  #untilMs = Number.NEGATIVE_INFINITY;
  #reason = '';

  constructor(now: () => number = () => performance.now(), random: () => number = Math.random) {
    this.#now = now;
    this.#random = random;
  }

  /** Why no attempt is made now, or `undefined` when one may be made. */
  refusal(): string | undefined {
    const leftMs = this.#untilMs - this.#now();
    if (leftMs <= 0) return undefined;
    return `${this.#reason}; it is tried again in ${(leftMs / 1_000).toFixed(1)} s`;
  }

  failed(reason: string): void {
    this.#reason = reason;
    this.#failures++;
    const times = this.#failures - FREE_FAILURES;
    if (times <= 0) return;
    const waitMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (times - 1));
    this.#untilMs = this.#now() + waitMs * (0.75 + 0.25 * this.#random());
  }

  succeeded(): void {
    this.#failures = 0;
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }
}
