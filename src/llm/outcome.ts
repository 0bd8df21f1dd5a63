import type { TraceContext } from '../core/trace.ts';
import type { Stop, Usage } from './conversation/answer.ts';
import type { LlmFailure } from './conversation/llm-failure.ts';
import type { Deployment } from './providers/deployment.ts';
import type { Pico } from './usage/money.ts';
import { Stopwatch } from './usage/stopwatch.ts';

/** What became of a request to a model, for the ledger. Filled while it is worked on. */
export interface LlmOutcome {
  readonly startedMs: number;
  /** The trace of the request. */
  readonly requestTrace: TraceContext | undefined;
  /** The same as the provider is told of it that is asked now. */
  trace: TraceContext | undefined;
  attempts: number;
  /** How many models stood in. */
  fallbacks: number;
  deployment: Deployment | undefined;
  /** Of all turns of all deployments. */
  usage: Usage | undefined;
  /** Whether `usage` is in part an estimate. */
  isEstimated: boolean;
  stop: Stop | undefined;
  /** What went wrong after the answer had begun. */
  failure: LlmFailure | undefined;
  /** What providers ask for all of it; `undefined`: nobody said what it costs. */
  cost: Pico | undefined;
  /** The time in which providers and tools were waited for. */
  readonly upstream: Stopwatch;
  /** Monotonic milliseconds when the answer's first content came. */
  firstContentMs: number | undefined;
  bytesOut: number;
}

export function newOutcome(startedMs: number, requestTrace?: TraceContext): LlmOutcome {
  return {
    startedMs,
    requestTrace,
    trace: requestTrace,
    attempts: 0,
    fallbacks: 0,
    deployment: undefined,
    usage: undefined,
    isEstimated: false,
    stop: undefined,
    failure: undefined,
    cost: undefined,
    upstream: new Stopwatch(),
    firstContentMs: undefined,
    bytesOut: 0,
  };
}
