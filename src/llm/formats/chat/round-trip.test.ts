import { describe, expect, it } from 'vitest';
import { chatFacts } from '../../../../test/support/chat-wire.ts';
import { type RandomSource, randomSource } from '../../../../test/support/random.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import type { AnswerEvent } from '../../conversation/answer.ts';
import { Dropped } from '../../conversation/dropped.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { ChatObserver } from './observe.ts';
import { readRequest } from './read-request.ts';
import { readAnswer, StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';
import { writeAnswer } from './write-answer.ts';
import { writeRequest } from './write-request.ts';

const TEXTS = [
  'x',
  'Öl 🛢️',
  ' ',
  '\n',
  '"error":{',
  '"usage":{"x":1}',
  '{"a":1}',
  'data: [DONE]',
  '\u2028',
  '</s>',
];
const INPUTS = [
  '{}',
  '{ "n": 12345678901234567890 }',
  '{"s":"\\u00e4\\n"}',
  '{"deep":{"list":[1,2,{"x":null}]}}',
];
const ROUNDS = 400;

function some<T>(random: RandomSource, most: number, make: () => T): T[] {
  return Array.from({ length: random.below(most + 1) }, make);
}

function maybe(random: RandomSource, members: JsonObject): JsonObject {
  return random.chance(0.4) ? members : {};
}

function contentPart(random: RandomSource): JsonObject {
  return random.pick<() => JsonObject>([
    () => ({
      type: 'text',
      text: random.pick(TEXTS),
      ...maybe(random, { cache_control: { type: 'ephemeral' } }),
    }),
    () => ({
      type: 'image_url',
      image_url: { url: 'https://example.org/a.png', ...maybe(random, { detail: 'high' }) },
    }),
    () => ({ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }),
    () => ({ type: 'input_audio', input_audio: { data: 'UklGRg==', format: random.pick(['wav', 'mp3']) } }),
    () => ({ type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } }),
    () => ({ type: 'file', file: { file_id: 'file-1' }, ...maybe(random, { novel: { deep: [1] } }) }),
  ])();
}

/** Content as a list only when it has more than a plain text: else both forms say the same. */
function content(random: RandomSource): Json {
  const parts = [contentPart(random), ...some(random, 3, () => contentPart(random))];
  const [first] = parts;
  const isPlain = parts.length === 1 && first?.['type'] === 'text' && first['cache_control'] === undefined;
  return isPlain ? (first['text'] ?? '') : parts;
}

