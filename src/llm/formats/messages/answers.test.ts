import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readMessageStream } from '../../../../test/support/llm/messages-client.ts';
import { goldenLines, sseEvents } from '../../../../test/support/llm/sse-events.ts';
import { answerFacts } from '../../../../test/support/llm/answer-facts.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import type { AnswerEvent, Usage } from '../../conversation/answer.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { MESSAGES } from './format.ts';

const GOLDEN = new URL('../../../../test/golden/messages/', import.meta.url);
const golden = (name: string): readonly Buffer[] =>
  goldenLines(readFileSync(new URL(`${name}.txt`, GOLDEN), 'utf8'));

const STREAMS = ['stream-thinking-tools', 'stream-server-tools', 'stream-refusal'];

function read(lines: readonly Buffer[]): readonly AnswerEvent[] {
  const reader = MESSAGES.answerReader();
  return [...lines.flatMap((line) => reader.read(undefined, line)), ...reader.end()];
}

function write(events: readonly AnswerEvent[]): JsonObject {
  const writer = MESSAGES.answerWriter(answerFacts());
  return readMessageStream(Buffer.concat(events.map((event) => writer.write(event)))) as JsonObject;
}

/** The golden stream as the official client puts it together. */
function assembled(lines: readonly Buffer[]): JsonObject {
  const text = lines
    .map(
      (line) =>
        `event: ${(JSON.parse(line.toString()) as { type: string }).type}\ndata: ${line.toString()}\n\n`,
    )
    .join('');
  return readMessageStream(text) as JsonObject;
}

const failure = (run: () => unknown): LlmFailure => {
  try {
    run();
  } catch (error) {
    if (error instanceof LlmFailure) return error;
    throw error;
  }
  throw new Error('It did not fail.');
};

describe('a golden stream', () => {
  test.each(STREAMS)('%s: what it says, in order and without gaps', async (name) => {
    const events = read(golden(name));
    const said = events.filter(({ kind }) => kind !== 'ping').map(withoutTime);
    await expect(`${JSON.stringify(said, null, 1)}\n`).toMatchFileSnapshot(
      fileURLToPath(new URL(`${name}.events.json`, GOLDEN)),
    );
    const starts = events.filter((event) => event.kind === 'part-start').map(({ at }) => at);
    expect(starts).toEqual(starts.map((_, index) => index));
    expect(events.at(-1)).toEqual({ kind: 'end' });
  });

  test.each(STREAMS)('%s: written again, a client puts the same message together', (name) => {
    const lines = golden(name);
    const before = assembled(lines) as { content: { type: string }[] } & JsonObject;
    const after = write(read(lines)) as { content: { type: string }[] } & JsonObject;
    expect(after.content).toEqual(
      before.content.map((block) => {
        if (!('citations' in block) || (block.citations as unknown[]).length > 0) return block;
        const { citations: _none, ...rest } = block;
        return rest;
      }),
    );
    for (const member of ['stop_reason', 'stop_sequence', 'stop_details', 'container', 'context_management'])
      expect(after[member]).toEqual(before[member]);
    expect(after['usage']).toMatchObject({
      input_tokens: (before['usage'] as JsonObject)['input_tokens'],
      output_tokens: (before['usage'] as JsonObject)['output_tokens'],
      cache_read_input_tokens: (before['usage'] as JsonObject)['cache_read_input_tokens'],
      cache_creation_input_tokens: (before['usage'] as JsonObject)['cache_creation_input_tokens'],
    });
  });

  test.each(STREAMS)('%s: whole and streamed answers say the same', (name) => {
    const events = read(golden(name));
    const whole = MESSAGES.writeAnswer(buildAnswer(events), answerFacts());
    expect(plain(whole)).toEqual(write(events));
    const again = MESSAGES.readAnswer(plain(whole));
    const [first, second] = [events, again].map((list) => {
      const { createdAt: _createdAt, model: _model, ...rest } = buildAnswer(list);
      return rest;
    });
    expect(comparable(second)).toEqual(comparable(first));
  });

  test.each(STREAMS)('%s: cut anywhere, it is never complete', (name) => {
    const lines = golden(name);
    const stop = lines.findIndex((line) => line.includes('message_delta'));
    for (let count = 0; count < stop; count++) {
      const reader = MESSAGES.answerReader();
      for (const line of lines.slice(0, count)) reader.read(undefined, line);
      expect(failure(() => reader.end())).toMatchObject({ kind: 'cut', status: 502 });
    }
  });

  test.each(STREAMS)('%s: watched on its way, it has the same usage and end', (name) => {
    const observer = MESSAGES.observer();
    const lines = golden(name);
    const events = read(lines);
    for (const line of lines) {
      expect(observer.event(undefined, line).isComplete).toBe(line.includes('"message_stop"'));
    }
    const seen = observer.event('ping', Buffer.from('{"type":"ping"}'));
    const { usage, stop } = buildAnswer(events);
    expect(seen).toMatchObject({
      usage,
      failure: undefined,
      hasContent: events.some(({ kind }) => kind === 'part-start'),
    });
    expect(seen.stop?.kind).toBe(stop.kind);
    const body = Buffer.from(JSON.stringify(MESSAGES.writeAnswer(buildAnswer(events), answerFacts())));
    expect(MESSAGES.observer().whole(body)).toMatchObject({ usage, isComplete: true });
  });
});

