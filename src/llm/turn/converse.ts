import type { TraceContext } from '../../core/trace.ts';
import type { Dropped } from '../conversation/dropped.ts';
import type { AnswerFacts } from '../conversation/format.ts';
import { CLIENT_GONE, invalid, previousNotFound } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';
import type { ModelRequest } from '../conversation/request.ts';
import { estimateRequest } from '../counting/estimate.ts';
import { FORMATS } from '../formats/formats.ts';
import type { LlmCall } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import { mockTurn } from '../mock/mock-turn.ts';
import { readScript } from '../mock/script.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { askedTier, charge, writtenTier } from '../usage/charge.ts';
import { spentOf } from '../usage/spent.ts';
import { Tally } from '../usage/tally.ts';
import { type AttemptDeps, formatFor, onGone, timeoutsFor } from '../upstream/attempt-deps.ts';
import { withOwnMembers, withParams } from '../upstream/deployment-params.ts';
import { requestHeaders } from '../upstream/headers.ts';
import { providerTurn } from './provider-turn.ts';
import { runTurn, type TurnEnd, type TurnListener, type TurnResult, type TurnTaker } from './turn.ts';

/** One turn of a conversation with one deployment. */
export interface TurnCall {
  readonly call: LlmCall;
  readonly request: ModelRequest;
  /** The client's own body, for what a mock is told. */
  readonly source: JsonObject;
  readonly deployment: Deployment;
  /** Parameters of the provider's format to leave out. */
  readonly refused: ReadonlySet<string>;
  readonly dropped: Dropped;
}

/** Asks a deployment for one turn, in the format that it speaks. Throws LlmFailure when the request cannot be said. */
export async function takeTurn(
  turn: TurnCall,
  taker: TurnTaker,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
): Promise<TurnResult> {
  const startedMs = deps.clock.monotonicMs();
  outcome.upstream.start(startedMs);
  const tally = new Tally();
  let end: TurnEnd;
  try {
    end = await ask(turn, tally, taker, out, outcome.trace, deps);
  } finally {
    outcome.upstream.stop(deps.clock.monotonicMs());
  }
  const { usage, untold, tier, isSent } = tally;
  const isWorkedOn = end.kind !== 'failed' || (isSent && end.failure.code === CLIENT_GONE);
  const spent = spentOf({ usage, untold, isWorkedOn }, () => estimateRequest(turn.request));
  const ms = deps.clock.monotonicMs() - startedMs;
  charge(outcome, tier, turn.deployment, spent, ms, deps.prices);
  return { ...end, usage: spent?.usage };
}

async function ask(
  { call, request, source, deployment, refused, dropped }: TurnCall,
  tally: Tally,
  taker: TurnTaker,
  out: AnswerSink,
  trace: TraceContext | undefined,
  deps: AttemptDeps,
): Promise<TurnEnd> {
  const gone = (listener: Parameters<typeof onGone>[1]): (() => void) => onGone(out, listener);
  const isMock = deployment.isMock || source['mock_response'] !== undefined;
  const provided = formatFor(deployment, call.route.format);
  if (call.route.format === 'responses' && (isMock || provided !== 'responses'))
    refuseReference(source, isMock);
  if (isMock) {
    const script = readScript(source['mock_response'] ?? deployment.config.mockResponse);
    const facts = { id: `mock-${deps.id}`, createdAt: Math.floor(deps.clock.now() / 1_000) };
    const counted = (listener: TurnListener): TurnListener => ({
      onEvents: (events) => {
        tally.take(events);
        listener.onEvents(events);
      },
      onEnd: () => listener.onEnd(),
      onFailure: (failure) => listener.onFailure(failure),
    });
    tally.tier = askedTier(call);
    return runTurn((listener) => mockTurn(request, script, counted(listener), facts), taker, gone);
  }
  const format = FORMATS[provided];
  const asked = withParams(request, deployment);
  const isOwn = provided === call.route.format;
  const written = format.writeRequest(isOwn ? asked : withinLimit(asked, deployment, dropped, deps), dropped);
  for (const param of refused) dropped.add(param);
  const whole = withOwnMembers(written, deployment, format.name, refused);
  tally.tier = writtenTier(whole);
  const body = Buffer.from(JSON.stringify(whole));
  return runTurn(
    (listener, onHead) =>
      providerTurn(
        {
          deployment,
          format,
          operation: 'generate',
          isStream: call.isStream,
          body,
          headers: requestHeaders(call, format.name, trace),
          timeouts: timeoutsFor(call, deployment, deps),
        },
        request,
        tally,
        listener,
        onHead,
        deps,
        deps.bounds.upstreamResponseBytesMax,
      ),
    taker,
    gone,
  );
}

/**
 * Clients ask for as long an answer as the models of their own format give; others refuse what is more than theirs can. `model_info.max_output_tokens`
 * says how much that is, and else the list of models.
 */
function withinLimit(
  request: ModelRequest,
  deployment: Deployment,
  dropped: Dropped,
  { prices }: AttemptDeps,
): ModelRequest {
  const { maxTokens } = request.sampling;
  if (maxTokens === undefined) return request;
  const said = deployment.config.info['max_output_tokens'];
  const most = typeof said === 'number' ? said : prices.listed(deployment)?.outputMax;
  if (most === undefined || maxTokens <= most) return request;
  dropped.add('max_tokens');
  return { ...request, sampling: { ...request.sampling, maxTokens: most } };
}

/**
 * A reference that is still there is not ours. Without the conversation that it means, the answer would be to another question; what a mock says does not
 * come from OpenAI's conversations and prompts.
 */
function refuseReference({ previous_response_id: id, ...source }: JsonObject, isMock: boolean): void {
  for (const name of isMock ? [] : ['conversation', 'prompt'])
    if (source[name] !== undefined && source[name] !== null)
      throw invalid(
        `${name} names what OpenAI keeps, and the model's provider is another one. Send ${name === 'prompt' ? 'the text itself' : 'the items, or previous_response_id'}`,
        name,
      );
  if (id === undefined || id === null) return;
  if (typeof id !== 'string') throw invalid('previous_response_id must be a string', 'previous_response_id');
  throw previousNotFound(id);
}

/** What the client asks, in no format, and what a writer of its answer has to know. Throws LlmFailure. */
export function understand(
  call: LlmCall,
  source: JsonObject,
  dropped: Dropped,
  deps: AttemptDeps,
): AnswerFacts {
  const { model, isStream } = call.route;
  const request = FORMATS[call.route.format].readRequest(source, { model, isStream });
  let ids = 0;
  const base = deps.id.replaceAll('-', '');
  return {
    model: call.model,
    request,
    source,
    newId: (prefix) => `${prefix}${base}${ids++ === 0 ? '' : (ids - 1).toString(36)}`,
    now: () => deps.clock.now(),
    dropped,
  };
}
