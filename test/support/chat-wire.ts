import type { AnswerFacts } from '../../src/llm/conversation/format.ts';
import { Dropped } from '../../src/llm/conversation/dropped.ts';
import type { JsonObject } from '../../src/llm/conversation/parts.ts';
import { CHAT } from '../../src/llm/formats/chat/format.ts';

/** The facts of an answer to a request of a Chat Completions client. */
export function chatFacts(source: JsonObject = {}): AnswerFacts {
  const whole = { model: 'alias', messages: [{ role: 'user', content: 'Hi' }], ...source };
  return {
    model: 'alias',
    request: CHAT.readRequest(whole, { model: undefined, isStream: undefined }),
    source: whole,
    newId: (prefix) => `${prefix}new`,
    now: () => 5000,
    dropped: new Dropped(),
  };
}
