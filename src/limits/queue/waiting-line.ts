/** Whoever waits in a line. */
export interface Waiter {
  readonly holderId: string;
}

/** One class of those that wait: first come, first served for one holder, and every holder in turn. */
export class WaitingLine<T extends Waiter> {
  /** In the order of their turns. */
  readonly #holders = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Who is next. */
  get head(): T | undefined {
    const [first] = this.#holders.values();
    return first?.[0];
  }

  add(waiter: T): void {
    const own = this.#holders.get(waiter.holderId);
    if (own === undefined) this.#holders.set(waiter.holderId, [waiter]);
    else own.push(waiter);
    this.#size++;
  }

  /** Takes it out of the line. `hadTurn`: then its holder's next turn comes after everybody else's. */
  remove(waiter: T, hadTurn: boolean): void {
    const own = this.#holders.get(waiter.holderId);
    const at = own?.indexOf(waiter) ?? -1;
    if (own === undefined || at < 0) return;
    own.splice(at, 1);
    this.#size--;
    if (own.length > 0 && !hadTurn) return;
    this.#holders.delete(waiter.holderId);
    if (own.length > 0) this.#holders.set(waiter.holderId, own);
  }

  *[Symbol.iterator](): Generator<T> {
    for (const own of this.#holders.values()) yield* own;
  }
}
