/** Numbers that look random and are the same for the same seed, so that what a property test finds can be found again. */
export interface RandomSource {
  /** A whole number from 0, less than `bound`. */
  below(bound: number): number;
  pick<T>(values: readonly T[]): T;
  chance(probability: number): boolean;
}

/** xorshift32. https://www.jstatsoft.org/article/view/v008i14 */
export function randomSource(seed: number): RandomSource {
  let state = (seed * 2_654_435_761) | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    below,
    pick: (values) => values[below(values.length)]!,
    chance: (probability) => next() < probability,
  };
}
