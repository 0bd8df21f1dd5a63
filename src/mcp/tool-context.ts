import type { TraceContext } from '../core/trace.ts';

/** What a tool is told besides its arguments. */
export interface ToolContext {
  readonly signal: AbortSignal;
  /** The trace that the call belongs to. */
  readonly trace: TraceContext | undefined;
  /** Whose call it is; `undefined` where there is only one who calls. */
  readonly principalId?: string | undefined;
  /** Tells the caller how far it is; absent when the caller does not want to know. `done` grows from call to call. */
  readonly progress?: ((done: number, message: string) => void) | undefined;
}
