import { describe, expect, it } from 'vitest';
import { type Loose, readEvents } from '../../../../test/support/responses-wire.ts';
import type { AnswerEvent } from '../../conversation/answer.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
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
      buildAnswer(RESPONSES.readAnswer({ id: 'resp_1', output, ...response })).stop.kind;
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
