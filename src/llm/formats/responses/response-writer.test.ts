import { describe, expect, it } from 'vitest';
import { randomAnswer } from '../../../../test/support/random-answers.ts';
import { followStream } from '../../../../test/support/responses-client.ts';
import {
  factsFor,
  type Loose,
  parseStream,
  readEvents,
  writeEvents,
} from '../../../../test/support/responses-wire.ts';
import { seededRandom } from '../../../../test/support/seeded-random.ts';
import type { AnswerEvent, StopKind } from '../../conversation/answer.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import { RESPONSES } from './format.ts';

const TOOLS = [
  {
    type: 'namespace',
    name: 'mcp__gw',
    description: 'Tools of the gateway',
    tools: [{ type: 'function', name: 'echo', parameters: { type: 'object' }, strict: false }],
  },
  { type: 'custom', name: 'patch' },
  { type: 'function', name: 'plain', parameters: { type: 'object' }, strict: false },
];

const START: AnswerEvent = { kind: 'start', id: 'chatcmpl-1', model: 'upstream', createdAt: 0 };
const END: readonly AnswerEvent[] = [{ kind: 'stop', stop: { kind: 'end' } }, { kind: 'end' }];

function callOf(name: string, deltas: readonly string[]): AnswerEvent[] {
  return [
    { kind: 'part-start', at: 0, part: { kind: 'tool-call', id: 'call_1', name } },
    ...deltas.map((delta): AnswerEvent => ({ kind: 'input', at: 0, text: delta })),
    { kind: 'part-end', at: 0 },
  ];
}

function text(at: number, said: string): AnswerEvent[] {
  return [
    { kind: 'part-start', at, part: { kind: 'text' } },
    { kind: 'text', at, text: said },
    { kind: 'part-end', at },
  ];
}

/** The finished items of an answer with these events. */
function itemsOf(events: readonly AnswerEvent[], source: Loose = { tools: TOOLS }): Loose[] {
  const written = writeEvents([START, ...events, ...END], factsFor(source));
  return followStream(written).last['response'].output as Loose[];
}

