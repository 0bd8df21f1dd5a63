import type { Stop, Usage } from './conversation/answer.ts';
import type { LlmFailure } from './conversation/llm-failure.ts';
import type { Deployment } from './providers/deployment.ts';

/** What became of a request to a model, for the ledger. Filled while it is worked on. */
export interface LlmOutcome {
  readonly startedMs: number;
  attempts: number;
  /** How many models stood in. */
  fallbacks: number;
  deployment: Deployment | undefined;
  usage: Usage | undefined;
  stop: Stop | undefined;
  /** What went wrong after the answer had begun. */
  failure: LlmFailure | undefined;
  /** Monotonic milliseconds when the provider was asked last, when its answer's first content came, and its last. */
  sentMs: number | undefined;
  firstContentMs: number | undefined;
  endedMs: number | undefined;
  bytesOut: number;
}

export function newOutcome(startedMs: number): LlmOutcome {
  return {
    startedMs,
    attempts: 0,
    fallbacks: 0,
    deployment: undefined,
    usage: undefined,
    stop: undefined,
    failure: undefined,
    sentMs: undefined,
    firstContentMs: undefined,
    endedMs: undefined,
    bytesOut: 0,
  };
}
