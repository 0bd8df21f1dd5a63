import type { AnswerEvent } from '../../conversation/answer.ts';
import { isList } from '../../conversation/json.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { readErrorEvent } from './errors.ts';
import { MessageReader } from './read-message.ts';

/** A whole message. Throws LlmFailure when it is an error, or no message. */
export function readAnswer(body: JsonObject): readonly AnswerEvent[] {
  if (body['type'] === 'error' || (body['error'] !== undefined && body['error'] !== null))
    throw readErrorEvent(body);
  if (!isList(body['content']))
    throw new LlmFailure('upstream', 'The provider answered with something that is no message.', {
      status: 502,
    });
  const out: AnswerEvent[] = [];
  const reader = new MessageReader();
  reader.start(body, out);
  reader.finish(out);
  return out;
}
