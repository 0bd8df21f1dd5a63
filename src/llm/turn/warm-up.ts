import type { AnswerEvent, Usage } from '../conversation/answer.ts';
import type { AnswerFacts } from '../conversation/format.ts';
import { FORMATS } from '../formats/formats.ts';
import type { LlmCall } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';

const NOTHING: Usage = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  reasoning: 0,
  audioInput: 0,
  audioOutput: 0,
};
const EVENTS: readonly AnswerEvent[] = [
  { kind: 'start', id: '', model: '', createdAt: 0 },
  { kind: 'usage', usage: NOTHING },
  { kind: 'stop', stop: { kind: 'end' } },
  { kind: 'end' },
];

/** Whether a request only announces what is to come: nothing is to be said (OpenAI, "WebSocket mode", `generate: false`). */
export function isWarmUp({ route, text }: LlmCall): boolean {
  return (
    route.format === 'responses' &&
    route.operation === 'generate' &&
    text.slice('generate')?.toString('latin1') === 'false'
  );
}

/** Answers with a response that says nothing, which the next request may refer to. No provider is asked. */
export function answerWarmUp(facts: AnswerFacts, out: AnswerSink, outcome: LlmOutcome): void {
  const writer = FORMATS.responses.answerWriter(facts);
  out.begin({});
  outcome.usage = NOTHING;
  out.write(Buffer.concat(EVENTS.map((event) => writer.write(event))));
  out.end();
}
