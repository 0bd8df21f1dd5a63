import { describe, expect, test } from 'vitest';
import { emptyRequest } from '../../../../test/support/llm/answer-facts.ts';
import { Dropped } from '../../conversation/dropped.ts';
import type { JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest, Turn } from '../../conversation/request.ts';
import { GEMINI } from './format.ts';

function write(request: Partial<ModelRequest>): { body: JsonObject; dropped: readonly string[] } {
  const dropped = new Dropped();
  const body = GEMINI.writeRequest({ ...emptyRequest(), model: 'gemini-2.5-flash', ...request }, dropped);
  return { body: JSON.parse(JSON.stringify(body)) as JsonObject, dropped: dropped.names };
}

const user = (...parts: Part[]): Turn => ({ role: 'user', parts });
const assistant = (...parts: Part[]): Turn => ({ role: 'assistant', parts });
const text = (said: string): Part => ({ kind: 'text', text: said });
const call = (id: string, name = 'f'): Part => ({ kind: 'tool-call', id, name, input: '{"a":1}' });
const result = (callId: string, ...content: Part[]): Part => ({ kind: 'tool-result', callId, content });
const config = (request: Partial<ModelRequest>): { config: unknown; dropped: readonly string[] } => {
  const { body, dropped } = write({ turns: [user(text('x'))], ...request });
  return { config: body['generationConfig'], dropped };
};

