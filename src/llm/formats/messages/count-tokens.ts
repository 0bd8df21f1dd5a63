import { numberOf } from '../../conversation/json.ts';
import type { JsonObject } from '../../conversation/parts.ts';

/** What `POST /v1/messages/count_tokens` takes of the body of a request for a message. */
export function countBody(body: JsonObject): JsonObject {
  const {
    max_tokens: _maxTokens,
    stream: _stream,
    temperature: _temperature,
    top_p: _topP,
    top_k: _topK,
    stop_sequences: _stop,
    metadata: _metadata,
    service_tier: _tier,
    ...rest
  } = body;
  return rest;
}

/** Its answer. */
export function writeCount(tokens: number): JsonObject {
  return { input_tokens: tokens };
}

/** `undefined`: the answer says nothing. */
export function readCount(body: JsonObject): number | undefined {
  return numberOf(body['input_tokens']);
}