describe('the streams that are written', () => {
  it.each(Array.from({ length: 150 }, (_, seed) => seed + 1))(
    'are taken by strict clients and lead to the final response (seed %i)',
    (seed) => {
      const events = randomAnswer(seededRandom(seed));
      const { output, last } = followStream(writeEvents(events, factsFor({ tools: TOOLS })));
      expect(output).toEqual(last['response'].output);
    },
  );

  it.each([11, 12, 13, 14, 15, 16])('read back as what was written (seed %i)', (seed) => {
    const events = randomAnswer(seededRandom(seed));
    const written = writeEvents(events, factsFor({ tools: TOOLS }));
    const read = buildAnswer(readEvents(written));
    const said = (answer: ReturnType<typeof buildAnswer>): unknown[] =>
      answer.parts.map((part) => {
        if (part.kind === 'text' || part.kind === 'refusal' || part.kind === 'thinking')
          return [part.kind, part.text];
        return 'input' in part ? [part.kind, part.input] : [part.kind];
      });
    expect(said(read)).toEqual(said(buildAnswer(events)));
  });

  it('end with one event that says how the answer ended', () => {
    const ends: [StopKind, string, string | null][] = [
      ['end', 'completed', null],
      ['tool-calls', 'completed', null],
      ['stop-sequence', 'completed', null],
      ['pause', 'completed', null],
      ['length', 'incomplete', 'max_output_tokens'],
      ['content-filter', 'incomplete', 'content_filter'],
      ['refusal', 'incomplete', 'content_filter'],
    ];
    for (const [kind, status, reason] of ends) {
      const events = [
        START,
        ...text(0, 'hi'),
        { kind: 'stop', stop: { kind } },
        { kind: 'end' },
      ] as AnswerEvent[];
      const { last } = followStream(writeEvents(events, factsFor({})));
      expect(last['type'], kind).toBe(`response.${status}`);
      expect(last['response'].status, kind).toBe(status);
      expect(last['response'].incomplete_details?.reason ?? null, kind).toBe(reason);
      expect(last['response'].output[0].status, kind).toBe(status);
    }
  });

  it('give the short name and the namespace that the client gave its tool', () => {
    for (const name of ['mcp__gw__echo', 'mcp__gw.echo', 'echo'])
      expect(itemsOf(callOf(name, ['{"a":1}']))[0], name).toMatchObject({
        type: 'function_call',
        name: 'echo',
        namespace: 'mcp__gw',
        arguments: '{"a":1}',
        call_id: 'call_1',
      });
    expect(itemsOf(callOf('plain', ['{}']))[0]).not.toHaveProperty('namespace');
    expect(itemsOf(callOf('unknown', ['{}']))[0]).toMatchObject({ name: 'unknown' });
  });

  it('leave a short name alone that two groups have', () => {
    const tools = ['a', 'b'].map((name) => ({ ...TOOLS[0]!, name }));
    expect(itemsOf(callOf('echo', ['{}']), { tools })[0]).not.toHaveProperty('namespace');
    expect(itemsOf(callOf('b__echo', ['{}']), { tools })[0]).toMatchObject({ namespace: 'b', name: 'echo' });
  });

  it('give a custom tool its text, from a provider that could only give an object', () => {
    expect(itemsOf(callOf('patch', ['{"inp', 'ut":"*** Begin\\n"}']))[0]).toMatchObject({
      type: 'custom_tool_call',
      input: '*** Begin\n',
    });
    expect(itemsOf(callOf('patch', ['*** Begin']))[0]).toMatchObject({ input: '*** Begin' });
  });

  it('give arguments that parse where the provider gave none', () => {
    expect(itemsOf(callOf('plain', []))[0]).toMatchObject({ arguments: '{}' });
  });

  it('carry the seal of a call in an item of its own', () => {
    const [call, reasoning] = itemsOf([
      { kind: 'part-start', at: 0, part: { kind: 'tool-call', id: 'call_1', name: 'plain' } },
      { kind: 'seal', at: 0, seal: { format: 'gemini', kind: 'signature', value: 'sig==' } },
      { kind: 'part-end', at: 0 },
    ]);
    const input = [{ role: 'user', content: 'hi' }, call, reasoning, outputOf('call_1')];
    const { turns } = RESPONSES.readRequest({ model: 'm', input } as never, {
      model: undefined,
      isStream: undefined,
    });
    expect(turns[1]!.parts).toMatchObject([
      { kind: 'tool-call', id: 'call_1', seal: { format: 'gemini', kind: 'signature', value: 'sig==' } },
    ]);
  });

  it('tell the outcome of a call of the gateway at once, and not with what comes after it', () => {
    const call = {
      kind: 'server-call',
      id: 'mcp_1',
      server: 'db',
      name: 'query',
      approvalId: 'mcpr_1',
    } as const;
    const events = writeEvents(
      [
        START,
        { kind: 'part-start', at: 0, part: call },
        { kind: 'input', at: 0, text: '{"q":1}' },
        { kind: 'result', at: 0, content: [{ kind: 'text', text: 'no such table' }], isError: true },
        { kind: 'part-end', at: 0 },
      ],
      factsFor({}),
    );
    expect(events.slice(2).map(({ type }) => type)).toEqual([
      'response.output_item.added',
      'response.mcp_call.in_progress',
      'response.mcp_call_arguments.delta',
      'response.mcp_call_arguments.done',
      'response.mcp_call.failed',
      'response.output_item.done',
    ]);
    expect(events.at(-1)!['item']).toEqual({
      id: 'mcp_1',
      type: 'mcp_call',
      status: 'failed',
      approval_request_id: 'mcpr_1',
      arguments: '{"q":1}',
      error: { type: 'mcp_tool_execution_error', content: [{ type: 'text', text: 'no such table' }] },
      name: 'query',
      output: null,
      server_label: 'db',
    });
  });

  it('show images as generated ones, and report what cannot be shown', () => {
    const facts = factsFor({});
    const whole = (at: number, part: Loose): AnswerEvent[] =>
      [
        { kind: 'part-start', at, part: { kind: 'whole', part } },
        { kind: 'part-end', at },
      ] as AnswerEvent[];
    const png = { kind: 'base64', mediaType: 'image/png', data: 'AAAA' };
    const events = [
      START,
      ...whole(0, { kind: 'image', source: png }),
      ...whole(1, { kind: 'audio', source: { ...png, mediaType: 'audio/wav' } }),
      ...whole(2, { kind: 'foreign', format: 'messages', value: { type: 'server_tool_use' } }),
      ...END,
    ];
    const { output } = followStream(writeEvents(events, facts));
    expect(output).toMatchObject([
      { type: 'image_generation_call', status: 'completed', result: 'AAAA', output_format: 'png' },
    ]);
    expect(facts.dropped.names).toEqual(['answer.audio', 'messages.server_tool_use']);
  });

  it('repeat the request with its defaults, without the credentials of servers', () => {
    const source = {
      instructions: 'Be brief.',
      max_output_tokens: 100,
      metadata: { run: '7' },
      previous_response_id: 'resp_0',
      tools: [
        {
          type: 'mcp',
          server_label: 'db',
          server_url: 'https://db.example/mcp',
          authorization: 'secret-1',
          headers: { 'X-Key': 'secret-2' },
        },
      ],
    };
    const events = writeEvents([START, ...text(0, 'hi'), ...END], factsFor(source));
    for (const event of [events[0]!, events.at(-1)!]) {
      expect(event['response']).toMatchObject({
        model: 'm',
        instructions: 'Be brief.',
        max_output_tokens: 100,
        metadata: { run: '7' },
        previous_response_id: 'resp_0',
        parallel_tool_calls: true,
        store: true,
        tool_choice: 'auto',
        truncation: 'disabled',
        text: { format: { type: 'text' } },
      });
      expect(event['response'].tools[0].headers).toEqual({ 'X-Key': '<redacted>' });
    }
    expect(JSON.stringify(events)).not.toContain('secret');
  });

  it('say pings that no reader of events takes for one', () => {
    expect(RESPONSES.answerWriter(factsFor({})).ping().toString()).toMatch(/^:[^\n]*\n\n$/);
  });
});

