import { Dropped } from '../conversation/dropped.ts';
import { isObject, numberOf } from '../conversation/json.ts';
import { invalid, LlmFailure } from '../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../conversation/parts.ts';
import { FORMATS } from '../formats/formats.ts';
import { type LlmCall, valueOf } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { askWhole, type WholeBody } from '../upstream/ask-whole.ts';
import { type AttemptDeps, timeoutsFor } from '../upstream/attempt-deps.ts';
import { noAnswer, parsedBody } from '../upstream/body.ts';
import { answerHeaders, requestHeaders } from '../upstream/headers.ts';
import { charge } from '../usage/charge.ts';
import { NO_USAGE } from '../usage/spent.ts';
import { embeddingList } from './embedding-list.ts';
import { type Input, inputsOf, tokensOf } from './inputs.ts';

/** As many as one request may have (Gemini API, `batchEmbedContents`). */
const BATCH_MAX = 100;
/** Members of OpenAI's request that Gemini's has by another name; those that it knows by its own go on as they are. */
const NAMES: Readonly<Record<string, string>> = {
  dimensions: 'outputDimensionality',
  task_type: 'taskType',
  taskType: 'taskType',
  title: 'title',
};
const KNOWN: ReadonlySet<string> = new Set(['model', 'input', 'encoding_format', ...Object.keys(NAMES)]);

/** Has a Gemini model answer OpenAI's `POST /v1/embeddings` (Gemini API, `models.batchEmbedContents`). `undefined`: the client was answered. */
export async function embedWithGemini(
  call: LlmCall,
  deployment: Deployment,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
): Promise<LlmFailure | undefined> {
  const body = valueOf(call);
  const inputs = inputsOf(body['input']);
  if (inputs.some(({ isTokens }) => isTokens))
    throw invalid(
      `"input" must be a text or a list of texts: model "${call.model.slice(0, 200)}" does not take tokens.`,
      'input',
    );
  const dropped = new Dropped();
  for (const name of Object.keys(body)) if (!KNOWN.has(name)) dropped.add(name);
  const vectors: (readonly number[])[] = [];
  let told: number | undefined;
  let last: WholeBody | undefined;
  let ms = 0;
  for (let from = 0; from < inputs.length; from += BATCH_MAX) {
    const batch = inputs.slice(from, from + BATCH_MAX);
    const answer = await ask(batch, body, call, deployment, out, outcome, deps);
    if (answer instanceof LlmFailure) return answer;
    const read = readVectors(parsedBody(answer.body), batch.length);
    if (read === undefined) return noAnswer(answer.body);
    vectors.push(...read.vectors);
    if (read.tokens !== undefined) told = (told ?? 0) + read.tokens;
    last = answer;
    ms += answer.ms;
  }
  const input = told ?? tokensOf(inputs);
  charge(
    outcome,
    undefined,
    deployment,
    { usage: { ...NO_USAGE, input }, isEstimated: told === undefined },
    ms,
    deps.prices,
  );
  const list = embeddingList(vectors, body['encoding_format'], call.model, input);
  const nowMs = deps.clock.monotonicMs();
  outcome.firstContentMs = nowMs;
  const headers = answerHeaders(last?.head, { call, deployment, dropped, outcome, id: deps.id, nowMs });
  out.send(200, { 'content-type': 'application/json', ...headers }, Buffer.from(JSON.stringify(list)));
  return undefined;
}

function ask(
  batch: readonly Input[],
  body: JsonObject,
  call: LlmCall,
  deployment: Deployment,
  out: AnswerSink,
  outcome: LlmOutcome,
  deps: AttemptDeps,
): Promise<WholeBody | LlmFailure> {
  const more: Record<string, Json> = {};
  for (const [name, own] of Object.entries(NAMES)) {
    const value = body[name] ?? deployment.config.params[name];
    if (typeof value === 'string' || typeof value === 'number') more[own] ??= value;
  }
  const model = `models/${deployment.model}`;
  const requests = batch.map(({ text }) => ({ model, content: { parts: [{ text }] }, ...more }));
  return askWhole(
    {
      deployment,
      format: FORMATS.gemini,
      operation: 'embed-batch',
      isStream: false,
      body: Buffer.from(JSON.stringify({ requests })),
      headers: requestHeaders(call, 'gemini', outcome.trace),
      timeouts: timeoutsFor(call, deployment, deps),
    },
    out,
    outcome,
    deps,
  );
}

interface Vectors {
  readonly vectors: readonly (readonly number[])[];
  /** `undefined`: the answer does not say. */
  readonly tokens: number | undefined;
}

/** `undefined`: there are not as many as were asked for. */
function readVectors({ embeddings, usageMetadata }: JsonObject, count: number): Vectors | undefined {
  if (!Array.isArray(embeddings) || embeddings.length !== count) return undefined;
  const vectors = (embeddings as readonly Json[]).map((one) => (isObject(one) ? one['values'] : undefined));
  if (!vectors.every(isVector)) return undefined;
  return {
    vectors,
    tokens: isObject(usageMetadata) ? numberOf(usageMetadata['promptTokenCount']) : undefined,
  };
}

function isVector(values: Json | undefined): values is readonly number[] {
  return Array.isArray(values) && values.every((one) => typeof one === 'number');
}
