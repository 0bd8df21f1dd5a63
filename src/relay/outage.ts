const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 5_000;

/** How long to wait before the next attempt, in milliseconds: doubling, with jitter. `attempt` counts from 0, `random` is from 0 to 1. */
export function backoffMs(attempt: number, random: number, maxMs: number = BACKOFF_MAX_MS): number {
  return Math.min(maxMs, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 20)) * (0.75 + random * 0.5);
}

/** Waits; `false` when `signal` ended it. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const done = (whole: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(whole);
    };
    const onAbort = (): void => done(false);
    const timer = setTimeout(() => done(true), ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Tells a person once that the gateway went away, and once that it is back. */
export class Outage {
  readonly #address: string;
  readonly #say: (text: string) => void;
  #lasts = false;

  constructor(address: string, say: (text: string) => void) {
    this.#address = address;
    this.#say = say;
  }

  begins(reason: string): void {
    if (!this.#lasts) this.#say(`${this.#address} does not answer (${reason}); trying again`);
    this.#lasts = true;
  }

  ends(): void {
    if (this.#lasts) this.#say(`${this.#address} answers again`);
    this.#lasts = false;
  }
}
