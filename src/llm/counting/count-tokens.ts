import { Dropped } from '../conversation/dropped.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';
import type { ModelRequest } from '../conversation/request.ts';
import { FORMATS } from '../formats/formats.ts';
import { type LlmCall, valueOf } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { askWhole } from '../upstream/ask-whole.ts';
import { type Attempt, type AttemptDeps, timeoutsFor } from '../upstream/attempt-deps.ts';
import { parsedBody } from '../upstream/body.ts';
import { answerHeaders, requestHeaders } from '../upstream/headers.ts';
import { passThrough } from '../upstream/pass-through.ts';
import { estimateRequest } from './estimate.ts';

/** Statuses of a provider that speaks the format and does not count tokens. */
const CANNOT: ReadonlySet<number> = new Set([404, 405, 501]);

/**
 * Counts the tokens of a request: the provider does, in the client's format or in its own, where it can; else they are estimated, and a header says
 * so.
 */
export function countTokens(call: LlmCall, out: AnswerSink, outcome: LlmOutcome, deps: AttemptDeps): Attempt {
  return async (deployment) => {
    const target = counterOf(deployment, call.route.format);
    if (target === call.route.format) {
      const failure = await passThrough(call, deployment, out, outcome, deps, () => undefined);
      if (failure === undefined || !cannot(failure)) return failure;
    }
    const { model, isStream } = call.route;
    const request = FORMATS[call.route.format].readRequest(bodyOf(call), { model, isStream });
    const dropped = new Dropped();
    let counted: number | undefined;
    if (target !== undefined && target !== call.route.format) {
      const result = await ask(target, request, deployment, call, dropped, out, outcome, deps);
      if (result instanceof LlmFailure && !cannot(result)) return result;
      if (typeof result === 'number') counted = result;
    }
    const { id, clock } = deps;
    const headers = answerHeaders(undefined, {
      call,
      deployment,
      dropped: counted === undefined ? undefined : dropped,
      outcome,
      id,
      nowMs: clock.monotonicMs(),
    });
    const tokens = counted ?? estimateRequest(request);
    out.send(
      200,
      {
        'content-type': 'application/json',
        ...headers,
        ...(counted === undefined ? { 'x-lanport-token-count': 'estimate' } : {}),
      },
      Buffer.from(
        JSON.stringify(FORMATS[call.route.format].counter?.write(tokens) ?? { input_tokens: tokens }),
      ),
    );
    return undefined;
  };
}

function cannot({ raw }: LlmFailure): boolean {
  return raw !== undefined && CANNOT.has(raw.status);
}

/** The format in which a provider counts, the client's own first; `undefined`: it does not. */
function counterOf(deployment: Deployment, wanted: FormatName): FormatName | undefined {
  const { formats, isMock } = deployment;
  const candidates = isMock ? [] : formats.filter((format) => counts(deployment, format));
  return candidates.includes(wanted) ? wanted : candidates[0];
}

/** Imitators of OpenAI do not count, and neither does Chat Completions. */
function counts({ kind, provider, config }: Deployment, format: FormatName): boolean {
  switch (format) {
    case 'messages':
      return kind.paths === 'anthropic';
    case 'gemini':
      return kind.paths === 'gemini';
    case 'responses':
      return provider === 'openai' || config.model.includes('responses/');
    case 'chat':
      return false;
  }
}

/** Has a provider count in its own format. */
async function ask(
  target: FormatName,
  request: ModelRequest,
  deployment: Deployment,
  call: LlmCall,
  dropped: Dropped,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
): Promise<number | LlmFailure | undefined> {
  const format = FORMATS[target];
  const { model } = deployment;
  const body = format.counter!.body(format.writeRequest({ ...request, model }, dropped), model);
  const answer = await askWhole(
    {
      deployment,
      format,
      operation: 'count-tokens',
      isStream: false,
      body: Buffer.from(JSON.stringify(body)),
      headers: requestHeaders(call, target, outcome.trace),
      timeouts: timeoutsFor(call, deployment, deps),
    },
    out,
    outcome,
    deps,
  );
  return answer instanceof LlmFailure ? answer : format.counter!.read(parsedBody(answer.body));
}

/** Gemini's `countTokens` takes a whole request, too. */
function bodyOf(call: LlmCall): JsonObject {
  const body = valueOf(call);
  const whole = body['generateContentRequest'];
  return typeof whole === 'object' && whole !== null && !Array.isArray(whole) ? (whole as JsonObject) : body;
}
