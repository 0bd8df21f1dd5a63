import type { RequestHandle, ResponseHead } from '../../net/http-client.ts';
import type { Usage } from '../conversation/answer.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import { FORMATS } from '../formats/formats.ts';
import type { LlmCall } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { charge } from '../usage/charge.ts';
import { type AttemptDeps, onGone, timeoutsFor } from './attempt-deps.ts';
import { parsedBody, tooLarge } from './body.ts';
import { answerHeaders, requestHeaders } from './headers.ts';
import { sendToProvider } from './provider-request.ts';
import { sameFormatBody } from './same-format.ts';

/**
 * Asks a deployment for something that is no answer of a model (a count, vectors): bytes go both ways as they come. `usageOf`: what the provider says
 * that it used. `undefined`: the client was answered. A failure: nothing went to the client.
 */
export function passThrough(
  call: LlmCall,
  deployment: Deployment,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
  usageOf: (body: Buffer) => Usage | undefined,
): Promise<LlmFailure | undefined> {
  const format = FORMATS[call.route.format];
  const now = (): number => deps.clock.monotonicMs();
  const bytesMax = deps.bounds.upstreamResponseBytesMax;
  const startedMs = now();
  outcome.upstream.start(startedMs);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let head: ResponseHead | undefined;
    let handle: RequestHandle | undefined;
    let isOver = false;
    const finish = (failure: LlmFailure | undefined): void => {
      isOver = true;
      outcome.upstream.stop(now());
      forget();
      resolve(failure);
    };
    const giveUp = (failure: LlmFailure): void => {
      if (isOver) return;
      finish(failure);
      handle?.abort();
    };
    const forget = onGone(out, giveUp);
    const answered = (): void => {
      if (isOver) return;
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      try {
        parsedBody(body);
      } catch (error) {
        giveUp(error as LlmFailure);
        return;
      }
      const nowMs = now();
      outcome.usage = usageOf(body);
      outcome.firstContentMs = nowMs;
      charge(outcome, call, deployment, outcome.usage, nowMs - startedMs, deps.prices);
      const headers = answerHeaders(head, { call, deployment, outcome, id: deps.id, nowMs });
      out.send(200, { 'content-type': 'application/json', ...headers }, body);
      finish(undefined);
    };
    handle = sendToProvider(
      {
        deployment,
        format,
        operation: call.route.operation,
        isStream: false,
        body: sameFormatBody(call, deployment),
        headers: requestHeaders(call, format.name),
        timeouts: timeoutsFor(call, deployment, deps),
      },
      {
        onHead: (one) => {
          head = one;
        },
        onData: (chunk) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > bytesMax) giveUp(tooLarge(bytesMax));
        },
        onEnd: answered,
        onFailure: giveUp,
      },
      deps.http,
    );
    if (isOver) handle.abort();
  });
}
