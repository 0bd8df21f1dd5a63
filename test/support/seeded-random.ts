/** Numbers that look random and are the same for the same seed (mulberry32). */
export interface SeededRandom {
  /** A number from 0 to below 1. */
  next(): number;
  /** A whole number from 0 to below `max`. */
  int(max: number): number;
  pick<T>(from: readonly T[]): T;
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (max: number): number => Math.floor(next() * max);
  return { next, int, pick: (from) => from[int(from.length)]! };
}
