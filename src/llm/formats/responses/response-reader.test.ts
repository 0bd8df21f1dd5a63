import { describe, expect, it } from 'vitest';
import { goldenEvents, type Loose, readEvents } from '../../../../test/support/responses-wire.ts';
import type { AnswerEvent } from '../../conversation/answer.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { RESPONSES } from './format.ts';

const CREATED = { type: 'response.created', response: { id: 'resp_1', model: 'u', created_at: 5 } };
const COMPLETED = { type: 'response.completed', response: { id: 'resp_1', usage: null } };
const TEXT = {
  type: 'message',
  id: 'msg_1',
  content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
};
const CALL = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'echo', arguments: '{"a":1}' };

function partsOf(events: readonly Loose[]): unknown[] {
  return [...buildAnswer(readEvents(events)).parts];
}

function failureOf(run: () => unknown): LlmFailure {
  try {
    run();
  } catch (error) {
    if (error instanceof LlmFailure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Whether each part begins once, in order, and has ended before the answer does. */
function checkOrder(events: readonly AnswerEvent[]): void {
  const open = new Set<number>();
  let next = 0;
  expect(events[0]?.kind).toBe('start');
  expect(events.slice(-2).map(({ kind }) => kind)).toEqual(['stop', 'end']);
  for (const event of events) {
    if (event.kind === 'part-start') {
      expect(event.at).toBe(next++);
      open.add(event.at);
    } else if ('at' in event) {
      expect(open.has(event.at), `${event.kind} of part ${event.at}`).toBe(true);
      if (event.kind === 'part-end') open.delete(event.at);
    }
  }
  expect(open.size).toBe(0);
}

describe('a stream of an imitator', () => {
  const text = [{ kind: 'text', text: 'Hello' }];
  const call = [{ kind: 'tool-call', id: 'call_1', name: 'echo', input: '{"a":1}' }];
  const delta = (type: string, said: string, members: Loose = {}): Loose => ({
    type,
    delta: said,
    ...members,
  });

  it.each<[string, Loose[], unknown[]]>([
    [
      'has only finished items',
      [CREATED, { type: 'response.output_item.done', item: TEXT }, COMPLETED],
      text,
    ],
    [
      'has only the finished response',
      [{ type: 'response.completed', response: { id: 'resp_1', output: [TEXT, CALL] } }],
      [...text, ...call],
    ],
    [
      'has only deltas, without places',
      [delta('response.output_text.delta', 'Hel'), delta('response.output_text.delta', 'lo'), COMPLETED],
      text,
    ],
    [
      'has the end of a text whose deltas broke off',
      [
        CREATED,
        delta('response.output_text.delta', 'Hel'),
        { type: 'response.output_text.done', text: 'Hello' },
        COMPLETED,
      ],
      text,
    ],
    [
      'has arguments before the name',
      [
        delta('response.function_call_arguments.delta', '{"a"', { output_index: 0 }),
        delta('response.function_call_arguments.delta', ':1}', { output_index: 0 }),
        { type: 'response.output_item.done', output_index: 0, item: CALL },
        COMPLETED,
      ],
      call,
    ],
    [
      'has the arguments in the beginning of the item and again at its end',
      [
        { type: 'response.output_item.added', output_index: 0, item: CALL },
        { type: 'response.function_call_arguments.done', output_index: 0, arguments: CALL.arguments },
        { type: 'response.output_item.done', output_index: 0, item: CALL },
        COMPLETED,
      ],
      call,
    ],
    [
      'gives every item the same place',
      [
        delta('response.output_text.delta', 'Hello', { output_index: 0 }),
        { type: 'response.output_item.done', output_index: 0, item: TEXT },
        { type: 'response.output_item.added', output_index: 0, item: { ...CALL, arguments: '' } },
        delta('response.function_call_arguments.delta', '{"a":1}', { output_index: 0 }),
        { type: 'response.output_item.done', output_index: 0, item: CALL },
        COMPLETED,
      ],
      [...text, ...call],
    ],
    [
      'gives every item the same place, and says only how it ends',
      [
        CREATED,
        { type: 'response.output_item.done', output_index: 0, item: CALL },
        { type: 'response.output_item.done', output_index: 0, item: CALL },
        {
          type: 'response.output_item.done',
          output_index: 0,
          item: { ...CALL, id: 'fc_2', call_id: 'call_2' },
        },
        COMPLETED,
      ],
      [...call, { ...call[0], id: 'call_2' }],
    ],
    [
      'says the text again after the end of its item',
      [
        CREATED,
        { type: 'response.output_item.done', output_index: 0, item: TEXT },
        { type: 'response.output_text.done', output_index: 0, content_index: 0, text: 'Hello' },
        COMPLETED,
      ],
      text,
    ],
    [
      'gives every event another id',
      [
        { type: 'response.output_item.added', output_index: 0, item: { ...TEXT, id: 'a', content: [] } },
        delta('response.output_text.delta', 'Hel', { output_index: 0, item_id: 'b' }),
        delta('response.output_text.delta', 'lo', { output_index: 0, item_id: 'c' }),
        { type: 'response.output_item.done', output_index: 0, item: { ...TEXT, id: 'd' } },
        COMPLETED,
      ],
      text,
    ],
    [
      'never ends its items',
      [
        CREATED,
        { type: 'response.output_item.added', output_index: 0, item: { ...CALL, arguments: '' } },
        delta('response.function_call_arguments.delta', '{"a":1}', { output_index: 0 }),
        COMPLETED,
      ],
      call,
    ],
    [
      'has thoughts without an item',
      [
        delta('response.reasoning_text.delta', 'hm'),
        { type: 'response.output_item.done', item: TEXT },
        COMPLETED,
      ],
      [{ kind: 'thinking', text: 'hm' }, ...text],
    ],
  ])('that %s says the same', (_name, events, parts) => {
    checkOrder(readEvents(events));
    expect(partsOf(events)).toMatchObject(parts);
    expect(partsOf(events).length).toBe(parts.length);
  });

  it('is read by the name of its event where the data has no type', () => {
    const reader = RESPONSES.answerReader();
    const read = [
      reader.read('response.output_text.delta', Buffer.from('{"delta":"Hello"}')),
      reader.read('response.completed', Buffer.from('{"response":{}}')),
      reader.read(undefined, Buffer.from('[DONE]')),
    ].flat();
    expect(buildAnswer(read).parts).toMatchObject(text);
  });
});

describe('what an answer ended with', () => {
  it('is told from its items, and from why it is incomplete', () => {
    const stopOf = (output: Loose[], response: Loose = {}): string =>
      buildAnswer(RESPONSES.readAnswer({ id: 'resp_1', output, ...response } as JsonObject)).stop.kind;
    const incomplete = (reason: string): Loose => ({ status: 'incomplete', incomplete_details: { reason } });
    expect(stopOf([TEXT])).toBe('end');
    expect(stopOf([TEXT, CALL])).toBe('tool-calls');
    expect(stopOf([{ type: 'message', content: [{ type: 'refusal', refusal: 'no' }] }])).toBe('refusal');
    expect(stopOf([TEXT], incomplete('max_output_tokens'))).toBe('length');
    expect(stopOf([TEXT], incomplete('content_filter'))).toBe('content-filter');
    expect(stopOf([TEXT], incomplete('the_moon'))).toBe('other');
  });
});

describe('an answer that is none', () => {
  const read =
    (...events: Loose[]): (() => unknown) =>
    () =>
      readEvents(events);

  it.each<[string, () => unknown, string]>([
    ['a stream that breaks off', read(CREATED, { type: 'response.output_text.delta', delta: 'x' }), 'cut'],
    ['an empty stream', read(), 'cut'],
    [
      'a failed response',
      read(CREATED, {
        type: 'response.failed',
        response: { error: { code: 'rate_limit_exceeded', message: 'Please try again in 1.5s.' } },
      }),
      'rate-limit',
    ],
    [
      'an error event',
      read(CREATED, {
        type: 'error',
        error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'No money.' },
      }),
      'quota',
    ],
    [
      'a flat error event',
      read({ type: 'error', code: 'context_length_exceeded', message: 'x' }),
      'context-length',
    ],
    ['an error without a type', read({ error: { message: 'Sorry', code: null } }), 'upstream'],
    [
      'a call without a name',
      read({ type: 'response.output_item.done', item: { type: 'function_call' } }),
      'cut',
    ],
    [
      'an item without sense',
      read({ type: 'response.output_item.done', item: { type: 'mcp_approval_request' } }),
      'cut',
    ],
    ['data that is no JSON', () => RESPONSES.answerReader().read(undefined, Buffer.from('<html>')), 'cut'],
    ['a body without output', () => RESPONSES.readAnswer({ hello: 'world' }), 'cut'],
    ['a response that still runs', () => RESPONSES.readAnswer({ status: 'in_progress', output: [] }), 'cut'],
    [
      'a failed response in one piece',
      () =>
        RESPONSES.readAnswer({ status: 'failed', output: [], error: { code: 'server_error', message: 'x' } }),
      'upstream',
    ],
  ])('is a failure: %s', (_name, run, kind) => {
    expect(failureOf(run).kind).toBe(kind);
  });

  it('says when to try again', () => {
    const error = { code: 'rate_limit_exceeded', message: 'Please try again in 1m2.5s. Or not.' };
    expect(failureOf(read({ type: 'error', error })).retryAfterMs).toBe(62_500);
  });
});

describe('a provider that refuses', () => {
  const errorOf = (status: number, body: string, headers: Record<string, string> = {}): LlmFailure =>
    RESPONSES.readError(status, headers, Buffer.from(body));
  const openAi = (members: Loose): string =>
    JSON.stringify({ error: { message: 'no', type: 'x', param: null, code: null, ...members } });

  it.each<[number, string, string]>([
    [400, openAi({ type: 'invalid_request_error', param: 'input[0]' }), 'invalid'],
    [400, openAi({ code: 'context_length_exceeded' }), 'context-length'],
    [400, openAi({ message: "This model's maximum context length is 8192 tokens." }), 'context-length'],
    [400, openAi({ code: 'invalid_prompt' }), 'content-policy'],
    [401, openAi({ code: 'invalid_api_key' }), 'auth'],
    [403, '', 'forbidden'],
    [404, openAi({ code: 'model_not_found' }), 'not-found'],
    [413, '<html>too large</html>', 'too-large'],
    [429, openAi({ type: 'requests', code: 'rate_limit_exceeded' }), 'rate-limit'],
    [429, openAi({ type: 'insufficient_quota', code: 'insufficient_quota' }), 'quota'],
    [429, openAi({ message: 'You exceeded your current quota, please check your plan.' }), 'quota'],
    [500, openAi({ type: 'server_error' }), 'upstream'],
    [502, '<html><h1>Bad Gateway</h1></html>', 'upstream'],
    [503, '{"detail":"overloaded"}', 'overloaded'],
    [504, '', 'timeout'],
    [422, '{"error":"unprocessable"}', 'invalid'],
    [400, '[{"error":{"message":"in a list"}}]', 'invalid'],
  ])('with %i %s is understood as %s', (status, body, kind) => {
    const failure = errorOf(status, body);
    expect([failure.kind, failure.status]).toEqual([kind, status]);
    expect(failure.raw?.body.toString()).toBe(body);
  });

  it('is believed when it says how long to wait', () => {
    expect(errorOf(429, '', { 'retry-after': '7' }).retryAfterMs).toBe(7000);
    expect(errorOf(429, '', { 'retry-after-ms': '250', 'retry-after': '7' }).retryAfterMs).toBe(250);
    const date = { date: 'Tue, 01 Dec 2026 10:00:00 GMT', 'retry-after': 'Tue, 01 Dec 2026 10:00:30 GMT' };
    expect(errorOf(429, '', date).retryAfterMs).toBe(30_000);
    expect(errorOf(429, openAi({ message: 'Please try again in 120ms.' })).retryAfterMs).toBe(120);
    expect(errorOf(429, openAi({ message: 'Try later.' })).retryAfterMs).toBeUndefined();
  });

  it('has its words passed on, and others have theirs put into its shape', () => {
    const body = openAi({ message: 'exactly so', extra: 1 });
    expect(RESPONSES.writeError(errorOf(400, body))).toEqual(JSON.parse(body));
    const own = new LlmFailure('invalid', 'model must be a string', { status: 400, param: 'model' });
    expect(RESPONSES.writeError(own)).toEqual({
      error: { message: 'model must be a string', type: 'invalid_request_error', param: 'model', code: null },
    });
  });
});

describe('the observer of a stream that goes on unchanged', () => {
  it.each(['stream-mcp.jsonl', 'stream-agent.jsonl', 'stream-incomplete.jsonl'])(
    'sees of %s what its reader does',
    (name) => {
      const golden = goldenEvents(name);
      const read = buildAnswer(readEvents(golden));
      for (const hasNames of [true, false]) {
        const observer = RESPONSES.observer();
        const seen = golden.map((event) => {
          const data = Buffer.from(JSON.stringify(event));
          const { hasContent, isComplete } = observer.event(hasNames ? event['type'] : undefined, data);
          return `${hasContent} ${isComplete}`;
        });
        expect(seen.slice(0, 2)).toEqual(['false false', 'false false']);
        expect(new Set(seen.slice(2, -1))).toEqual(new Set(['true false']));
        expect(seen.at(-1)).toBe('true true');
        const { usage, stop, failure } = observer.event('', Buffer.from('{}'));
        expect({ usage, stop, failure }).toEqual({ usage: read.usage, stop: read.stop, failure: undefined });
      }
      const whole = RESPONSES.observer().whole(Buffer.from(JSON.stringify(golden.at(-1)!['response'])));
      expect(whole).toMatchObject({ isComplete: true, usage: read.usage, stop: read.stop });
    },
  );

  it('sees failures, and takes no text for an event', () => {
    const observer = RESPONSES.observer();
    const text = { delta: '"type":"response.completed"', type: 'response.output_text.delta' };
    expect(observer.event(undefined, Buffer.from(JSON.stringify(text)))).toMatchObject({
      isComplete: false,
      hasContent: true,
    });
    const error = { type: 'error', error: { code: 'insufficient_quota', message: 'No money.' } };
    const seen = observer.event(undefined, Buffer.from(JSON.stringify(error)));
    expect(seen.failure?.kind).toBe('quota');
    expect(seen.isComplete).toBe(false);
    expect(RESPONSES.observer().whole(Buffer.from('<html>')).isComplete).toBe(false);
  });

  it('has an event for a failure of the gateway’s own', () => {
    const bytes = RESPONSES.failEvent(new LlmFailure('cut', 'it broke off', { status: 502 })).toString();
    expect(bytes).toMatch(/^event: error\ndata: \{"type":"error"/);
    expect(bytes).toContain('event: response.failed\ndata: {"type":"response.failed"');
    expect(bytes).toContain('"error":{"code":"server_error","message":"it broke off"}');
  });
});
