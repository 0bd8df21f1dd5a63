import { describe, expect, it } from 'vitest';
import { chatFacts } from '../../../../test/support/chat-wire.ts';
import type { AnswerEvent, Usage } from '../../conversation/answer.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import { isObject } from '../../conversation/json.ts';
import type { JsonObject, Part } from '../../conversation/parts.ts';
import { unpackSeal } from '../../conversation/seal-code.ts';
import { readRequest } from './read-request.ts';
import { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';
import { writeAnswer } from './write-answer.ts';

const USAGE: Usage = {
  input: 10,
  output: 5,
  cacheRead: 4,
  cacheWrite: 2,
  cacheWrite1h: 1,
  reasoning: 3,
  audioInput: 0,
  audioOutput: 0,
};
const START: AnswerEvent = { kind: 'start', id: 'msg_1', model: 'upstream', createdAt: 7 };
const SEAL = { format: 'messages', kind: 'signature', value: 'EqoB' } as const;

function text(at: number, said: string): readonly AnswerEvent[] {
  return [
    { kind: 'part-start', at, part: { kind: 'text' } },
    { kind: 'text', at, text: said },
    { kind: 'part-end', at },
  ];
}

function call(at: number, id: string, inputs: readonly string[]): readonly AnswerEvent[] {
  return [
    { kind: 'part-start', at, part: { kind: 'tool-call', id, name: `tool_${id}` } },
    ...inputs.map((input): AnswerEvent => ({ kind: 'input', at, text: input })),
    { kind: 'part-end', at },
  ];
}

function ended(kind: 'end' | 'tool-calls' | 'length' | 'refusal' = 'end'): readonly AnswerEvent[] {
  return [{ kind: 'stop', stop: { kind } }, { kind: 'end' }];
}

/** The data of each event that a stream has. */
function streamed(events: readonly AnswerEvent[], facts = chatFacts()): readonly string[] {
  const writer = new StreamWriter(facts);
  const bytes = Buffer.concat([START, ...events].map((event) => writer.write(event))).toString();
  return bytes
    .split('\n\n')
    .filter((one) => one !== '')
    .map((one) => one.replace(/^data: /, ''));
}

function chunks(events: readonly AnswerEvent[], facts = chatFacts()): readonly JsonObject[] {
  return streamed(events, facts)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as JsonObject);
}

function choicesOf(events: readonly AnswerEvent[], facts = chatFacts()): readonly JsonObject[] {
  return chunks(events, facts).flatMap(({ choices }) => choices as readonly JsonObject[]);
}

function deltas(events: readonly AnswerEvent[], facts = chatFacts()): readonly unknown[] {
  return choicesOf(events, facts).map(({ delta }) => delta);
}

function whole(events: readonly AnswerEvent[], facts = chatFacts()): JsonObject {
  const [choice] = writeAnswer(buildAnswer([START, ...events]), facts)['choices'] as readonly JsonObject[];
  return choice!;
}

function message(events: readonly AnswerEvent[], facts = chatFacts()): JsonObject {
  const said = whole(events, facts)['message'];
  return isObject(said) ? said : {};
}

