import { JsonSyntaxError, scanObject } from '../../core/json-scan.ts';
import type { Usage } from '../conversation/answer.ts';
import { invalid } from '../conversation/llm-failure.ts';
import { type LlmCall, valueOf } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { Attempt, AttemptDeps } from '../upstream/attempt-deps.ts';
import { answerHeaders } from '../upstream/headers.ts';
import { passThrough } from '../upstream/pass-through.ts';
import { charge } from '../usage/charge.ts';
import { mockEmbeddings, mockGeminiEmbeddings } from './mock-vectors.ts';

/** Turns texts into vectors: the provider does, in the client's own format; a mock makes some up. */
export function embed(call: LlmCall, out: AnswerSink, outcome: LlmOutcome, deps: AttemptDeps): Attempt {
  return (deployment) => {
    if (deployment.isMock) return mock(call, deployment, out, outcome, deps);
    if (!embeds(deployment, call))
      throw invalid(
        `Model "${call.model.slice(0, 200)}" does not embed in this format: its provider is ${deployment.provider}. Use ${deployment.kind.paths === 'gemini' ? "Gemini's :embedContent" : deployment.kind.paths === 'anthropic' ? 'another model' : 'POST /v1/embeddings'}.`,
        'model',
      );
    return passThrough(call, deployment, out, outcome, deps, usageOf);
  };
}

function embeds({ kind }: Deployment, { route }: LlmCall): boolean {
  return route.format === 'gemini'
    ? kind.paths === 'gemini'
    : kind.paths === 'openai' || kind.paths === 'azure';
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
  charge(outcome, call, deployment, { usage: used(answer.tokens), isEstimated: true }, 0, deps.prices);
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

/** What the provider says that it used (OpenAI, `usage.prompt_tokens`; Gemini, `usageMetadata.promptTokenCount`). */
function usageOf(body: Buffer): Usage | undefined {
  try {
    const answer = scanObject(body, 2);
    const tokens =
      answer.child('usage')?.value('prompt_tokens') ??
      answer.child('usageMetadata')?.value('promptTokenCount');
    return typeof tokens === 'number' ? used(tokens) : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

function used(input: number): Usage {
  return {
    input,
    output: 0,
    cacheRead: 0,
    cacheWrite: 0,
    cacheWrite1h: 0,
    reasoning: 0,
    audioInput: 0,
    audioOutput: 0,
  };
}
