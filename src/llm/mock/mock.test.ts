import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AnswerEvent } from '../conversation/answer.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';
import type { FunctionTool, ModelRequest, ToolChoice } from '../conversation/request.ts';
import { chooseTool } from './choose-tool.ts';
import { fillSchema } from './fill-schema.ts';
import { mockAnswer } from './mock-answer.ts';
import { mockTurn } from './mock-turn.ts';
import { readScript } from './script.ts';

const tool = (name: string, description = '', schema: JsonObject = { type: 'object' }): FunctionTool => ({
  kind: 'function',
  name,
  description,
  schema,
});
const TOOLS = [
  tool('db-list_schemas', 'List all schemas in the database'),
  tool('db-execute_sql', 'Execute any SQL query', {
    type: 'object',
    properties: { sql: { type: 'string' } },
    required: ['sql'],
  }),
  tool('mail-sendMessage', 'Sends an e-mail to somebody'),
];

function request(words: string, more: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: 'm',
    isStream: true,
    system: [{ kind: 'text', text: 'Be kind' }],
    turns: [{ role: 'user', parts: [{ kind: 'text', text: words }] }],
    tools: [],
    sampling: {},
    ...more,
  };
}

describe('the tool that a mock calls', () => {
  test.each([
    ['List all the schemas, please', 'db-list_schemas'],
    ['list schemas', 'db-list_schemas'],
    ['Execute this SQL query', 'db-execute_sql'],
    ['send a message', 'mail-sendMessage'],
    ['Tell me a joke', undefined],
    ['What is the weather in Paris tomorrow?', undefined],
    ['', undefined],
  ])('for "%s" is %s', (words, name) => {
    expect(chooseTool(request(words, { tools: TOOLS }), words)?.name).toBe(name);
  });

  test.each<[ToolChoice, string, string | undefined]>([
    [{ kind: 'none' }, 'list schemas', undefined],
    [{ kind: 'tool', name: 'mail-sendMessage' }, 'list schemas', 'mail-sendMessage'],
    [{ kind: 'tool', name: 'gone' }, 'list schemas', undefined],
    [{ kind: 'required' }, 'Tell me a joke', 'db-list_schemas'],
    [{ kind: 'allowed', mode: 'auto', names: ['db-execute_sql'] }, 'list schemas', undefined],
    [{ kind: 'allowed', mode: 'required', names: ['db-execute_sql'] }, 'list schemas', 'db-execute_sql'],
  ])('with %o for "%s" is %s', (toolChoice, words, name) => {
    expect(chooseTool(request(words, { tools: TOOLS, toolChoice }), words)?.name).toBe(name);
  });
});

describe('arguments', () => {
  test.each<[JsonObject | undefined, unknown]>([
    [undefined, {}],
    [{ type: 'object', properties: { a: { type: 'string' } } }, {}],
    [
      {
        type: 'object',
        properties: { a: { type: 'integer' }, b: { type: ['null', 'boolean'] }, c: { enum: ['x', 'y'] } },
        required: ['a', 'b', 'c', 'unknown'],
      },
      { a: 1, b: false, c: 'x', unknown: 'hi there' },
    ],
    [{ type: 'string', maxLength: 2 }, 'hi'],
    [{ type: 'string', minLength: 10 }, 'hi there--'],
    [{ type: 'string', default: 'd' }, 'd'],
    [{ const: 7 }, 7],
    [{ type: 'integer', minimum: 5 }, 5],
    [{ type: 'integer', maximum: -3 }, -3],
    [{ type: 'integer', exclusiveMinimum: 1 }, 2],
    [{ type: 'number', exclusiveMaximum: 1, minimum: 0 }, 0.5],
    [{ type: 'array', items: { type: 'boolean' }, minItems: 2 }, [false, false]],
    [{ anyOf: [{ type: 'null' }, { type: 'string' }] }, null],
    [{ $ref: '#/$defs/a~1b', $defs: { 'a/b': { type: 'boolean' } } }, false],
  ])('for %o are %o', (schema, value) => {
    expect(fillSchema(schema, 'hi there')).toEqual(value);
  });

  test('of a schema that refers to itself end', () => {
    const schema: JsonObject = {
      type: 'object',
      properties: { next: { $ref: '#' } },
      required: ['next'],
      $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } }, required: ['next'] } },
      $ref: '#/$defs/node',
    };
    expect(JSON.stringify(fillSchema(schema, 'x')).length).toBeLessThan(200);
  });
});

