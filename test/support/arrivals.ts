/** What arrives one after the other, for tests that wait for some of it. */
export class Arrivals<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  add(one: T): void {
    this.all.push(one);
    for (const look of [...this.#waiting]) look();
  }

  /** Resolves with the first that fits, come or to come. */
  first(fits: (one: T) => boolean): Promise<T> {
    return this.#found(() => this.all.find(fits));
  }

  /** Resolves with number `at`, counted from 0. */
  at(at: number): Promise<T> {
    return this.#found(() => this.all[at]);
  }

  #found(find: () => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = find();
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}
