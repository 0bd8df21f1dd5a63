import { createHash } from 'node:crypto';
import { invalid } from '../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../conversation/parts.ts';
import { estimateText } from '../counting/estimate.ts';
import { embeddingList } from './embedding-list.ts';
import { geminiRequestsOf, inputsOf, tokensOf } from './inputs.ts';

const DIMENSIONS = 8;
const DIMENSIONS_MAX = 4_096;

export interface Embedded {
  readonly body: JsonObject;
  readonly tokens: number;
}

/** Vectors of OpenAI's `POST /v1/embeddings` that say nothing and are always the same for the same text. Throws LlmFailure. */
export function mockEmbeddings(body: JsonObject, model: string): Embedded {
  const inputs = inputsOf(body['input']);
  const size = sizeOf(body['dimensions'] ?? DIMENSIONS, 'dimensions');
  const tokens = tokensOf(inputs);
  const vectors = inputs.map(({ text }) => vectorOf(text, size));
  return { body: embeddingList(vectors, body['encoding_format'], model, tokens), tokens };
}

/** Vectors of Gemini's `embedContent`, and of `batchEmbedContents`. Throws LlmFailure. */
export function mockGeminiEmbeddings(body: JsonObject, isBatch: boolean): Embedded {
  let tokens = 0;
  const embeddings = geminiRequestsOf(body, isBatch).map(({ text, outputDimensionality }) => {
    tokens += Math.ceil(estimateText(text));
    return { values: vectorOf(text, sizeOf(outputDimensionality ?? DIMENSIONS, 'outputDimensionality')) };
  });
  return { body: isBatch ? { embeddings } : { embedding: embeddings[0]! }, tokens };
}

function sizeOf(value: Json, param: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= DIMENSIONS_MAX)
    return value;
  throw invalid(`"${param}" must be a whole number from 1 to ${DIMENSIONS_MAX}.`, param);
}

/** A vector of length 1. */
function vectorOf(text: string, size: number): readonly number[] {
  const raw: number[] = [];
  for (let block = 0; raw.length < size; block++) {
    const bytes = createHash('sha256').update(`${block}:${text}`).digest();
    for (let at = 0; at < bytes.length && raw.length < size; at += 4)
      raw.push(bytes.readInt32LE(at) / 2 ** 31);
  }
  const length = Math.hypot(...raw);
  return raw.map((one) => Math.fround(one / length));
}
