import { numberOf } from '../../conversation/json.ts';
import type { JsonObject } from '../../conversation/parts.ts';

/** What `countTokens` takes so that all of a request for an answer is counted, not its contents alone. */
export function countBody(body: JsonObject, model: string): JsonObject {
  return { generateContentRequest: { model: `models/${model}`, ...body } };
}

/** Its answer. */
export function writeCount(tokens: number): JsonObject {
  return { totalTokens: tokens, promptTokensDetails: [{ modality: 'TEXT', tokenCount: tokens }] };
}

/** `undefined`: the answer says nothing. */
export function readCount(body: JsonObject): number | undefined {
  return numberOf(body['totalTokens']);
}