describe('a script', () => {
  test.each([
    [undefined, { text: 'This is a mock response', isGiven: false }],
    [true, { text: 'This is a mock response', isGiven: false }],
    ['Hi', { text: 'Hi', isGiven: true }],
    ['litellm.RateLimitError', { error: { status: 429 } }],
    ['litellm.ContextWindowExceededError', { error: { status: 400 } }],
    [
      { text: 'Hi', cut_after: 1 },
      { text: 'Hi', cut_after: 1, isGiven: true },
    ],
    [{ delay_ms: 5 }, { text: 'This is a mock response', isGiven: false, delay_ms: 5 }],
  ])('%o is %o', (value, expected) => {
    expect(readScript(value)).toMatchObject(expected);
  });

  test.each([
    [{ txt: 'Hi' }, 'mock_response'],
    [{ error: { status: 200 } }, 'mock_response.error.status'],
    [5, 'mock_response'],
  ])('%o is refused at %s', (value, param) => {
    expect(() => readScript(value)).toThrow(expect.objectContaining({ kind: 'invalid', status: 400, param }));
  });
});

function answer(script: unknown, asked = request('Hello you')): { events: AnswerEvent[]; end: string } {
  const { steps, end } = mockAnswer(asked, readScript(script), 'mock-0123456789abcdef', 1);
  return { events: steps.flatMap(({ events }) => events), end };
}

const textOf = (events: readonly AnswerEvent[]): string =>
  events.map((event) => (event.kind === 'text' ? event.text : '')).join('');

describe('an answer', () => {
  test('says the text, its usage and an end, the same every time', () => {
    const first = answer('One  two\nthree ');
    expect(textOf(first.events)).toBe('One  two\nthree ');
    expect(first.events.slice(-3)).toEqual([
      { kind: 'stop', stop: { kind: 'end' } },
      { kind: 'usage', usage: expect.objectContaining({ input: 4, output: 4 }) as unknown },
      { kind: 'end' },
    ]);
    expect(first.end).toBe('whole');
    expect(answer('One  two\nthree ')).toEqual(first);
  });

  test('calls the tool that is asked for, and then answers with its result', () => {
    const asked = request('list the schemas', { tools: TOOLS });
    const { events } = answer(true, asked);
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'part-start',
        part: expect.objectContaining({ name: 'db-list_schemas' }) as unknown,
      }),
    );
    expect(events).toContainEqual({ kind: 'stop', stop: { kind: 'tool-calls' } });
    const result = {
      kind: 'tool-result' as const,
      callId: 'call_1',
      content: [{ kind: 'text' as const, text: 'public, shop' }],
      isError: false,
    };
    const next = answer(true, { ...asked, turns: [...asked.turns, { role: 'user', parts: [result] }] });
    expect(textOf(next.events)).toBe('public, shop');
  });

  test('with a text of its own, or no_tools, calls none', () => {
    const asked = request('list the schemas', { tools: TOOLS });
    for (const script of ['Hi', { no_tools: true }])
      expect(answer(script, asked).events.some(({ kind }) => kind === 'input')).toBe(false);
  });

  test.each([
    [{ text: 'a b c', cut_after: 2 }, 'a b', 'cut'],
    [{ text: 'a b c', cut_after: 3 }, 'a b c', 'cut'],
    [{ text: 'a b c', cut_after: 4 }, 'a b c', 'whole'],
    [{ text: 'a b c', stall_after: 0 }, '', 'stall'],
  ])('%o says "%s" and ends: %s', (script, text, end) => {
    const { events, end: ended } = answer(script);
    expect(textOf(events)).toBe(text);
    expect(ended).toBe(end);
    expect(events.some(({ kind }) => kind === 'stop')).toBe(end === 'whole');
  });

  test('may break off in the midst of the arguments of a call', () => {
    const calls = [{ name: 'look', arguments: { name: 'x' } }];
    const { events, end } = answer({ tool_calls: calls, cut_after: 0 });
    expect(events.at(-1)).toEqual({ kind: 'input', at: 0, text: '{"name' });
    expect(end).toBe('cut');
    expect(answer({ tool_calls: [...calls, ...calls], cut_after: 1 }).events.at(-1)).toMatchObject({ at: 1 });
  });

  test.each([
    [{ error: { status: 429, retry_after_s: 2 } }, 'rate-limit', 2_000],
    [{ error: { status: 500 } }, 'upstream', undefined],
    [{ error: { status: 401 } }, 'auth', undefined],
    [{ error: { status: 400, message: 'content_policy violated' } }, 'content-policy', undefined],
    ['litellm.ContextWindowExceededError', 'context-length', undefined],
  ])('%o fails: %s', (script, kind, retryAfterMs) => {
    expect(() => answer(script)).toThrow(expect.objectContaining({ kind, retryAfterMs }));
  });
});