function outputOf(callId: string): Loose {
  return { type: 'function_call_output', call_id: callId, output: 'done' };
}

describe('a failure in the midst of a stream', () => {
  const failing = (failure: LlmFailure): Loose => {
    const writer = RESPONSES.answerWriter(factsFor({}));
    const begun = [START, ...text(0, 'hi').slice(0, 2)].map((event) => writer.write(event));
    const events = parseStream(Buffer.concat([...begun, writer.fail(failure)]));
    expect(writer.write({ kind: 'end' }).length, 'nothing follows').toBe(0);
    return followStream(events).last;
  };

  it.each([
    ['context-length', 'context_length_exceeded'],
    ['quota', 'insufficient_quota'],
    ['rate-limit', 'rate_limit_exceeded'],
    ['invalid', 'invalid_prompt'],
    ['overloaded', 'server_error'],
    ['cut', 'server_error'],
  ] as const)('of the kind %s has the code %s', (kind, code) => {
    const last = failing(new LlmFailure(kind, 'it went wrong', { status: 500 }));
    expect(last).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code, message: 'it went wrong' } },
    });
  });

  it('tells a client when to try again, in the words that it looks for', () => {
    const last = failing(new LlmFailure('rate-limit', 'Slow down.', { status: 429, retryAfterMs: 1250 }));
    expect(last['response'].error.message).toMatch(/try again in\s*1\.250s/);
  });
});
