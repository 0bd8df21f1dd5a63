import { invalid } from '../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../conversation/parts.ts';

/**
 * The answer of OpenAI's `POST /v1/embeddings`. `encoding`: the request's `encoding_format`; `base64` is the bytes of 32-bit numbers, the lowest byte
 * first. Throws LlmFailure.
 */
export function embeddingList(
  vectors: readonly (readonly number[])[],
  encoding: Json | undefined,
  model: string,
  tokens: number,
): JsonObject {
  checkEncoding(encoding);
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: encoding === 'base64' ? base64Of(vector) : vector,
  }));
  return { object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

/** Throws LlmFailure for an `encoding_format` that there is not. */
export function checkEncoding(encoding: Json | undefined): void {
  if (encoding !== undefined && encoding !== null && encoding !== 'float' && encoding !== 'base64')
    throw invalid('"encoding_format" must be "float" or "base64".', 'encoding_format');
}

function base64Of(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [at, one] of vector.entries()) bytes.writeFloatLE(one, at * 4);
  return bytes.toString('base64');
}