describe('a request of another format', () => {
  test('results follow their calls by themselves, and have the names of these', () => {
    const { body, dropped } = write({
      turns: [
        user(text('Go.')),
        assistant(text('Yes.'), call('call_1', 'f'), call('call_2', 'g')),
        user(result('call_1', text('one')), text('And?'), {
          ...result('call_2', text('no')),
          isError: true,
        } as Part),
        { role: 'system', parts: [text('Hurry.')] },
      ],
    });
    expect(body['contents']).toEqual([
      { role: 'user', parts: [{ text: 'Go.' }] },
      {
        role: 'model',
        parts: [
          { text: 'Yes.' },
          { functionCall: { id: 'call_1', name: 'f', args: { a: 1 } } },
          { functionCall: { id: 'call_2', name: 'g', args: { a: 1 } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'call_1', name: 'f', response: { output: 'one' } } },
          { functionResponse: { id: 'call_2', name: 'g', response: { error: 'no' } } },
        ],
      },
      { role: 'user', parts: [{ text: 'And?' }, { text: '<system>\nHurry.\n</system>' }] },
    ]);
    expect(dropped).toEqual(['contents.role']);
  });

  test('from version 3 on, a first call without a signature says so', () => {
    const turns = [user(text('x')), assistant(call('a'), call('b')), user(result('a'), result('b'))];
    const { body } = write({ model: 'gemini-3-pro-preview', turns });
    const [, content] = body['contents'] as unknown as { parts: JsonObject[] }[];
    expect(content?.parts.map((part) => part['thoughtSignature'])).toEqual([
      'skip_thought_signature_validator',
      undefined,
    ]);
    expect(JSON.stringify(write({ turns }).body)).not.toContain('skip_thought');
    const sealed: Part = {
      ...call('a'),
      seal: { format: 'gemini', kind: 'signature', value: 'CiQB' },
    } as Part;
    expect(
      write({ model: 'gemini-3-pro-preview', turns: [user(text('x')), assistant(sealed)] }).body,
    ).toMatchObject({
      contents: [{}, { parts: [{ thoughtSignature: 'CiQB' }] }],
    });
  });

  test('thoughts of other providers are told without their seals', () => {
    const foreign: Part = {
      kind: 'thinking',
      text: 'Hm.',
      seal: { format: 'messages', kind: 'signature', value: 'EsEC' },
    };
    const silent: Part = {
      kind: 'thinking',
      text: '',
      seal: { format: 'responses', kind: 'encrypted', value: 'gAAA' },
    };
    const { body, dropped } = write({ turns: [user(text('x')), assistant(silent, foreign, text('y'))] });
    expect(body['contents']).toMatchObject([{}, { parts: [{ text: 'Hm.', thought: true }, { text: 'y' }] }]);
    expect(JSON.stringify(body)).not.toContain('thoughtSignature');
    expect(dropped).toEqual(['contents.parts.thoughtSignature']);
  });

  test('calls of the gateway are calls and results; a conversation begins with the user', () => {
    const called: Part = {
      kind: 'server-call',
      id: 'mcp_1',
      server: 'db',
      name: 'list',
      input: '{}',
      output: [text('t')],
    };
    const { body } = write({ turns: [assistant(called, text('There is t.'))] });
    expect(body['contents']).toEqual([
      { role: 'user', parts: [{ text: 'Continue.' }] },
      { role: 'model', parts: [{ functionCall: { id: 'mcp_1', name: 'list', args: {} } }] },
      {
        role: 'user',
        parts: [{ functionResponse: { id: 'mcp_1', name: 'list', response: { output: 't' } } }],
      },
      { role: 'model', parts: [{ text: 'There is t.' }] },
    ]);
  });

  test('images in results: inside from version 3 on, else beside', () => {
    const image: Part = { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'x' } };
    const turns = [user(text('x')), assistant(call('a')), user(result('a', text('see'), image))];
    expect(write({ model: 'gemini-3-flash', turns }).body).toMatchObject({
      contents: [
        {},
        {},
        { parts: [{ functionResponse: { response: { output: 'see' }, parts: [{ inlineData: {} }] } }] },
      ],
    });
    expect(write({ turns }).body).toMatchObject({
      contents: [
        {},
        {},
        { parts: [{ functionResponse: { name: 'f' } }] },
        { parts: [{ inlineData: { data: 'x' } }] },
      ],
    });
  });

  test('schemas: the API’s own where it says all, else as they are', () => {
    const own = {
      type: 'object',
      properties: { a: { type: ['string', 'null'], format: 'date-time' } },
      required: ['a'],
    };
    const rich = {
      type: 'object',
      properties: { a: { type: 'string', format: 'uri' } },
      additionalProperties: false,
    };
    const { body, dropped } = write({
      turns: [user(text('x'))],
      tools: [
        { kind: 'function', name: 'own', schema: own },
        { kind: 'function', name: 'rich', schema: rich, strict: true },
        { kind: 'function', name: 'empty', schema: { type: 'object', properties: {} } },
        { kind: 'function', name: 'none', schema: undefined },
        { kind: 'function', name: '1 bad/name', schema: undefined },
        { kind: 'foreign', format: 'messages', value: { type: 'web_search_20250305', name: 'web_search' } },
      ],
    });
    expect(body['tools']).toEqual([
      {
        functionDeclarations: [
          {
            name: 'own',
            parameters: {
              type: 'OBJECT',
              properties: { a: { type: 'STRING', nullable: true, format: 'date-time' } },
              required: ['a'],
            },
          },
          { name: 'rich', parametersJsonSchema: rich },
          { name: 'empty', parametersJsonSchema: { type: 'object', properties: {} } },
          { name: 'none' },
          { name: 't_1_bad_name' },
        ],
      },
    ]);
    expect(JSON.stringify((body['tools'] as JsonObject[])[0])).toContain(JSON.stringify(rich));
    expect(dropped).toEqual(['tools.strict', 'tools.web_search_20250305']);
  });

  test('a name that had to change is changed back in the answer', () => {
    const request = {
      ...emptyRequest(),
      tools: [{ kind: 'function' as const, name: 'echo', namespace: 'mcp gw', schema: undefined }],
    };
    const restore = GEMINI.restorer(request);
    expect(
      restore?.({ kind: 'part-start', at: 0, part: { kind: 'tool-call', id: 'a', name: 'mcp_gw__echo' } }),
    ).toMatchObject([{ part: { name: 'echo', namespace: 'mcp gw' } }]);
  });

  test('files: by address with their type, by text; those of others stay out', () => {
    const url = (kind: 'image' | 'document', address: string): Part => ({
      kind,
      source: { kind: 'url', url: address },
    });
    const { body, dropped } = write({
      turns: [
        user(
          url('image', 'https://a/b.webp?x=1'),
          url('image', 'https://a/b'),
          url('document', 'https://a/b.csv'),
          { kind: 'document', name: 'n', source: { kind: 'text', text: 'hi' } },
          { kind: 'image', source: { kind: 'file', id: 'f', format: 'messages' } },
        ),
      ],
    });
    expect(body['contents']).toEqual([
      {
        role: 'user',
        parts: [
          { fileData: { mimeType: 'image/webp', fileUri: 'https://a/b.webp?x=1' } },
          { fileData: { mimeType: 'image/jpeg', fileUri: 'https://a/b' } },
          { fileData: { mimeType: 'text/csv', fileUri: 'https://a/b.csv' } },
          { inlineData: { mimeType: 'text/plain', data: 'aGk=' } },
        ],
      },
    ]);
    expect(dropped).toEqual(['contents.parts.name', 'contents.parts.image']);
  });

  test('a server with limits is not offered without them', () => {
    const server = {
      kind: 'servers' as const,
      label: 'db',
      url: 'https://db',
      approved: 'all' as const,
      format: 'messages' as const,
      value: {},
    };
    const limited = write({ turns: [user(text('x'))], tools: [{ ...server, allowed: ['a'] }] });
    expect(limited.body['tools']).toBeUndefined();
    expect(limited.dropped).toEqual(['tools.mcp']);
    const free = write({
      turns: [user(text('x'))],
      tools: [{ ...server, allowed: undefined, value: { authorization: 't' } }],
    });
    expect(free.body['tools']).toEqual([
      {
        mcpServers: [
          {
            name: 'db',
            streamableHttpTransport: { url: 'https://db', headers: { Authorization: 'Bearer t' } },
          },
        ],
      },
    ]);
  });

  test.each<[string, Partial<ModelRequest>, unknown, readonly string[]]>([
    [
      'effort is a budget for 2.5',
      { reasoning: { effort: 'low' } },
      { thinkingConfig: { thinkingBudget: 1024 } },
      [],
    ],
    [
      'a budget keeps to the model',
      { model: 'gemini-2.5-pro', reasoning: { budgetTokens: 90_000, includeThoughts: true } },
      { thinkingConfig: { thinkingBudget: 32_768, includeThoughts: true } },
      [],
    ],
    [
      '2.5 Pro cannot be kept from thinking',
      { model: 'gemini-2.5-pro', reasoning: { isOff: true } },
      { thinkingConfig: { thinkingBudget: 128 } },
      ['reasoning'],
    ],
    [
      'adaptive is dynamic',
      { reasoning: { isAdaptive: true } },
      { thinkingConfig: { thinkingBudget: -1 } },
      [],
    ],
    [
      'effort is a level for 3',
      { model: 'gemini-3.1-pro-preview', reasoning: { effort: 'xhigh', summary: 'auto' } },
      { thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true } },
      [],
    ],
    [
      '3 Pro has no medium',
      { model: 'gemini-3-pro-preview', reasoning: { effort: 'medium' } },
      { thinkingConfig: { thinkingLevel: 'HIGH' } },
      [],
    ],
    [
      'no thinking is the least level',
      { model: 'gemini-3-flash-preview', reasoning: { effort: 'none' } },
      { thinkingConfig: { thinkingLevel: 'MINIMAL' } },
      [],
    ],
    [
      'or the least there is',
      { model: 'gemini-3.8-flash', reasoning: { isOff: true } },
      { thinkingConfig: { thinkingLevel: 'LOW' } },
      ['reasoning'],
    ],
    [
      'a budget for 3 is one',
      { model: 'gemini-3-flash', reasoning: { budgetTokens: 2000 } },
      { thinkingConfig: { thinkingBudget: 2000 } },
      [],
    ],
    [
      'older models do not think',
      { model: 'gemini-2.0-flash', reasoning: { effort: 'high' } },
      undefined,
      ['reasoning'],
    ],
    [
      'at most five stop sequences',
      { sampling: { stop: ['1', '2', '3', '4', '5', '6'] } },
      { stopSequences: ['1', '2', '3', '4', '5'] },
      ['stop'],
    ],
    ['any JSON', { output: { kind: 'json' } }, { responseMimeType: 'application/json' }, []],
    [
      'a schema that the API’s own cannot say',
      { output: { kind: 'schema', schema: { type: 'object', additionalProperties: false } } },
      {
        responseMimeType: 'application/json',
        responseJsonSchema: { type: 'object', additionalProperties: false },
      },
      [],
    ],
    [
      'what the format lacks is reported',
      {
        parallelToolCalls: false,
        verbosity: 'low',
        user: 'u',
        metadata: { a: 'b' },
        cacheKey: 'k',
        serviceTier: 'scale',
        extras: { format: 'chat', members: { prediction: {} } },
      },
      undefined,
      [
        'prediction',
        'service_tier',
        'parallel_tool_calls',
        'verbosity',
        'user',
        'prompt_cache_key',
        'metadata',
      ],
    ],
    [
      'cache marks are reported',
      { system: [{ kind: 'text', text: 's', cache: { ttl: '5m' } }] },
      undefined,
      ['cache_control'],
    ],
  ])('%s', (_name, request, expected, dropped) => {
    expect(config(request)).toEqual({ config: expected, dropped });
  });
});
