/** Seconds: from a call that a server on this machine answers at once to a model that thinks for minutes. */
export const CALL_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
];

/** Seconds that the gateway itself takes. */
export const OVERHEAD_SECONDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1,
];

/** One histogram series: plain numbers, so that an observation costs a few comparisons and one addition. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    this.#counts[at]!++;
    this.#sum += value;
  }

  /** What is exposed: a cumulative count for each bound and for `+Inf`, the sum, the count. */
  read(): {
    readonly buckets: readonly (readonly [le: string, count: number])[];
    readonly sum: number;
    readonly count: number;
  } {
    let count = 0;
    const buckets = [...this.#counts].map((n, at): [string, number] => {
      count += n;
      return [at < this.#bounds.length ? String(this.#bounds[at]) : '+Inf', count];
    });
    return { buckets, sum: this.#sum, count };
  }
}
