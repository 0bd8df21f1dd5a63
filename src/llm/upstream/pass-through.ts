import { LlmFailure } from '../conversation/llm-failure.ts';
import { FORMATS } from '../formats/formats.ts';
import type { LlmCall } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { askedTier, charge } from '../usage/charge.ts';
import type { Spent } from '../usage/spent.ts';
import { askWhole } from './ask-whole.ts';
import { type AttemptDeps, timeoutsFor } from './attempt-deps.ts';
import { answerHeaders, requestHeaders } from './headers.ts';
import { sameFormatBody } from './same-format.ts';

/**
 * Asks a deployment for something that is no answer of a model (a count, vectors): bytes go both ways as they come. `spentBy`: what was used
 * for it. `undefined`: the client was answered. A failure: nothing went to the client.
 */
export async function passThrough(
  call: LlmCall,
  deployment: Deployment,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
  spentBy: (body: Buffer) => Spent | undefined,
): Promise<LlmFailure | undefined> {
  const format = FORMATS[call.route.format];
  const answer = await askWhole(
    {
      deployment,
      format,
      operation: call.route.operation,
      isStream: false,
      body: sameFormatBody(call, deployment, new Set(), deps.prepared.of(deployment)),
      headers: requestHeaders(call, format.name, outcome.trace),
      timeouts: timeoutsFor(call, deployment, deps),
    },
    out,
    outcome,
    deps,
  );
  if (answer instanceof LlmFailure) return answer;
  const nowMs = deps.clock.monotonicMs();
  outcome.firstContentMs = nowMs;
  charge(outcome, askedTier(call), deployment, spentBy(answer.body), answer.ms, deps.prices);
  const headers = answerHeaders(answer.head, { call, deployment, outcome, id: deps.id, nowMs });
  out.send(200, { 'content-type': 'application/json', ...headers }, answer.body);
  return undefined;
}
