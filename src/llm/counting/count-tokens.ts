import type { JsonObject } from '../conversation/parts.ts';
import { FORMATS } from '../formats/formats.ts';
import { type LlmCall, valueOf } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { Attempt } from '../router/attempts.ts';
import type { AttemptDeps } from '../upstream/attempt-deps.ts';
import { answerHeaders } from '../upstream/headers.ts';
import { passThrough } from '../upstream/pass-through.ts';
import { estimateRequest } from './estimate.ts';

/** Statuses of a provider that speaks the format and does not count tokens. */
const CANNOT: ReadonlySet<number> = new Set([404, 405, 501]);

/** Counts the tokens of a request: the provider does, where it speaks the client's format; else they are estimated, and a header says so. */
export function countTokens(call: LlmCall, out: AnswerSink, outcome: LlmOutcome, deps: AttemptDeps): Attempt {
  return async (deployment) => {
    if (counts(deployment, call)) {
      const failure = await passThrough(call, deployment, out, outcome, deps, () => undefined);
      if (failure === undefined || !CANNOT.has(failure.raw?.status ?? 0)) return failure;
    }
    const { model, isStream } = call.route;
    const source = bodyOf(call);
    const request = FORMATS[call.route.format].readRequest(source, { model, isStream });
    const headers = answerHeaders(undefined, {
      call,
      deployment,
      outcome,
      id: deps.id,
      nowMs: deps.clock.monotonicMs(),
    });
    out.send(
      200,
      { 'content-type': 'application/json', ...headers, 'x-lanport-token-count': 'estimate' },
      Buffer.from(JSON.stringify(written(call, estimateRequest(request)))),
    );
    return undefined;
  };
}

/** Whether the provider can be asked in the client's own format. Only OpenAI itself counts for Responses. */
function counts({ isMock, formats, kind, provider }: Deployment, { route }: LlmCall): boolean {
  if (isMock || !formats.includes(route.format)) return false;
  switch (route.format) {
    case 'messages':
      return kind.paths === 'anthropic';
    case 'gemini':
      return kind.paths === 'gemini';
    case 'responses':
      return provider === 'openai';
    case 'chat':
      return false;
  }
}

/** Gemini's `countTokens` takes a whole request, too. */
function bodyOf(call: LlmCall): JsonObject {
  const body = valueOf(call);
  const whole = body['generateContentRequest'];
  return typeof whole === 'object' && whole !== null && !Array.isArray(whole) ? (whole as JsonObject) : body;
}

function written({ route }: LlmCall, tokens: number): JsonObject {
  switch (route.format) {
    case 'gemini':
      return { totalTokens: tokens };
    case 'responses':
      return { object: 'response.input_tokens', input_tokens: tokens };
    default:
      return { input_tokens: tokens };
  }
}
