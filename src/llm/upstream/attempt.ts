import type { Clock } from '../../core/clock.ts';
import type { HttpClient, RequestHandle, ResponseHead } from '../../net/http-client.ts';
import { Dropped } from '../conversation/dropped.ts';
import type { AnswerFacts, Format } from '../conversation/format.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';
import { FORMATS } from '../formats/formats.ts';
import { type LlmCall, valueOf } from '../llm-call.ts';
import type { RouterConfig } from '../llm-config.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { answerHeaders, requestHeaders } from './headers.ts';
import { ObservingPipe } from './observing-pipe.ts';
import { type ProviderCall, type ProviderSink, type ProviderTimeouts, sendToProvider } from './provider-request.ts';
import { sameFormatBody, wantsUsage } from './same-format.ts';
import { type Pipe, StreamedAnswer } from './streamed-answer.ts';
import { TranslatingPipe } from './translating-pipe.ts';
import { WholeAnswer } from './whole-answer.ts';

export interface AttemptDeps {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly bounds: { readonly keepAliveMs: number; readonly upstreamResponseBytesMax: number };
  /** Of the request. */
  readonly id: string;
  readonly router: RouterConfig;
  readonly requestTimeoutMs: number | undefined;
}

const TOTAL_MS = 600_000;
const IDLE_MS = 300_000;

/**
 * Asks one deployment. `undefined`: the client was answered, and `outcome` says how that ended. A failure: nothing went to the client, so that
 * another deployment may be asked. Throws LlmFailure when the request cannot be said at all.
 */
export function attempt(
  call: LlmCall,
  deployment: Deployment,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
): Promise<LlmFailure | undefined> {
  const format = FORMATS[formatFor(deployment, call.route.format)];
  const dropped = new Dropped();
  const { body, facts } =
    format.name === call.route.format
      ? { body: sameFormatBody(call, deployment), facts: undefined }
      : translated(call, deployment, format, dropped, deps);
  const sent: ProviderCall = {
    deployment,
    format,
    operation: call.route.operation,
    isStream: call.isStream,
    body,
    headers: requestHeaders(call, format.name),
    timeouts: timeoutsFor(call, deployment, deps),
  };
  const headers = (head: ResponseHead): Readonly<Record<string, string>> =>
    answerHeaders(head, { call, deployment, dropped, outcome, id: deps.id });
  outcome.sentMs = deps.clock.monotonicMs();
  return new Promise((resolve) => {
    let handle: RequestHandle | undefined;
    let forget = (): void => undefined;
    const finish = (failure: LlmFailure | undefined): void => {
      outcome.endedMs = deps.clock.monotonicMs();
      forget();
      resolve(failure);
    };
    const sink = open({ call, format, facts, out, outcome, deps, headers, finish });
    forget = out.onGone(() => {
      sink.leave();
      handle?.abort();
      finish(new LlmFailure('internal', 'The client went away.', { status: 499, code: 'client_gone' }));
    });
    handle = sendToProvider(sent, sink, deps.http);
    sink.handle = handle;
  });
}

interface Opening {
  readonly call: LlmCall;
  readonly format: Format;
  /** For another format than the client's. */
  readonly facts: AnswerFacts | undefined;
  readonly out: AnswerSink;
  readonly outcome: LlmOutcome;
  readonly deps: AttemptDeps;
  readonly headers: (head: ResponseHead) => Readonly<Record<string, string>>;
  readonly finish: (failure: LlmFailure | undefined) => void;
}

type AnswerTaker = ProviderSink & { handle: RequestHandle | undefined; leave(): void };

function open({ call, format, facts, out, outcome, deps, headers, finish }: Opening): AnswerTaker {
  const onDone = (failure: LlmFailure | undefined): void => {
    outcome.failure = failure;
    finish(undefined);
  };
  const { monotonicMs } = deps.clock;
  if (!call.isStream)
    return new WholeAnswer({
      format,
      facts,
      client: FORMATS[call.route.format],
      out,
      outcome,
      headers,
      bytesMax: deps.bounds.upstreamResponseBytesMax,
      onDone: () => onDone(undefined),
      onFailed: finish,
    });
  const pipe: Pipe =
    facts === undefined
      ? new ObservingPipe(format, outcome, call.route.format === 'chat' && !wantsUsage(call.text.slice('stream_options')))
      : new TranslatingPipe(format.answerReader(), FORMATS[call.route.format].answerWriter(facts), outcome);
  return new StreamedAnswer({
    pipe,
    out,
    headers,
    onCommit: () => {
      outcome.firstContentMs = monotonicMs();
    },
    onDone,
    onFailed: finish,
    pingMs: deps.bounds.keepAliveMs,
    monotonicMs,
  });
}

/** The client's own format where the provider speaks it, else the one that the provider says most in. */
function formatFor({ formats }: Deployment, wanted: FormatName): FormatName {
  return formats.includes(wanted) ? wanted : formats[0]!;
}

function translated(
  call: LlmCall,
  deployment: Deployment,
  format: Format,
  dropped: Dropped,
  deps: AttemptDeps,
): { readonly body: Buffer; readonly facts: AnswerFacts } {
  const source: JsonObject = valueOf(call);
  const { model, isStream } = call.route;
  const request = FORMATS[call.route.format].readRequest(source, { model, isStream });
  const body = format.writeRequest({ ...request, model: deployment.model }, dropped);
  const facts: AnswerFacts = {
    model: call.model,
    request,
    source,
    newId: (prefix) => `${prefix}${deps.id.replaceAll('-', '')}`,
    now: () => deps.clock.now(),
    dropped,
  };
  return { body: Buffer.from(JSON.stringify(body)), facts };
}

function timeoutsFor(call: LlmCall, { config }: Deployment, deps: AttemptDeps): ProviderTimeouts {
  const totalMs = config.timeoutMs ?? deps.router.timeoutMs ?? deps.requestTimeoutMs ?? TOTAL_MS;
  const firstMs = call.isStream ? (config.streamTimeoutMs ?? deps.router.streamTimeoutMs ?? totalMs) : totalMs;
  return { firstByteMs: firstMs, idleMs: Math.min(IDLE_MS, totalMs), totalMs };
}