function withoutTime(event: AnswerEvent): AnswerEvent {
  return event.kind === 'start' ? { ...event, createdAt: 0 } : event;
}

/** As it is after the wire. */
function plain(value: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** Text of tool inputs that JavaScript's numbers cannot hold is compared as the client reads it. */
function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, member: unknown) =>
      key === 'input' && typeof member === 'string' ? (JSON.parse(member) as unknown) : member,
    ),
  );
}

describe('reading', () => {
  test('inputs keep their bytes, numbers of twenty digits included', () => {
    const [call] = buildAnswer(read(golden('stream-thinking-tools'))).parts.filter(
      (part) => part.kind === 'tool-call',
    );
    expect(call).toMatchObject({ input: '{"city":"Paris","id":12345678901234567890}' });
    const whole = MESSAGES.writeAnswer(buildAnswer(read(golden('stream-thinking-tools'))), answerFacts());
    expect(JSON.stringify(whole)).toContain('"id":12345678901234567890');
  });

  test('an imitator may leave out starts, stops, names of events and message_stop', () => {
    const events = read(
      [
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hi' } },
        {
          type: 'content_block_start',
          index: 1,
          content_block: { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } },
        },
        { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 3 } },
      ].map((event) => Buffer.from(JSON.stringify(event))),
    );
    expect(buildAnswer(events)).toMatchObject({
      parts: [
        { kind: 'text', text: 'Hi' },
        { kind: 'tool-call', id: 'a', name: 'f', input: '{"x":1}' },
      ],
      stop: { kind: 'tool-calls' },
      usage: { output: 3 },
    });
  });

  test('a second message_start changes nothing, content in the first one counts', () => {
    const message = {
      id: 'msg_1',
      model: 'm',
      content: [{ type: 'tool_use', id: 't', name: 'f', input: { a: 1 } }],
      stop_reason: 'tool_use',
      usage: { input_tokens: 10, output_tokens: 1 },
    };
    const twice = [
      { type: 'message_start', message },
      { type: 'message_start', message: { ...message, usage: { input_tokens: 99 } } },
      { type: 'message_stop' },
    ];
    const answer = buildAnswer(read(twice.map((event) => Buffer.from(JSON.stringify(event)))));
    expect(answer).toMatchObject({
      parts: [{ kind: 'tool-call', id: 't', input: '{"a":1}' }],
      usage: { input: 10 },
    });
  });

  test.each([
    [{ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'overloaded', 529],
    [{ error: { message: 'boom' } }, 'upstream', 502],
    [
      { type: 'error', error: { type: 'api_error', message: 'prompt is too long: 9 tokens > 8 maximum' } },
      'context-length',
      400,
    ],
  ] as const)('an error in the stream is a failure: %j', (event, kind, status) => {
    const reader = MESSAGES.answerReader();
    reader.read(undefined, Buffer.from('{"type":"message_start","message":{"id":"m"}}'));
    expect(failure(() => reader.read('error', Buffer.from(JSON.stringify(event))))).toMatchObject({
      kind,
      status,
    });
    expect(MESSAGES.observer().event('error', Buffer.from(JSON.stringify(event))).failure).toMatchObject({
      kind,
    });
  });

  test('data that is no JSON is a failure', () => {
    const reader = MESSAGES.answerReader();
    expect(failure(() => reader.read('message_start', Buffer.from('{"type":"mess')))).toMatchObject({
      kind: 'cut',
    });
  });

  test('usage counts each token once', () => {
    const usage = buildAnswer(read(golden('stream-thinking-tools'))).usage;
    expect(usage).toEqual({
      input: 12 + 7 + 2048,
      output: 97,
      cacheRead: 2048,
      cacheWrite: 4,
      cacheWrite1h: 3,
      reasoning: 31,
      audioInput: 0,
      audioOutput: 0,
      tier: 'standard',
    } satisfies Usage);
  });
});

