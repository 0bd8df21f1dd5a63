/**
 * Tells one call that nobody waits for its answer any more. What an AbortSignal is for, at a fraction of its cost: one is made for every
 * call, and hardly any is ever used.
 */
export class Cancellation {
  #reason: string | undefined;
  #listeners: ((reason: string) => void)[] | undefined;

  /** Why the call was given up; `undefined` while it was not. */
  get reason(): string | undefined {
    return this.#reason;
  }

  get isCancelled(): boolean {
    return this.#reason !== undefined;
  }

  /** Calls `listener` once, at once when the call was given up already. */
  on(listener: (reason: string) => void): void {
    if (this.#reason !== undefined) listener(this.#reason);
    else if (this.#listeners === undefined) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  off(listener: (reason: string) => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners!.splice(at, 1);
  }

  /** The first reason counts. */
  cancel(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    // One by one, since a listener may take another off.
    for (let next = this.#listeners?.shift(); next !== undefined; next = this.#listeners?.shift())
      next(reason);
  }

  /** Resolves when the call is given up; never, when it is not. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.on(() => resolve()));
  }
}