describe('a turn', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function run(script: unknown) {
    const heard: string[] = [];
    const handle = mockTurn(
      request('Hello'),
      readScript(script),
      {
        onEvents: (events) =>
          heard.push(...events.map((event) => (event.kind === 'text' ? event.text : event.kind))),
        onEnd: () => heard.push('END'),
        onFailure: (failure) => heard.push(`FAILED ${failure.kind}`),
      },
      { id: 'mock-1', createdAt: 1 },
    );
    return { heard, handle };
  }

  test('comes at once, but never before it was asked for', () => {
    const { heard } = run('a b');
    expect(heard).toEqual([]);
    vi.runAllTimers();
    expect(heard).toEqual(['start', 'part-start', 'a', ' b', 'part-end', 'stop', 'usage', 'end', 'END']);
  });

  test('keeps its pace and its delay', () => {
    const { heard } = run({ text: 'a b c', delay_ms: 500, tokens_per_second: 10 });
    vi.advanceTimersByTime(499);
    expect(heard).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(heard).toEqual(['start', 'part-start']);
    vi.advanceTimersByTime(200);
    expect(heard.slice(2)).toEqual(['a', ' b']);
    vi.advanceTimersByTime(1_000);
    expect(heard.at(-1)).toBe('END');
  });

  test('waits while it is paused', () => {
    const { heard, handle } = run({ text: 'a b c', tokens_per_second: 10 });
    vi.advanceTimersByTime(100);
    handle.pause();
    vi.advanceTimersByTime(10_000);
    const before = heard.length;
    vi.advanceTimersByTime(10_000);
    expect(heard).toHaveLength(before);
    expect(heard).not.toContain(' c');
    handle.resume();
    vi.advanceTimersByTime(10_000);
    expect(heard.at(-1)).toBe('END');
    expect(heard.filter((one) => one === ' b')).toHaveLength(1);
  });

  test('that is cut fails, that stalls says nothing more, that is given up neither', () => {
    const cut = run({ text: 'a b', cut_after: 1 });
    const stalled = run({ text: 'a b', stall_after: 1 });
    const left = run({ text: 'a b', delay_ms: 100 });
    const failed = run({ error: { status: 503 }, delay_ms: 100 });
    left.handle.abort();
    vi.advanceTimersByTime(99);
    expect(failed.heard).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(cut.heard).toEqual(['start', 'part-start', 'a', 'FAILED cut']);
    expect(stalled.heard).toEqual(['start', 'part-start', 'a']);
    expect(left.heard).toEqual([]);
    expect(failed.heard).toEqual(['FAILED upstream']);
  });
});

test('the failure of a script is one that a client can be told of', () => {
  expect(() => answer({ error: { status: 418, message: 'tea' } })).toThrow(LlmFailure);
});
