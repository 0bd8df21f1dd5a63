import { JsonSyntaxError, scanObject } from '../../core/json-scan.ts';
import type { Usage } from '../conversation/answer.ts';
import { invalid, LlmFailure } from '../conversation/llm-failure.ts';
import type { Json } from '../conversation/parts.ts';
import { estimateText } from '../counting/estimate.ts';
import { type LlmCall, valueOf } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { Attempt, AttemptDeps } from '../upstream/attempt-deps.ts';
import { answerHeaders } from '../upstream/headers.ts';
import { passThrough } from '../upstream/pass-through.ts';
import { charge } from '../usage/charge.ts';
import { NO_USAGE, type Spent } from '../usage/spent.ts';
import { checkEncoding } from './embedding-list.ts';
import { embedWithGemini } from './gemini-vectors.ts';
import { geminiRequestsOf, inputsOf, tokensOf } from './inputs.ts';
import { mockEmbeddings, mockGeminiEmbeddings } from './mock-vectors.ts';

/** Turns texts into vectors: the provider does, in the client's own format or, Gemini's, in its own; a mock makes some up. */
export function embed(call: LlmCall, out: AnswerSink, outcome: LlmOutcome, deps: AttemptDeps): Attempt {
  return (deployment) => {
    if (deployment.isMock) return mock(call, deployment, out, outcome, deps);
    switch (wayOf(deployment, call)) {
      case 'same':
        return passThrough(call, deployment, out, outcome, deps, (body) => spentBy(body, call));
      case 'gemini':
        checkEncoding(call.text.value('encoding_format') as Json | undefined);
        return embedWithGemini(call, deployment, out, outcome, deps);
      case undefined:
        throw invalid(
          `Model "${call.model.slice(0, 200)}" does not embed in this format: its provider is ${deployment.provider}. Use ${deployment.kind.paths === 'anthropic' ? 'another model' : 'POST /v1/embeddings'}.`,
          'model',
        );
    }
  };
}

/** `undefined`: there is none. */
function wayOf({ kind }: Deployment, { route }: LlmCall): 'same' | 'gemini' | undefined {
  if (kind.paths === 'anthropic') return undefined;
  if (route.format === 'gemini') return kind.paths === 'gemini' ? 'same' : undefined;
  return kind.paths === 'gemini' ? 'gemini' : 'same';
}

async function mock(
  call: LlmCall,
  deployment: Deployment,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
): Promise<undefined> {
  const body = valueOf(call);
  const answer =
    call.route.format === 'gemini'
      ? mockGeminiEmbeddings(body, call.route.operation === 'embed-batch')
      : mockEmbeddings(body, call.model);
  charge(outcome, undefined, deployment, { usage: used(answer.tokens), isEstimated: true }, 0, deps.prices);
  const headers = answerHeaders(undefined, {
    call,
    deployment,
    outcome,
    id: deps.id,
    nowMs: deps.clock.monotonicMs(),
  });
  out.send(200, { 'content-type': 'application/json', ...headers }, Buffer.from(JSON.stringify(answer.body)));
  return undefined;
}

/** What the provider says that it used (OpenAI, `usage.prompt_tokens`; Gemini, `usageMetadata.promptTokenCount`), and else an estimate. */
function spentBy(answer: Buffer, call: LlmCall): Spent | undefined {
  const told = toldBy(answer);
  if (told !== undefined) return { usage: used(told), isEstimated: false };
  try {
    return { usage: used(estimated(call)), isEstimated: true };
  } catch (error) {
    // The provider understood what is not understood here.
    if (error instanceof LlmFailure) return undefined;
    throw error;
  }
}

function toldBy(body: Buffer): number | undefined {
  try {
    const answer = scanObject(body, 2);
    const tokens =
      answer.child('usage')?.value('prompt_tokens') ??
      answer.child('usageMetadata')?.value('promptTokenCount');
    return typeof tokens === 'number' ? tokens : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

function estimated(call: LlmCall): number {
  const body = valueOf(call);
  if (call.route.format !== 'gemini') return tokensOf(inputsOf(body['input']));
  const requests = geminiRequestsOf(body, call.route.operation === 'embed-batch');
  return Math.ceil(requests.reduce((sum, { text }) => sum + estimateText(text), 0));
}

function used(input: number): Usage {
  return { ...NO_USAGE, input };
}
