import type { AnswerEvent } from '../../conversation/answer.ts';
import { isList } from '../../conversation/json.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { readErrorEvent } from './errors.ts';
import { ResponseReader } from './read-response.ts';

/** A whole answer. Throws LlmFailure when it is an error, or no answer. */
export function readAnswer(body: JsonObject): readonly AnswerEvent[] {
  if (body['error'] !== undefined && body['error'] !== null) throw readErrorEvent(body);
  if (
    !isList(body['candidates']) &&
    body['promptFeedback'] === undefined &&
    body['usageMetadata'] === undefined
  )
    throw new LlmFailure('upstream', 'The provider answered with something that is no answer of a model.', {
      status: 502,
    });
  const out: AnswerEvent[] = [];
  const reader = new ResponseReader();
  reader.chunk(body, out);
  reader.finish(out);
  return out;
}