function exchange(random: RandomSource, round: number): readonly JsonObject[] {
  const calls = some(random, 3, () => 0).map((_, index): JsonObject => {
    const id = `call_${round}_${index}`;
    return random.chance(0.7)
      ? {
          id,
          type: 'function',
          function: { name: `f${index}`, arguments: random.pick(INPUTS) },
          ...maybe(random, { extra_content: { google: { thought_signature: 'CiQB' } } }),
        }
      : { id, type: 'custom', custom: { name: `g${index}`, input: random.pick(TEXTS) } };
  });
  const results = calls.map(
    ({ id }): JsonObject => ({
      role: 'tool',
      tool_call_id: id,
      content: random.chance(0.5)
        ? random.pick(TEXTS)
        : [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
    }),
  );
  const thought = random.pick<JsonObject>([
    {},
    { reasoning_content: 'Hm' },
    {
      reasoning_content: 'Hm',
      thinking_blocks: [{ type: 'thinking', thinking: 'Hm', signature: 'EqoB' }],
    },
    { reasoning_content: 'Hm', reasoning_details: [{ type: 'reasoning.text', signature: 's', text: 'Hm' }] },
    { thinking_blocks: [{ type: 'redacted_thinking', data: 'EmwK' }] },
  ]);
  const said = calls.length === 0 || random.chance(0.5) ? random.pick(TEXTS) : null;
  return [
    { role: 'user', content: content(random), ...maybe(random, { name: 'ada' }) },
    {
      role: 'assistant',
      content: said,
      ...thought,
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
      ...maybe(random, { novel: 1 }),
    },
    ...results,
  ];
}

function request(random: RandomSource): JsonObject {
  return {
    model: random.pick(['gpt-5', 'some-model']),
    messages: [
      ...(random.chance(0.5) ? [{ role: random.pick(['system', 'developer']), content: 'Be brief.' }] : []),
      ...some(random, 3, () => random.below(1000)).flatMap((round) => exchange(random, round)),
      { role: 'user', content: content(random) },
    ],
    ...maybe(random, { temperature: 0.3, top_p: 0.4 }),
    ...maybe(random, { [random.pick(['max_tokens', 'max_completion_tokens'])]: 5 }),
    ...maybe(random, { stop: ['a', 'b'] }),
    ...maybe(random, { reasoning_effort: random.pick(['none', 'low', 'max']) }),
    ...maybe(random, { response_format: { type: 'json_object' } }),
    ...maybe(random, { logit_bias: { '1': 2 }, metadata: { a: 'b', c: { d: 1 } } }),
    ...maybe(random, {
      tools: [{ type: 'function', function: { name: 'f0', parameters: { type: 'object' }, novel: 1 } }],
      tool_choice: { type: 'function', function: { name: 'f0' } },
      parallel_tool_calls: random.chance(0.5),
    }),
  };
}

/** An answer in pieces, its calls interleaved at random. */
function answer(random: RandomSource): readonly AnswerEvent[] {
  const events: AnswerEvent[] = [{ kind: 'start', id: 'chatcmpl-1', model: 'alias', createdAt: 9 }];
  let at = 0;
  const part = (kind: 'thinking' | 'text'): void => {
    events.push({ kind: 'part-start', at, part: { kind } });
    for (const text of ['x', ...some(random, 3, () => random.pick(TEXTS))])
      events.push({ kind: 'text', at, text });
    events.push({ kind: 'part-end', at });
    at += 1;
  };
  if (random.chance(0.5)) part('thinking');
  if (random.chance(0.7)) part('text');
  const calls = some(random, 3, () => random.pick(INPUTS)).map((input) => {
    events.push({ kind: 'part-start', at, part: { kind: 'tool-call', id: `c${at}`, name: `f${at}` } });
    at += 1;
    return { at: at - 1, pieces: input.split(/(?<=[:,])/) };
  });
  const open = [...calls];
  while (open.length > 0) {
    const call = random.pick(open);
    const piece = call.pieces.shift();
    if (piece !== undefined) events.push({ kind: 'input', at: call.at, text: piece });
    else {
      events.push({ kind: 'part-end', at: call.at });
      open.splice(open.indexOf(call), 1);
    }
  }
  const kind = calls.length > 0 ? 'tool-calls' : random.pick(['end', 'length'] as const);
  events.push({ kind: 'stop', stop: { kind } }, { kind: 'end' });
  return events;
}

describe('Chat Completions there and back', () => {
  it('loses nothing of a request', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const body = request(randomSource(seed));
      const dropped = new Dropped();
      const there = readRequest(body, { model: undefined, isStream: undefined });
      expect(writeRequest(there, dropped), `seed ${seed}`).toEqual(body);
      expect(dropped.names, `seed ${seed}`).toEqual([]);
    }
  });

  it('loses nothing of an answer, streamed or whole, and both say the same', () => {
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      const events = answer(randomSource(seed));
      const sent = buildAnswer(events);
      const writer = new StreamWriter(chatFacts());
      const reader = new StreamReader();
      const observer = new ChatObserver();
      const data = Buffer.concat(events.map((event) => writer.write(event)))
        .toString()
        .split('\n\n')
        .filter((one) => one !== '')
        .map((one) => Buffer.from(one.slice('data: '.length)));
      const streamed = buildAnswer([
        ...data.flatMap((one) => [...reader.read(undefined, one)]),
        ...reader.end(),
      ]);
      for (const one of data) observer.event(undefined, one);
      const whole = buildAnswer(readAnswer(writeAnswer(sent, chatFacts())));
      const { parts, stop, id } = sent;
      for (const got of [streamed, whole]) {
        expect(got, `seed ${seed}`).toMatchObject({ id, parts, stop: { kind: stop.kind } });
        expect(got.parts.length, `seed ${seed}`).toBe(parts.length);
      }
      expect(observer, `seed ${seed}`).toMatchObject({
        isComplete: true,
        failure: undefined,
        stop: { kind: stop.kind },
      });
    }
  });
});
