import { describe, expect, test } from 'vitest';
import { emptyRequest } from '../../../../test/support/llm/answer-facts.ts';
import { Dropped } from '../../conversation/dropped.ts';
import type { Json, JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest } from '../../conversation/request.ts';
import { MESSAGES } from './format.ts';

function write(request: Partial<ModelRequest>): { body: JsonObject; dropped: readonly string[] } {
  const dropped = new Dropped();
  const body = MESSAGES.writeRequest({ ...emptyRequest(), ...request }, dropped);
  return { body: JSON.parse(JSON.stringify(body)) as JsonObject, dropped: dropped.names };
}

const user = (...parts: Part[]): ModelRequest['turns'][number] => ({ role: 'user', parts });
const assistant = (...parts: Part[]): ModelRequest['turns'][number] => ({ role: 'assistant', parts });
const text = (said: string): Part => ({ kind: 'text', text: said });
const SIGNED: Part = {
  kind: 'thinking',
  text: 'Hm.',
  seal: { format: 'messages', kind: 'signature', value: 'EsEC' },
};

describe('a request of another format', () => {
  test('max_tokens is always there, as the model allows', () => {
    const turns = [user(text('Hi'))];
    expect(write({ model: 'claude-3-opus-20240229', turns }).body['max_tokens']).toBe(4096);
    expect(write({ model: 'claude-3-5-sonnet-latest', turns }).body['max_tokens']).toBe(8192);
    expect(write({ model: 'claude-sonnet-4-20250514', turns }).body['max_tokens']).toBe(32_000);
    expect(write({ model: 'some-other', turns }).body['max_tokens']).toBe(8192);
    expect(write({ model: 'some-other', turns, sampling: { maxTokens: 7 } }).body['max_tokens']).toBe(7);
  });

  test('roles alternate, results come first after their calls, a system turn is told by the user', () => {
    const call: Part = { kind: 'tool-call', id: 'call_1', name: 'f', input: '{"n":12345678901234567890}' };
    const { body, dropped } = write({
      turns: [
        assistant(text('Hello.')),
        user(text('Go.')),
        assistant(call),
        { role: 'system', parts: [text('Hurry.')] },
        user(text('And?')),
        user({ kind: 'tool-result', callId: 'call_1', content: [text('ok')] }),
        assistant(text('Fine. ')),
      ],
    });
    expect(body['messages']).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Continue.' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Hello.' }] },
      { role: 'user', content: [{ type: 'text', text: 'Go.' }] },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'call_1', name: 'f', input: { n: Number('12345678901234567890') } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: 'ok' }] },
          { type: 'text', text: '<system>\nHurry.\n</system>' },
          { type: 'text', text: 'And?' },
        ],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'Fine.' }] },
    ]);
    expect(dropped).toEqual(['messages.role']);
    expect(
      JSON.stringify(MESSAGES.writeRequest({ ...emptyRequest(), turns: [assistant(call)] }, new Dropped())),
    ).toContain('"input":{"n":12345678901234567890}');
  });

  test('thoughts come first; those of other providers stay out, and are reported', () => {
    const foreign: Part = {
      kind: 'thinking',
      text: 'Hm?',
      seal: { format: 'responses', kind: 'encrypted', value: 'x' },
    };
    const { body, dropped } = write({
      turns: [user(text('a')), assistant(text('b'), foreign, SIGNED), user(text('c'))],
    });
    expect(body['messages']).toMatchObject([
      {},
      {
        content: [
          { type: 'thinking', thinking: 'Hm.', signature: 'EsEC' },
          { type: 'text', text: 'b' },
        ],
      },
      {},
    ]);
    expect(dropped).toEqual(['messages.content.thinking']);
  });

  test('calls of the gateway are calls and results', () => {
    const called: Part = {
      kind: 'server-call',
      id: 'mcp_1',
      server: 'db',
      name: 'list',
      input: '{}',
      output: [text('t')],
    };
    const { body } = write({
      turns: [user(text('a')), assistant(text('I look.'), called, text('There is t.')), user(text('c'))],
    });
    expect(body['messages']).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'a' }] },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: 'mcp_1', name: 'list', input: {} },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'mcp_1', content: [{ type: 'text', text: 't' }] }],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'There is t.' }] },
      { role: 'user', content: [{ type: 'text', text: 'c' }] },
    ]);
  });

  test.each<[string, Partial<ModelRequest>, JsonObject, readonly string[]]>([
    [
      'effort becomes a budget',
      { model: 'claude-sonnet-4-5', reasoning: { effort: 'low' } },
      { thinking: { type: 'enabled', budget_tokens: 4096 }, max_tokens: 32_000 },
      [],
    ],
    [
      'a budget stays below max_tokens',
      { model: 'claude-sonnet-4-5', reasoning: { budgetTokens: 9000 }, sampling: { maxTokens: 4000 } },
      { thinking: { type: 'enabled', budget_tokens: 3999 }, max_tokens: 4000 },
      [],
    ],
    [
      'a budget leaves room for an answer within what the model gives',
      { model: 'claude-opus-4-1', reasoning: { effort: 'high' } },
      { thinking: { type: 'enabled', budget_tokens: 23_808 }, max_tokens: 32_000 },
      [],
    ],
    [
      'more room where the model has it',
      { model: 'claude-sonnet-4-5', reasoning: { effort: 'max' } },
      { thinking: { type: 'enabled', budget_tokens: 49_152 }, max_tokens: 57_344 },
      [],
    ],
    [
      'too few tokens for thinking',
      { model: 'claude-sonnet-4-5', reasoning: { effort: 'high' }, sampling: { maxTokens: 500 } },
      { thinking: undefined, max_tokens: 500 },
      ['reasoning'],
    ],
    [
      'newer models decide themselves',
      { model: 'claude-opus-4-6', reasoning: { effort: 'minimal', summary: 'auto' } },
      { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'low' } },
      [],
    ],
    [
      'a budget is an effort for newer models',
      { model: 'claude-opus-5', reasoning: { budgetTokens: 20_000 } },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } },
      [],
    ],
    [
      'no thinking',
      { model: 'claude-opus-5', reasoning: { effort: 'none' } },
      { thinking: { type: 'disabled' }, output_config: undefined },
      [],
    ],
    [
      'thinking fixes the temperature',
      {
        model: 'claude-sonnet-4-5',
        reasoning: { effort: 'low' },
        sampling: { temperature: 0.2, topK: 5, topP: 0.5 },
      },
      { temperature: undefined, top_k: undefined, top_p: undefined },
      ['temperature', 'top_k', 'top_p'],
    ],
    ['temperature is at most 1', { sampling: { temperature: 1.7 } }, { temperature: 1 }, ['temperature']],
    [
      'one of temperature and top_p',
      { model: 'claude-sonnet-4-5', sampling: { temperature: 0.5, topP: 0.9 } },
      { temperature: 0.5, top_p: undefined },
      ['top_p'],
    ],
    [
      'newer models take no sampling',
      { model: 'claude-opus-4-7', sampling: { temperature: 1, topP: 1, topK: 3 } },
      { temperature: undefined, top_p: undefined, top_k: undefined },
      ['top_k'],
    ],
    [
      'a forced call excludes thinking',
      {
        model: 'claude-sonnet-4-5',
        reasoning: { effort: 'low' },
        tools: [{ kind: 'function', name: 'f', schema: undefined }],
        toolChoice: { kind: 'required' },
      },
      { thinking: undefined, tool_choice: { type: 'any' } },
      ['reasoning'],
    ],
    [
      'blank stop sequences stay out',
      { sampling: { stop: ['\n', 'END'] } },
      { stop_sequences: ['END'] },
      ['stop'],
    ],
    [
      'what the format lacks is reported',
      {
        sampling: { seed: 1, choices: 2, logprobs: { top: 2 }, frequencyPenalty: 1 },
        verbosity: 'low',
        metadata: { a: 'b' },
        extras: { format: 'chat', members: { prediction: {} } },
      },
      {},
      ['prediction', 'seed', 'frequency_penalty', 'n', 'logprobs', 'verbosity', 'metadata'],
    ],
    [
      'a choice among some tools offers only these',
      {
        tools: [
          { kind: 'function', name: 'f', schema: undefined },
          { kind: 'function', name: 'g', schema: undefined },
        ],
        toolChoice: { kind: 'allowed', mode: 'required', names: ['g'] },
      },
      {
        tools: [{ name: 'g', input_schema: { type: 'object', properties: {} } }],
        tool_choice: { type: 'any' },
      },
      [],
    ],
    [
      'no choice without tools',
      { toolChoice: { kind: 'auto' }, parallelToolCalls: false },
      { tool_choice: undefined },
      [],
    ],
    [
      'an answer in any JSON',
      { output: { kind: 'json' } },
      { output_config: undefined },
      ['response_format'],
    ],
  ])('%s', (_name, request, expected, dropped) => {
    const written = write({ turns: [user(text('Hi'))], ...request });
    for (const [name, value] of Object.entries(expected)) expect(written.body[name]).toEqual(value);
    expect(written.dropped).toEqual(dropped);
  });

  test('a model that cannot think is not asked to', () => {
    const model = 'claude-3-5-haiku-20241022';
    const asked = write({ model, turns: [user(text('Hi'))], reasoning: { effort: 'high' } });
    expect(asked.body).not.toHaveProperty('thinking');
    expect(asked.dropped).toEqual(['reasoning']);
    const off = write({ model, turns: [user(text('Hi'))], reasoning: { isOff: true } });
    expect(off.body).not.toHaveProperty('thinking');
    expect(off.dropped).toEqual([]);
  });

  test('thinking is off between a call and its result when no sealed thought began the turn', () => {
    const call: Part = { kind: 'tool-call', id: 'a', name: 'f', input: '{}' };
    const result: Part = { kind: 'tool-result', callId: 'a', content: [] };
    const request = { model: 'claude-sonnet-4-5', reasoning: { effort: 'low' } };
    const unsealed = write({ ...request, turns: [user(text('x')), assistant(call), user(result)] });
    expect(unsealed.body['thinking']).toBeUndefined();
    expect(unsealed.dropped).toEqual(['reasoning']);
    const sealed = write({ ...request, turns: [user(text('x')), assistant(SIGNED, call), user(result)] });
    expect(sealed.body['thinking']).toMatchObject({ type: 'enabled' });
  });

  test('the schema of an answer loses what the provider would refuse', () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer', minimum: 1 }, minimum: { type: 'string' } },
      required: ['n'],
    };
    const { body, dropped } = write({ turns: [user(text('x'))], output: { kind: 'schema', schema } });
    expect(body['output_config']).toEqual({
      format: {
        type: 'json_schema',
        schema: {
          type: 'object',
          properties: { n: { type: 'integer' }, minimum: { type: 'string' } },
          required: ['n'],
          additionalProperties: false,
        },
      },
    });
    expect(dropped).toEqual(['response_format.schema.minimum']);
  });

  test('files of any kind: PDF, text, and what cannot be said', () => {
    const base64 = (mediaType: string): Part => ({
      kind: 'document',
      name: 'n',
      source: { kind: 'base64', mediaType, data: 'aGk=' },
    });
    const { body, dropped } = write({
      turns: [
        user(
          base64('application/pdf'),
          base64('text/csv'),
          base64('application/msword'),
          { kind: 'document', source: { kind: 'file', id: 'file_1', format: 'responses' } },
          { kind: 'audio', source: { kind: 'base64', mediaType: 'audio/wav', data: '' } },
          { kind: 'image', source: { kind: 'file', id: 'f', format: 'chat' } },
        ),
      ],
    });
    expect(body['messages']).toMatchObject([
      {
        content: [
          { type: 'document', title: 'n', source: { type: 'base64', media_type: 'application/pdf' } },
          { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'hi' } },
        ],
      },
    ]);
    expect(dropped).toEqual([
      'messages.content.document',
      'messages.content.audio',
      'messages.content.image',
    ]);
  });

  test('ids that the provider refuses agree with each other', () => {
    const id = 'functions.bash:0';
    const { body } = write({
      turns: [
        user(text('x')),
        assistant({ kind: 'tool-call', id, name: 'bash', input: '{}' }),
        user({ kind: 'tool-result', callId: id, content: [] }),
      ],
    });
    const [, call, result] = body['messages'] as unknown as { content: Record<string, string>[] }[];
    expect(call?.content[0]?.['id']).toMatch(/^[\w-]+$/);
    expect(result?.content[0]?.['tool_use_id']).toBe(call?.content[0]?.['id']);
  });

  test('schemas have an object at their root', () => {
    const schema = (value: JsonObject): Json | undefined => {
      const { body } = write({
        turns: [user(text('x'))],
        tools: [{ kind: 'function', name: 'f', schema: value }],
      });
      return (body['tools'] as unknown as { input_schema: Json }[])[0]?.input_schema;
    };
    const plain = { type: 'object', properties: { b: {}, a: {} }, $defs: { x: {} } };
    expect(JSON.stringify(schema(plain))).toBe(JSON.stringify(plain));
    expect(
      schema({
        anyOf: [
          { properties: { a: { type: 'string' } }, required: ['a', 'c'] },
          { properties: { b: {} }, required: ['c'] },
        ],
      }),
    ).toEqual({
      type: 'object',
      properties: { a: { type: 'string' }, b: {} },
      required: ['c'],
    });
  });
});
