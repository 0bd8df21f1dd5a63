import { createHash } from 'node:crypto';
import { isObject } from '../conversation/json.ts';
import { invalid } from '../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../conversation/parts.ts';
import { estimateText } from '../counting/estimate.ts';

const DIMENSIONS = 8;
const DIMENSIONS_MAX = 4_096;

export interface Embedded {
  readonly body: JsonObject;
  readonly tokens: number;
}

/** Vectors of OpenAI's `POST /v1/embeddings` that say nothing and are always the same for the same text. Throws LlmFailure. */
export function mockEmbeddings(body: JsonObject, model: string): Embedded {
  const inputs = inputsOf(body['input']);
  const { dimensions = DIMENSIONS, encoding_format: encoding } = body;
  const size = sizeOf(dimensions, 'dimensions');
  if (encoding !== undefined && encoding !== 'float' && encoding !== 'base64')
    throw invalid('"encoding_format" must be "float" or "base64".', 'encoding_format');
  const tokens = inputs.reduce((sum, { tokens: one }) => sum + one, 0);
  const data = inputs.map(({ text }, index) => {
    const vector = vectorOf(text, size);
    const embedding: Json =
      encoding === 'base64' ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector;
    return { object: 'embedding', index, embedding };
  });
  return {
    body: { object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } },
    tokens,
  };
}

/** Vectors of Gemini's `embedContent`, and of `batchEmbedContents`. Throws LlmFailure. */
export function mockGeminiEmbeddings(body: JsonObject, isBatch: boolean): Embedded {
  const requests = isBatch ? body['requests'] : [body];
  if (!Array.isArray(requests)) throw invalid('"requests" must be a list.', 'requests');
  let tokens = 0;
  const embeddings = (requests as readonly Json[]).map((request, at) => {
    const path = isBatch ? `requests[${at}].` : '';
    if (!isObject(request) || !isObject(request['content']))
      throw invalid(`"${path}content" must be an object with "parts".`, `${path}content`);
    const text = JSON.stringify(request['content']['parts']);
    tokens += Math.ceil(estimateText(text));
    return {
      values: vectorOf(text, sizeOf(request['outputDimensionality'] ?? DIMENSIONS, 'outputDimensionality')),
    };
  });
  return { body: isBatch ? { embeddings } : { embedding: embeddings[0]! }, tokens };
}

interface Input {
  readonly text: string;
  readonly tokens: number;
}

/** A text, texts, tokens, or lists of tokens. */
function inputsOf(input: Json | undefined): readonly Input[] {
  if (typeof input === 'string') return [ofText(input)];
  if (Array.isArray(input) && input.length > 0) {
    const list = input as readonly Json[];
    if (list.every((one) => typeof one === 'string')) return list.map(ofText);
    if (list.every((one) => typeof one === 'number')) return [ofTokens(list)];
    if (list.every((one) => Array.isArray(one))) return list.map((one) => ofTokens(one as readonly Json[]));
  }
  throw invalid('"input" must be a text, a list of texts, or lists of tokens.', 'input');
}

function ofText(text: string): Input {
  return { text, tokens: Math.max(1, Math.ceil(estimateText(text))) };
}

function ofTokens(tokens: readonly Json[]): Input {
  return { text: JSON.stringify(tokens), tokens: tokens.length };
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
