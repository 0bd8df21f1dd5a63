const BUCKETS = 1_024;

/** A set of ids that come and go with every request; no Set, for the reason that `Roster` tells. Made for ids that end in random digits. */
export class IdSet {
  readonly #buckets: string[][] = Array.from({ length: BUCKETS }, () => []);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(id: string): void {
    const bucket = this.#bucketOf(id);
    if (bucket.includes(id)) return;
    bucket.push(id);
    this.#size++;
  }

  /** Whether it was there. */
  delete(id: string): boolean {
    const bucket = this.#bucketOf(id);
    const at = bucket.indexOf(id);
    if (at < 0) return false;
    const last = bucket.pop()!;
    if (at < bucket.length) bucket[at] = last;
    this.#size--;
    return true;
  }

  #bucketOf(id: string): string[] {
    let hash = id.length;
    for (let at = Math.max(0, id.length - 4); at < id.length; at++) hash = hash * 31 + id.charCodeAt(at);
    return this.#buckets[hash % BUCKETS]!;
  }
}