describe('writing', () => {
  const start: AnswerEvent = { kind: 'start', id: 'chatcmpl-1', model: 'm', createdAt: 0 };
  const end: readonly AnswerEvent[] = [{ kind: 'stop', stop: { kind: 'end' } }, { kind: 'end' }];

  test('calls side by side become blocks one after the other', () => {
    const message = write([
      start,
      { kind: 'part-start', at: 0, part: { kind: 'text' } },
      { kind: 'text', at: 0, text: 'Both.' },
      { kind: 'part-start', at: 1, part: { kind: 'tool-call', id: 'a', name: 'f' } },
      { kind: 'part-start', at: 2, part: { kind: 'tool-call', id: 'b', name: 'g' } },
      { kind: 'input', at: 2, text: '{"y"' },
      { kind: 'input', at: 1, text: '{"x"' },
      { kind: 'text', at: 0, text: ' Now.' },
      { kind: 'input', at: 2, text: ':2}' },
      { kind: 'part-end', at: 2 },
      { kind: 'part-end', at: 0 },
      { kind: 'input', at: 1, text: ':1}' },
      { kind: 'part-end', at: 1 },
      ...end,
    ]);
    expect(message['content']).toEqual([
      { type: 'text', text: 'Both. Now.' },
      { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } },
      { type: 'tool_use', id: 'b', name: 'g', input: { y: 2 } },
    ]);
    expect(message['stop_reason']).toBe('tool_use');
  });

  test('message_start has the usage that is known, message_delta all of it', () => {
    const usage = {
      input: 30,
      output: 5,
      cacheRead: 20,
      cacheWrite: 0,
      cacheWrite1h: 0,
      reasoning: 2,
      audioInput: 0,
      audioOutput: 0,
    };
    const writer = MESSAGES.answerWriter(answerFacts());
    expect(writer.write(start)).toHaveLength(0);
    expect(writer.write({ kind: 'usage', usage: { ...usage, output: 0 } })).toHaveLength(0);
    const [first] = sseEvents(writer.write({ kind: 'part-start', at: 0, part: { kind: 'text' } }));
    expect(JSON.parse(first?.data ?? '')).toMatchObject({
      message: { id: 'msg_1', model: 'the-model', usage: { input_tokens: 10, cache_read_input_tokens: 20 } },
    });
    writer.write({ kind: 'usage', usage });
    const last = sseEvents(Buffer.concat(end.map((event) => writer.write(event))));
    expect(last.map(({ event }) => event)).toEqual(['message_delta', 'message_stop']);
    expect(JSON.parse(last[0]?.data ?? '')).toMatchObject({ usage: { input_tokens: 10, output_tokens: 5 } });
  });

  test('a thought without text and parts without content make no empty blocks', () => {
    const message = write([
      start,
      { kind: 'part-start', at: 0, part: { kind: 'thinking' } },
      { kind: 'part-end', at: 0 },
      { kind: 'part-start', at: 1, part: { kind: 'text' } },
      { kind: 'part-end', at: 1 },
      { kind: 'part-start', at: 2, part: { kind: 'tool-call', id: 'a', name: 'f' } },
      { kind: 'part-end', at: 2 },
      ...end,
    ]);
    expect(message['content']).toEqual([{ type: 'tool_use', id: 'a', name: 'f', input: {} }]);
  });

  test('a call of the gateway is a block, its result the next one, whatever comes between', () => {
    const facts = answerFacts();
    const writer = MESSAGES.answerWriter(facts);
    const events: AnswerEvent[] = [
      start,
      { kind: 'part-start', at: 0, part: { kind: 'server-call', id: 'c', server: 'db', name: 'list' } },
      { kind: 'input', at: 0, text: '{"a":1}' },
      { kind: 'part-start', at: 1, part: { kind: 'server-call', id: 'd', server: 'db', name: 'count' } },
      { kind: 'input', at: 1, text: '{}' },
      { kind: 'result', at: 1, content: [{ kind: 'text', text: '3' }], isError: true },
      { kind: 'part-end', at: 1 },
      {
        kind: 'result',
        at: 0,
        content: [
          { kind: 'text', text: 'x' },
          { kind: 'image', source: { kind: 'url', url: 'http://a' } },
        ],
        isError: false,
      },
      { kind: 'part-end', at: 0 },
      ...end,
    ];
    const message = readMessageStream(Buffer.concat(events.map((event) => writer.write(event))));
    expect(message['content']).toMatchObject([
      { type: 'mcp_tool_use', id: 'c', server_name: 'db', name: 'list', input: { a: 1 } },
      {
        type: 'mcp_tool_result',
        tool_use_id: 'c',
        is_error: false,
        content: [{ text: 'x' }, { type: 'text' }],
      },
      { type: 'mcp_tool_use', id: 'd', input: {} },
      { type: 'mcp_tool_result', tool_use_id: 'd', is_error: true, content: [{ text: '3' }] },
    ]);
    expect(message['stop_reason']).toBe('end_turn');
    expect(facts.dropped.names).toEqual(['content.mcp_tool_result.image']);
  });

  test('pings never come into a block, and begin the message if need be', () => {
    const writer = MESSAGES.answerWriter(answerFacts());
    expect(sseEvents(writer.ping()).map(({ event }) => event)).toEqual(['ping']);
    writer.write(start);
    expect(sseEvents(writer.ping()).map(({ event }) => event)).toEqual(['message_start', 'ping']);
    expect(sseEvents(writer.write({ kind: 'ping' })).map(({ event }) => event)).toEqual(['ping']);
  });

  test('a failure in the midst of the stream is an error event', () => {
    const error = new LlmFailure('overloaded', 'Too many.', { status: 503 });
    const bytes = MESSAGES.answerWriter(answerFacts()).fail(error);
    expect(bytes).toEqual(MESSAGES.failEvent(error));
    expect(sseEvents(bytes)).toEqual([
      { event: 'error', data: '{"type":"error","error":{"type":"overloaded_error","message":"Too many."}}' },
    ]);
  });

  test.each([
    ['length', 'max_tokens'],
    ['content-filter', 'refusal'],
    ['pause', 'pause_turn'],
    ['other', 'end_turn'],
  ] as const)('an end for the reason %s is %s', (kind, reason) => {
    expect(write([start, { kind: 'stop', stop: { kind } }, { kind: 'end' }])['stop_reason']).toBe(reason);
  });
});

test('sources of a text, which may come before it, are told when all of it was said', () => {
  const events = read(golden('stream-server-tools'));
  const cited = events.filter(({ kind }) => kind === 'citation');
  expect(cited).not.toEqual([]);
  for (const citation of cited) {
    const rest = events.slice(events.indexOf(citation));
    const at = 'at' in citation ? citation.at : -1;
    expect(rest.some((event) => event.kind === 'text' && event.at === at)).toBe(false);
  }
});
