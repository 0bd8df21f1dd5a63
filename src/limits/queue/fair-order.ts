/** What is taken for a share of nothing. */
const SHARE_MIN = 1e-6;

/**
 * Whose turn it is, so that over time classes are served in proportion to their shares (stride scheduling: each turn costs a class as much as it takes, divided
 * by its share, and who has paid least is next).
 */
export class FairOrder {
  readonly #paid = new Map<string, number>();
  /** What the class had paid that was served last. */
  #now = 0;

  /** A class begins to wait: for the time in which it did not it has earned nothing. */
  join(name: string): void {
    this.#paid.set(name, Math.max(this.#paid.get(name) ?? 0, this.#now));
  }

  /** `part`: of the whole limit. */
  pay(name: string, part: number, share: number): void {
    const before = Math.max(this.#paid.get(name) ?? 0, this.#now);
    this.#now = before;
    this.#paid.set(name, before + part / Math.max(share, SHARE_MIN));
  }

  paid(name: string): number {
    return this.#paid.get(name) ?? 0;
  }
}
