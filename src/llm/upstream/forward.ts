import type { ResponseHead } from '../../net/http-client.ts';
import { Dropped } from '../conversation/dropped.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { Seen } from '../conversation/observer.ts';
import { estimateBytes } from '../counting/estimate.ts';
import { FORMATS } from '../formats/formats.ts';
import type { LlmCall } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { TryResult } from '../router/try-deployments.ts';
import { askedTier, charge } from '../usage/charge.ts';
import { requestTokens } from '../usage/request-tokens.ts';
import { type Spent, spentOf } from '../usage/spent.ts';
import { type AttemptDeps, onGone, timeoutsFor } from './attempt-deps.ts';
import { answerHeaders, requestHeaders } from './headers.ts';
import { ObservingPipe } from './observing-pipe.ts';
import { type ProviderHandle, sendToProvider } from './provider-request.ts';
import { sameFormatBody, wantsUsage } from './same-format.ts';
import { StreamedAnswer } from './streamed-answer.ts';
import { WholeAnswer } from './whole-answer.ts';

/**
 * Asks a deployment that speaks the client's format: bytes go both ways as they come. `outcome` says how the client's answer ended, when there was
 * one. `refused`: parameters to leave out.
 */
export function forward(
  call: LlmCall,
  deployment: Deployment,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
  refused: ReadonlySet<string>,
): Promise<TryResult> {
  const format = FORMATS[call.route.format];
  const monotonicMs = (): number => deps.clock.monotonicMs();
  const dropped = new Dropped();
  for (const param of refused) dropped.add(param);
  const headers = (head: ResponseHead): Readonly<Record<string, string>> =>
    answerHeaders(head, { call, deployment, dropped, outcome, id: deps.id, nowMs: monotonicMs() });
  const startedMs = monotonicMs();
  outcome.upstream.start(startedMs);
  return new Promise((resolve) => {
    let handle: ProviderHandle | undefined;
    let isOver = false;
    let forget = (): void => undefined;
    let spent: Spent | undefined;
    const settle = (seen: Seen | undefined, isGone: boolean): void => {
      spent = spentOf(
        {
          usage: seen?.usage,
          untold: estimateBytes(seen?.bytesSinceUsage ?? 0),
          isWorkedOn: seen?.hasContent === true || isGone,
        },
        () => requestTokens(call),
      );
      charge(outcome, askedTier(call), deployment, spent, monotonicMs() - startedMs, deps.prices);
    };
    const finish = (failure: LlmFailure | undefined, isGone = false): void => {
      outcome.upstream.stop(monotonicMs());
      if (pipe !== undefined || isGone) settle(pipe?.seen, isGone && handle !== undefined);
      isOver = true;
      forget();
      resolve({ failure, broken: outcome.failure, usage: spent?.usage });
    };
    const onDone = (failure: LlmFailure | undefined): void => {
      outcome.failure ??= failure;
      finish(undefined);
    };
    const common = { out, headers, onDone, onFailed: (failure: LlmFailure) => finish(failure) };
    const pipe = call.isStream ? new ObservingPipe(format, outcome, hidesUsage(call)) : undefined;
    const sink = pipe
      ? new StreamedAnswer({
          ...common,
          pipe,
          onCommit: () => {
            outcome.firstContentMs = monotonicMs();
          },
          pingMs: deps.bounds.keepAliveMs,
          monotonicMs,
        })
      : new WholeAnswer({
          ...common,
          observer: format.observer(),
          isAnswer: call.route.operation === 'generate',
          outcome,
          bytesMax: deps.bounds.upstreamResponseBytesMax,
          onWhole: (seen) => {
            outcome.firstContentMs = monotonicMs();
            settle(seen, false);
          },
        });
    forget = onGone(out, (failure) => {
      sink.leave();
      handle?.abort();
      outcome.failure = failure;
      finish(failure, true);
    });
    // Who has gone already, is told of at once.
    if (isOver) return;
    handle = sendToProvider(
      {
        deployment,
        format,
        operation: call.route.operation,
        isStream: call.isStream,
        body: sameFormatBody(call, deployment, refused, deps.prepared.of(deployment)),
        headers: requestHeaders(call, format.name, outcome.trace),
        timeouts: timeoutsFor(call, deployment, deps),
      },
      sink,
      deps,
    );
    sink.handle = handle;
  });
}

/** Whether the event that tells the usage is for the gateway alone. */
function hidesUsage({ route, text }: LlmCall): boolean {
  return route.format === 'chat' && !wantsUsage(text.slice('stream_options'));
}
