/** The middle of the values; of an even number of them, the lower of the two middle ones. Throws for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

/** The value below which `share` (0 to 1) of the sorted values lie. Throws for none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) throw new Error('there is no percentile of nothing');
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** How far the values lie apart: (largest - smallest) / median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

const RESAMPLES = 2_000;

/**
 * Where the ratio of the medians, `above` to `below`, lies with 90 % by what the repeats differ: the 5th and the 95th percentile of it over
 * repeats drawn anew, each as often as chance has it (bootstrap). The two of one repeat stay together. The same for the same values.
 */
export function ratioInterval(above: readonly number[], below: readonly number[]): readonly [number, number] {
  if (above.length !== below.length) throw new Error('each repeat has one value above and one below');
  const random = numbersFrom(1);
  const ratios = Array.from({ length: RESAMPLES }, () => {
    const drawn = above.map(() => Math.floor(random() * above.length));
    return median(drawn.map((at) => above[at]!)) / median(drawn.map((at) => below[at]!));
  }).sort((a, b) => a - b);
  return [percentile(ratios, 0.05), percentile(ratios, 0.95)];
}

/** Numbers from 0 to before 1 that look like chance (Park and Miller's generator); the same for the same seed. */
function numbersFrom(seed: number): () => number {
  const MODULUS = 2 ** 31 - 1;
  let state = seed;
  return () => (state = (state * 48_271) % MODULUS) / MODULUS;
}
