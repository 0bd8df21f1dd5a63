import type { Answer } from '../../conversation/answer.ts';
import type { AnswerFacts } from '../../conversation/format.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { partEvents } from './part-events.ts';
import { ResponseWriter } from './response-writer.ts';

/** A whole answer as a response object. */
export function writeAnswer(answer: Answer, facts: AnswerFacts): JsonObject {
  const writer = new ResponseWriter(facts, true);
  writer.write({ kind: 'start', id: answer.id, model: answer.model, createdAt: answer.createdAt });
  // Probabilities are those of the answer's tokens, wherever it has its text.
  const logprobsAt = answer.parts.findIndex(({ kind }) => kind === 'text');
  answer.parts.forEach((part, at) => {
    for (const event of partEvents(part, at)) {
      writer.write(event);
      if (event.kind === 'part-start' && at === logprobsAt && answer.logprobs !== undefined)
        writer.write({ kind: 'logprobs', at, tokens: answer.logprobs });
    }
  });
  if (answer.usage !== undefined) writer.write({ kind: 'usage', usage: answer.usage });
  writer.write({ kind: 'stop', stop: answer.stop });
  writer.write({ kind: 'end' });
  return writer.response();
}
