import { readFileSync } from 'node:fs';
import { Dropped } from '../../src/llm/conversation/dropped.ts';
import type { AnswerEvent } from '../../src/llm/conversation/answer.ts';
import type { AnswerFacts } from '../../src/llm/conversation/format.ts';
import type { JsonObject } from '../../src/llm/conversation/parts.ts';
import { RESPONSES } from '../../src/llm/formats/responses/format.ts';

/** A member of an event or item that a test looks into. */
export type Loose = Record<string, any>; // oxlint-disable-line typescript/no-explicit-any

const NOW_MS = 1_766_434_880_123;

/** Events of a stream of Responses, one per line of a golden file. */
export function goldenEvents(name: string): Loose[] {
  const text = readFileSync(new URL(`../golden/responses/${name}`, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Loose);
}

/** What a writer has to know, for a request as a client of Responses sends it. */
export function factsFor(source: Loose): AnswerFacts {
  let ids = 0;
  const body = { input: 'hello', model: 'm', ...source } as JsonObject;
  return {
    model: 'm',
    request: RESPONSES.readRequest(body, { model: undefined, isStream: undefined }),
    source: body,
    newId: (prefix) => `${prefix}${String(++ids).padStart(4, '0')}`,
    now: () => NOW_MS,
    dropped: new Dropped(),
  };
}

/** What a reader says of these events. */
export function readEvents(events: readonly Loose[]): AnswerEvent[] {
  const reader = RESPONSES.answerReader();
  const read = events.flatMap((event) => [...reader.read(undefined, Buffer.from(JSON.stringify(event)))]);
  return [...read, ...reader.end()];
}

/** The events in the bytes of a stream. Throws when an `event:` line is missing or names another type than its data. */
export function parseStream(bytes: Buffer): Loose[] {
  const blocks = bytes.toString().split('\n\n');
  if (blocks.pop() !== '') throw new Error('the stream does not end with an empty line');
  return blocks.flatMap((block) => {
    if (block.startsWith(':')) return [];
    const [name, data, ...rest] = block.split('\n');
    const event = JSON.parse(data!.replace(/^data: /, '')) as Loose;
    if (name !== `event: ${event['type']}` || rest.length > 0) throw new Error(`a strange event: ${block}`);
    return [event];
  });
}

/** The stream that a writer makes of these events. */
export function writeEvents(events: readonly AnswerEvent[], facts: AnswerFacts): Loose[] {
  const writer = RESPONSES.answerWriter(facts);
  return parseStream(Buffer.concat(events.map((event) => writer.write(event))));
}
