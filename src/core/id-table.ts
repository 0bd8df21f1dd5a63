const BUCKETS = 256;

/**
 * Things that come and go with every request, by a number of theirs; no Map, for the reason that `Roster` tells. Made for numbers that
 * are counted up.
 */
export class IdTable<Item extends { readonly id: number }> {
  readonly #buckets: Item[][] = Array.from({ length: BUCKETS }, () => []);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Item | undefined {
    const bucket = this.#bucketOf(id);
    for (let at = 0; at < bucket.length; at++) if (bucket[at]!.id === id) return bucket[at];
    return undefined;
  }

  /** Takes an item whose number no other item here has. */
  add(item: Item): void {
    this.#bucketOf(item.id).push(item);
    this.#size++;
  }

  /** Takes the item with that number out. */
  delete(id: number): Item | undefined {
    const bucket = this.#bucketOf(id);
    for (let at = 0; at < bucket.length; at++) {
      const item = bucket[at]!;
      if (item.id !== id) continue;
      const last = bucket.pop()!;
      if (last !== item) bucket[at] = last;
      this.#size--;
      return item;
    }
    return undefined;
  }

  /** In no order; an item may be taken out when its turn has come. */
  *[Symbol.iterator](): Generator<Item> {
    if (this.#size === 0) return;
    for (const bucket of this.#buckets) {
      for (let at = bucket.length - 1; at >= 0; at--) {
        const item = bucket[at];
        if (item !== undefined) yield item;
      }
    }
  }

  /** What is no whole number is nothing's number, but may be asked for. */
  #bucketOf(id: number): Item[] {
    return this.#buckets[id & (BUCKETS - 1)]!;
  }
}
