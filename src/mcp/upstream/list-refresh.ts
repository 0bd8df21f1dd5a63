/** Milliseconds between the end of a reading and the next one. */
const PAUSE_MS = 1_000;

/**
 * Reads a server's lists again when they may have changed: at once, then one reading at a time with a pause in between, since some servers say
 * so a thousand times a second, or after each reading.
 */
export class ListRefresh {
  readonly #read: () => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  readonly #now: () => number;
  #reading: Promise<void> | undefined;
  #isPausing = false;
  #again = false;
  #expiresAt: number | undefined;

  /** `now`: monotonic milliseconds. */
  constructor(read: () => Promise<void>, onFailure: (error: unknown) => void, now: () => number) {
    this.#read = read;
    this.#onFailure = onFailure;
    this.#now = now;
  }

  /** The lists that were just read hold for so long, as the server says (2026-07-28, "Caching"); 0 and `undefined`: it does not say. */
  validFor(ttlMs: number | undefined): void {
    this.#expiresAt = ttlMs === undefined || ttlMs === 0 ? undefined : this.#now() + ttlMs;
  }

  /** The server said that something changed. */
  soon(): void {
    if (this.#reading !== undefined || this.#isPausing) {
      this.#again = true;
      return;
    }
    this.#reading = this.#read()
      .catch(this.#onFailure)
      .finally(() => {
        this.#reading = undefined;
        this.#isPausing = true;
        setTimeout(() => this.#goOn(), PAUSE_MS).unref();
      });
  }

  #goOn(): void {
    this.#isPausing = false;
    if (!this.#again) return;
    this.#again = false;
    this.soon();
  }

  /** Reads again when the lists hold no longer; who asks meanwhile gets the old ones. */
  ifStale(): void {
    const isStale = this.#expiresAt !== undefined && this.#now() > this.#expiresAt;
    if (isStale && this.#reading === undefined) this.soon();
  }
}
