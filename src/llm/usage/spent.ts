import type { Usage } from '../conversation/answer.ts';

/** What one turn of a deployment used. */
export interface Spent {
  readonly usage: Usage;
  /** Whether it is in part an estimate. */
  readonly isEstimated: boolean;
}

/** What is known of a turn when it is over. */
export interface Told {
  /** As the provider told it last. */
  readonly usage: Usage | undefined;
  /** Tokens, roughly, of what was said since then. */
  readonly untold: number;
  /** Whether the provider has worked on it, as far as one can know: it has begun to say something, or nobody waited for that. */
  readonly isWorkedOn: boolean;
}

/**
 * What is billed for a turn: what the provider told, and an estimate of what it did not tell, because it never does or because its answer broke off.
 * `input`: estimates the tokens of the request. `undefined`: nothing.
 */
export function spentOf({ usage, untold, isWorkedOn }: Told, input: () => number): Spent | undefined {
  const output = Math.ceil(untold);
  if (usage !== undefined) {
    // No request has no tokens: some say zero for what they do not know.
    const hasInput = usage.input > 0 || !isWorkedOn;
    if (output === 0 && hasInput) return { usage, isEstimated: false };
    return {
      usage: { ...usage, input: hasInput ? usage.input : input(), output: usage.output + output },
      isEstimated: true,
    };
  }
  return isWorkedOn ? { usage: { ...NO_USAGE, input: input(), output }, isEstimated: true } : undefined;
}

/** No tokens at all. */
export const NO_USAGE = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  reasoning: 0,
  audioInput: 0,
  audioOutput: 0,
} as const satisfies Usage;

/** The tokens of both. */
export function sumOf(a: Usage | undefined, b: Usage): Usage {
  if (a === undefined) return b;
  const sum: Record<string, number> = {};
  for (const kind of KINDS) sum[kind] = a[kind] + b[kind];
  return sum as unknown as Usage;
}

const KINDS = Object.keys(NO_USAGE) as readonly (keyof typeof NO_USAGE)[];
