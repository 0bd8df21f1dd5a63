/**
 * A deadline for one thing after the other, with one timer for all of them: for what happens thousands of times a second, where a timer and
 * a race for each (`withDeadline`) would cost more than the thing itself.
 */
export class Watchdog {
  readonly #ms: number;
  readonly #what: string;
  #timer: NodeJS.Timeout | undefined;
  #giveUp: ((error: Error) => void) | undefined;

  /** `ms`: longest that one thing may take; `what` it is, for the message. */
  constructor(ms: number, what: string) {
    this.#ms = ms;
    this.#what = what;
  }

  /** `promise`, or a rejection when it takes too long. One at a time. */
  watch<T>(promise: Promise<T>): Promise<T> {
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#expire(), this.#ms).unref();
    else this.#timer.refresh();
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      promise.then(
        (value) => {
          this.#done(reject);
          resolve(value);
        },
        (error: Error) => {
          this.#done(reject);
          reject(error);
        },
      );
    });
  }

  /** What was given up and ends after all must not take the next one's deadline along. */
  #done(giveUp: (error: Error) => void): void {
    if (this.#giveUp === giveUp) this.#giveUp = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const giveUp = this.#giveUp;
    this.#giveUp = undefined;
    giveUp?.(new Error(`${this.#what} took longer than ${this.#ms} ms`));
  }
}
