import { Dropped } from '../../../src/llm/conversation/dropped.ts';
import type { AnswerFacts } from '../../../src/llm/conversation/format.ts';
import type { ModelRequest } from '../../../src/llm/conversation/request.ts';

/** What a writer of answers knows, with ids that count up. */
export function answerFacts(request: Partial<ModelRequest> = {}): AnswerFacts {
  let ids = 0;
  return {
    model: 'the-model',
    request: { ...emptyRequest(), ...request },
    source: {},
    newId: (prefix) => `${prefix}${++ids}`,
    now: () => 1_790_000_000_000,
    dropped: new Dropped(),
  };
}

export function emptyRequest(): ModelRequest {
  return { model: 'the-model', isStream: false, system: [], turns: [], tools: [], sampling: {} };
}
