const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 16_000] as const;
const PARKED_RETRY_MS = 60_000;
const STABLE_MS = 5 * 60_000;

/** When a server that failed is started again: after growing delays, and from then on once a minute. */
export class RestartSchedule {
  readonly #start: () => void;
  readonly #random: () => number;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;

  /** `random`: a number from 0 to 1, for jitter. */
  constructor(start: () => void, random: () => number) {
    this.#start = start;
    this.#random = random;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether it has failed so often that it is only tried now and then. */
  get isParked(): boolean {
    return this.#failures >= BACKOFF_MS.length;
  }

  failed(): void {
    this.#failures++;
  }

  /** The server worked for so long. What went wrong before a long time counts no more. */
  worked(ms: number): void {
    if (ms > STABLE_MS) this.#failures = 0;
  }

  reset(): void {
    this.#failures = 0;
  }

  /** Starts the server when its time has come, unless it is cancelled before. */
  plan(): void {
    clearTimeout(this.#timer);
    const ms = BACKOFF_MS[this.#failures - 1] ?? PARKED_RETRY_MS;
    this.#timer = setTimeout(this.#start, ms * (0.75 + this.#random() * 0.5)).unref();
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