describe('an answer for a client of Chat Completions', () => {
  it('streams as OpenAI writes it', () => {
    const events = [...text(0, 'Hi'), { kind: 'usage', usage: USAGE } as const, ...ended()];
    expect(streamed(events)).toEqual([
      '{"id":"chatcmpl-new","object":"chat.completion.chunk","created":7,"model":"alias","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}',
      '{"id":"chatcmpl-new","object":"chat.completion.chunk","created":7,"model":"alias","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}]}',
      '{"id":"chatcmpl-new","object":"chat.completion.chunk","created":7,"model":"alias","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}',
      '[DONE]',
    ]);
  });

  it('has a chunk for the usage only when the client asked for it', () => {
    const events = [{ kind: 'usage', usage: USAGE } as const, ...ended()];
    const asked = chunks(events, chatFacts({ stream_options: { include_usage: true } }));
    expect(asked.at(-1)).toMatchObject({
      choices: [],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 3 },
      },
    });
    expect(asked[0]).toMatchObject({ usage: null });
    expect(chunks(events).some((chunk) => 'usage' in chunk)).toBe(false);
  });

  it('numbers parallel calls, also interleaved ones', () => {
    const [a, b] = [call(0, 'a', ['{"x":', '1}']), call(1, 'b', ['{"y":', '2}'])];
    const mixed = [a[0]!, b[0]!, a[1]!, b[1]!, a[2]!, b[2]!, a[3]!, b[3]!];
    const reader = new StreamReader();
    const read = streamed([...mixed, ...ended('tool-calls')]).flatMap((data) => [
      ...reader.read(undefined, Buffer.from(data)),
    ]);
    expect(buildAnswer(read)).toMatchObject({
      parts: [
        { id: 'a', name: 'tool_a', input: '{"x":1}' },
        { id: 'b', name: 'tool_b', input: '{"y":2}' },
      ],
      stop: { kind: 'tool-calls' },
    });
  });

  it('gives a call without any input an empty object', () => {
    const events = [...call(0, 'a', []), ...ended('tool-calls')];
    expect(deltas(events)).toContainEqual({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] });
    expect(message(events)['tool_calls']).toEqual([
      { id: 'a', type: 'function', function: { name: 'tool_a', arguments: '{}' } },
    ]);
  });

  it('carries thoughts and their seals so that they come back', () => {
    const seals = [
      SEAL,
      { format: 'gemini', kind: 'signature', value: 'CiQB' },
      { format: 'responses', kind: 'encrypted', value: 'gAAAA', id: 'rs_1' },
      { format: 'messages', kind: 'redacted', value: 'EmwK' },
      { format: 'chat', kind: 'encrypted', value: '{"type":"reasoning.text","signature":"s"}' },
    ] as const;
    for (const seal of seals) {
      const said = seal.kind === 'redacted' ? '' : 'Hm';
      const events: readonly AnswerEvent[] = [
        { kind: 'part-start', at: 0, part: { kind: 'thinking' } },
        { kind: 'text', at: 0, text: said },
        { kind: 'seal', at: 0, seal },
        { kind: 'part-end', at: 0 },
        ...text(1, 'So.'),
        ...ended(),
      ];
      const accumulated = Object.assign({}, ...deltas(events)) as JsonObject;
      for (const said2 of [message(events), { ...accumulated, content: 'So.' }]) {
        const request = readRequest(
          { model: 'm', messages: [{ ...said2, role: 'assistant' }] },
          { model: undefined, isStream: undefined },
        );
        expect(request.turns[0]?.parts).toMatchObject([
          { kind: 'thinking', text: said, seal },
          { kind: 'text', text: 'So.' },
        ]);
      }
    }
  });

  it("shows Anthropic's signatures as LiteLLM does, and packs any other", () => {
    const thought = (seal: typeof SEAL | { format: 'gemini'; kind: 'signature'; value: string }) =>
      message([
        { kind: 'part-start', at: 0, part: { kind: 'thinking' } },
        { kind: 'text', at: 0, text: 'Hm' },
        { kind: 'seal', at: 0, seal },
        { kind: 'part-end', at: 0 },
        ...ended(),
      ]);
    expect(thought(SEAL)).toMatchObject({
      reasoning_content: 'Hm',
      thinking_blocks: [{ type: 'thinking', thinking: 'Hm', signature: 'EqoB' }],
    });
    const [block] = thought({ format: 'gemini', kind: 'signature', value: 'CiQB' })[
      'thinking_blocks'
    ] as readonly JsonObject[];
    expect(unpackSeal(String(block?.['signature']))?.seal.value).toBe('CiQB');
  });

  it("puts Gemini's signature of a call where Google's own endpoint has it, with the call's first chunk", () => {
    const seal = { format: 'gemini', kind: 'signature', value: 'CiQB' } as const;
    const [start, input, end] = call(0, 'a', ['{}']);
    const events = [start!, { kind: 'seal', at: 0, seal } as const, input!, end!, ...ended('tool-calls')];
    const extra = { extra_content: { google: { thought_signature: 'CiQB' } } };
    expect(deltas(events)[1]).toMatchObject({ tool_calls: [{ id: 'a', ...extra }] });
    expect(message(events)['tool_calls']).toMatchObject([{ id: 'a', ...extra }]);
    const late = [start!, input!, { kind: 'seal', at: 0, seal } as const, end!];
    expect(deltas(late)).toContainEqual({ tool_calls: [{ index: 0, ...extra }] });
  });

  it('answers a client that asked with functions in the words of its day', () => {
    const facts = chatFacts({ functions: [{ name: 'tool_a' }] });
    const events = [...call(0, 'a', ['{"x":1}']), ...call(1, 'b', ['{}']), ...ended('tool-calls')];
    expect(whole(events, facts)).toMatchObject({
      message: { function_call: { name: 'tool_a', arguments: '{"x":1}' } },
      finish_reason: 'function_call',
    });
    expect(facts.dropped.names).toContain('tool_calls');
    const said = choicesOf(events, facts);
    expect(said.map(({ delta }) => delta)).toEqual([
      { role: 'assistant', content: '', refusal: null },
      { function_call: { name: 'tool_a', arguments: '' } },
      { function_call: { arguments: '{"x":1}' } },
      {},
    ]);
    expect(said.at(-1)).toMatchObject({ finish_reason: 'function_call' });
  });

  it('says what the gateway did as LiteLLM says it, and goes on with its text after a gap', () => {
    const output: readonly Part[] = [{ kind: 'text', text: 'three rows' }];
    const events: readonly AnswerEvent[] = [
      {
        kind: 'part-start',
        at: 0,
        part: {
          kind: 'whole',
          part: {
            kind: 'server-tools',
            id: 'l',
            server: 'db',
            tools: [{ name: 'query', description: 'Asks.', schema: {} }],
          },
        },
      },
      { kind: 'part-end', at: 0 },
      ...text(1, 'Let me see.'),
      { kind: 'part-start', at: 2, part: { kind: 'server-call', id: 'c', server: 'db', name: 'query' } },
      { kind: 'input', at: 2, text: '{}' },
      { kind: 'result', at: 2, content: output, isError: false },
      { kind: 'part-end', at: 2 },
      ...text(3, 'Three.'),
      ...ended(),
    ];
    const list = { mcp_list_tools: [{ function: { name: 'query', description: 'Asks.', parameters: {} } }] };
    const work = {
      mcp_tool_calls: [{ id: 'c', type: 'function', function: { name: 'query', arguments: '{}' } }],
      mcp_call_results: [{ tool_call_id: 'c', name: 'query', result: 'three rows' }],
    };
    expect(message(events)).toMatchObject({
      content: 'Let me see.\n\nThree.',
      provider_specific_fields: { ...list, ...work },
    });
    expect(whole(events)['finish_reason']).toBe('stop');
    const said = deltas(events) as readonly JsonObject[];
    expect(said.map(({ content }) => content ?? '').join('')).toBe('Let me see.\n\nThree.');
    expect(said[1]).toMatchObject({ provider_specific_fields: list });
    expect(said.at(-1)).toEqual({ provider_specific_fields: work });
  });

  it('cites addresses, counted over the whole message', () => {
    const citation = {
      format: 'messages',
      url: 'https://example.org',
      title: 'T',
      raw: { type: 'web_search_result_location' },
    } as const;
    const events: readonly AnswerEvent[] = [
      ...text(0, 'Before. '),
      { kind: 'part-start', at: 1, part: { kind: 'text' } },
      { kind: 'text', at: 1, text: 'Cited.' },
      { kind: 'citation', at: 1, citation },
      { kind: 'part-end', at: 1 },
      ...ended(),
    ];
    const annotation = {
      type: 'url_citation',
      url_citation: { url: 'https://example.org', title: 'T', start_index: 8, end_index: 14 },
    };
    expect(message(events)['annotations']).toEqual([annotation]);
    expect(deltas(events)).toContainEqual({ annotations: [annotation] });
  });

  it.each([
    ['length', 'length'],
    ['refusal', 'content_filter'],
    ['end', 'stop'],
  ] as const)('that stopped because of %s says %s', (kind, reason) => {
    expect(whole([...text(0, 'x'), ...ended(kind)])['finish_reason']).toBe(reason);
  });

  it('names what it cannot say', () => {
    const facts = chatFacts();
    const foreign: Part = { kind: 'foreign', format: 'messages', value: { type: 'container_upload' } };
    const events: readonly AnswerEvent[] = [
      { kind: 'part-start', at: 0, part: { kind: 'whole', part: foreign } },
      { kind: 'part-end', at: 0 },
      ...ended(),
    ];
    expect(message(events, facts)['content']).toBeNull();
    expect(facts.dropped.names).toEqual(['content.container_upload']);
  });

  it('that fails in the midst ends with an error and without the sign of a normal end', () => {
    const bytes = new StreamWriter(chatFacts()).fail(
      new LlmFailure('cut', 'It broke off.', { status: 502, code: 'upstream_cut' }),
    );
    expect(bytes.toString()).toBe(
      'data: {"error":{"message":"It broke off.","type":"server_error","param":null,"code":"upstream_cut"}}\n\n',
    );
  });
});
