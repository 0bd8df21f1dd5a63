import type { AnswerEvent } from '../conversation/answer.ts';
import type { AnswerFacts } from '../conversation/format.ts';
import { FORMATS } from '../formats/formats.ts';
import type { LlmCall } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import { NO_USAGE } from '../usage/spent.ts';

const EVENTS: readonly AnswerEvent[] = [
  { kind: 'start', id: '', model: '', createdAt: 0 },
  { kind: 'usage', usage: NO_USAGE },
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
  outcome.usage = NO_USAGE;
  out.write(Buffer.concat(EVENTS.map((event) => writer.write(event))));
  out.end();
}
