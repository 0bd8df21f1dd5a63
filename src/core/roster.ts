/** What a roster holds: the roster keeps its place in it. -1 while it is in none. */
export interface Seated {
  seat: number;
}

/**
 * Things that come and go with every request. A Set would do but for the garbage collector: a Set that grows and shrinks leaves old
 * tables behind, each of which leads to the next, so that as soon as one of them has grown old, everything that was ever in the later
 * ones is kept until the next full collection (V8, OrderedHashTable::Rehash).
 */
export class Roster<Item extends Seated> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: Item): void {
    if (item.seat < 0) item.seat = this.#items.push(item) - 1;
  }

  delete(item: Item): void {
    const { seat } = item;
    if (seat < 0) return;
    const last = this.#items.pop()!;
    if (last !== item) {
      this.#items[seat] = last;
      last.seat = seat;
    }
    item.seat = -1;
  }

  /** Newest first; an item may be taken out when its turn has come. */
  *[Symbol.iterator](): Generator<Item> {
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const item = this.#items[at];
      if (item !== undefined) yield item;
    }
  }
}
