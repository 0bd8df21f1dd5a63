import type { Principal } from '../auth/authenticate.ts';
import type { Clock } from '../core/clock.ts';
import type { Admission, Refusal } from '../limits/limits-ports.ts';
import type { Gate } from '../limits/limits.ts';
import type { Llm } from '../llm/llm.ts';
import { type LlmCall, LlmFailure, type LlmOutcome, dollars } from '../llm/llm-wire.ts';
import { limitHeaders } from './limit-headers.ts';
import { isSpent, refusalText } from './limit-text.ts';

export interface LimitLlmDeps {
  readonly llm: Llm;
  readonly limits: Gate;
  readonly clock: Clock;
}

/** Whether a request to a model may go on, by everything that limits it. */
export function admitCall(
  call: LlmCall,
  principal: Principal,
  onGone: (listener: () => void) => void,
  { llm, limits }: LimitLlmDeps,
): Admission | Refusal | Promise<Admission | Refusal> {
  return limits.admit({
    holder: principal,
    target: { scope: 'model', id: llm.canonical(call.model) },
    estimate: () => llm.estimate(call),
    closer: () => llm.estimate(call, true),
    onGone,
  });
}

/** What is left of the limits, in the words of the route. */
export function standingHeaders(
  verdict: Admission | Refusal,
  call: LlmCall,
  { clock }: LimitLlmDeps,
): Readonly<Record<string, string>> | undefined {
  return limitHeaders(verdict.standing(), call.route.format === 'messages', clock.now());
}

/**
 * The answer to a request over a limit: 429 with the time to wait. A budget that is spent is a 400, as in LiteLLM: clients repeat a 429, which would help
 * nobody before the period is over, and show a 400 to who reads it.
 */
export function tooMuch(refusal: Refusal, { route }: LlmCall): LlmFailure {
  if (refusal.isGone)
    return new LlmFailure('internal', 'The client went away.', { status: 499, code: 'client_gone' });
  const message = refusalText(refusal);
  if (!isSpent(refusal))
    return new LlmFailure('rate-limit', message, {
      status: 429,
      code: 'rate_limit_exceeded',
      retryAfterMs: refusal.retryAfterMs,
    });
  const body = { error: { message, type: 'budget_exceeded', param: null, code: '400' } };
  const isOpenai = route.format === 'chat' || route.format === 'responses';
  return new LlmFailure('quota', message, {
    status: 400,
    code: 'budget_exceeded',
    raw: isOpenai
      ? { format: route.format, status: 400, body: Buffer.from(JSON.stringify(body)) }
      : undefined,
  });
}

/** Settles what was reserved with what was used, and returns what the request costs, in US dollars, for the record. */
export function settleCall(
  admission: Admission | undefined,
  { usage, cost }: LlmOutcome,
): number | undefined {
  admission?.settle({
    tokens: usage === undefined ? 0 : usage.input + usage.output,
    cost: cost === undefined ? 0 : Number(cost),
  });
  return cost === undefined ? undefined : dollars(cost);
}
