import { describe, expect, test } from 'vitest';
import { verifies } from '../../../test/support/verifies.ts';
import { AnswerBuilder } from '../conversation/answer-builder.ts';
import { Dropped } from '../conversation/dropped.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { parseBody } from '../conversation/json.ts';
import type { JsonObject, ToolCallPart } from '../conversation/parts.ts';
import type { ModelRequest } from '../conversation/request.ts';
import { FORMATS } from './formats.ts';

const SCHEMA =
  '{"type":"object","properties":{"id":{"type":"integer","maximum":9007199254740993},"rate":{"type":"number","default":0.1234567890123456789}}}';
const INPUT = '{"id":12345678901234567890,"list":[9007199254740993],"rate":0.1234567890123456789}';
const NUMBERS = ['9007199254740993', '0.1234567890123456789', '12345678901234567890'];
const NAMES = Object.keys(FORMATS) as FormatName[];

const { schema } = parseBody(`{"schema":${SCHEMA}}`) as { readonly schema: JsonObject };
const ASKED: ModelRequest = {
  model: 'm',
  isStream: false,
  system: [],
  turns: [
    { role: 'user', parts: [{ kind: 'text', text: 'Look.' }] },
    { role: 'assistant', parts: [{ kind: 'tool-call', id: 'call_1', name: 'look', input: INPUT }] },
    {
      role: 'user',
      parts: [
        { kind: 'tool-result', callId: 'call_1', name: 'look', content: [{ kind: 'text', text: 'ok' }] },
      ],
    },
  ],
  tools: [{ kind: 'function', name: 'look', schema }],
  sampling: {},
};
const bodyIn = (format: FormatName, request: ModelRequest): string =>
  JSON.stringify(FORMATS[format].writeRequest(request, new Dropped()));

describe.each(NAMES.flatMap((from) => NAMES.map((to) => ({ from, to }))))('$from to $to', ({ from, to }) => {
  test('inputs of tools and schemas keep their numbers', () => {
    verifies('llm:long-numbers');
    const said = bodyIn(from, ASKED);
    const read = FORMATS[from].readRequest(parseBody(said) as JsonObject, { model: 'm', isStream: false });
    const passed = bodyIn(to, read);
    for (const number of NUMBERS) {
      expect(said).toContain(number);
      expect(passed).toContain(number);
    }
  });
});

const WHOLE: Readonly<Partial<Record<FormatName, string>>> = {
  messages: `{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"toolu_1","name":"look","input":${INPUT}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}`,
  gemini: `{"candidates":[{"index":0,"content":{"role":"model","parts":[{"functionCall":{"name":"look","args":${INPUT}}}]},"finishReason":"STOP"}]}`,
};

test.each(Object.entries(WHOLE))('%s: the calls in an answer keep their numbers', (name, text) => {
  verifies('llm:long-numbers');
  const builder = new AnswerBuilder();
  for (const event of FORMATS[name as FormatName].readAnswer(parseBody(text) as JsonObject))
    builder.add(event);
  expect((builder.answer().parts[0] as ToolCallPart).input).toBe(INPUT);
});

test('gemini: the calls in a stream keep their numbers', () => {
  const reader = FORMATS.gemini.answerReader();
  const events = [...reader.read(undefined, Buffer.from(WHOLE.gemini!)), ...reader.end()];
  expect(events).toContainEqual(expect.objectContaining({ kind: 'input', text: INPUT }));
});
