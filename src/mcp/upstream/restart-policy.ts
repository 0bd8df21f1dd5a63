const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 16_000] as const;
const PARKED_RETRY_MS = 60_000;
const STABLE_MS = 5 * 60_000;
/** How long a call waits for a server that has failed before to come back. */
const COMEBACK_MS = 5_000;
/** A call does not wake a server whose last start failed less than this long ago. */
const WAKE_MS = 1_000;
const AUTH_RETRY_MS = 60_000;

export interface NextTry {
  /** It has failed so often, or in such a way, that it is only tried now and then. */
  readonly isParked: boolean;
  /** Milliseconds until it is started again by itself. */
  readonly inMs: number | undefined;
}

/** When a server that failed is tried again: by itself, and by a call that needs it. */
export class RestartPolicy {
  readonly #now: () => number;
  readonly #random: () => number;
  #failures = 0;
  #failedStarts = 0;
  #lastFailedStart = Number.NEGATIVE_INFINITY;
  #authRefusal: number | undefined;
  #readySince = 0;

  /** `now`: monotonic milliseconds. `random`: a number from 0 to 1. */
  constructor(now: () => number, random: () => number) {
    this.#now = now;
    this.#random = random;
  }

  /** Failures since it was stable last. */
  get failures(): number {
    return this.#failures;
  }

  /** HTTP status with which our credentials were refused at the last start. */
  get authRefusal(): number | undefined {
    return this.#authRefusal;
  }

  /** Monotonic milliseconds since when it was ready last. */
  get readySince(): number {
    return this.#readySince;
  }

  /** Whether no start has succeeded since the last one failed. */
  get isFailing(): boolean {
    return this.#failedStarts > 0;
  }

  started(): void {
    this.#authRefusal = undefined;
    this.#failedStarts = 0;
    this.#readySince = this.#now();
  }

  /** The connection was lost. After five stable minutes the failures before do not count. */
  lost(): NextTry {
    this.endOfStability();
    this.#failures++;
    return this.#nextTry();
  }

  /** A connection ended that is no failure of the server's. */
  endOfStability(): void {
    if (this.#now() - this.#readySince > STABLE_MS) this.#failures = 0;
  }

  /** A start failed. With the status of a refusal of our credentials nothing is tried by itself: they must be corrected. */
  failed(authStatus: number | undefined): NextTry {
    this.#failures++;
    this.#failedStarts++;
    this.#lastFailedStart = this.#now();
    this.#authRefusal = authStatus;
    return authStatus === undefined ? this.#nextTry() : { isParked: true, inMs: undefined };
  }

  /** Whether a call may start it now. */
  mayWake(): boolean {
    return this.#now() - this.#lastFailedStart >= (this.#authRefusal === undefined ? WAKE_MS : AUTH_RETRY_MS);
  }

  /** How long a call waits for a start, in milliseconds. */
  patienceMs(startTimeoutMs: number): number {
    return this.#failedStarts === 0 ? startTimeoutMs : COMEBACK_MS;
  }

  /** The operator asks for a fresh start. */
  reset(): void {
    this.#failures = 0;
    this.#failedStarts = 0;
    this.#authRefusal = undefined;
    this.#lastFailedStart = Number.NEGATIVE_INFINITY;
  }

  #nextTry(): NextTry {
    const base = BACKOFF_MS[this.#failures - 1] ?? PARKED_RETRY_MS;
    return { isParked: this.#failures >= BACKOFF_MS.length, inMs: base * (0.75 + this.#random() * 0.5) };
  }
}
