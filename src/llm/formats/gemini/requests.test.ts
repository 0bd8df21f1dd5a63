import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Dropped } from '../../conversation/dropped.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest } from '../../conversation/request.ts';
import { countBody, readCount, writeCount } from './count-tokens.ts';
import { GEMINI } from './format.ts';

const GOLDEN = JSON.parse(
  readFileSync(new URL('../../../../test/golden/gemini/request-full.json', import.meta.url), 'utf8'),
) as JsonObject;

const read = (body: JsonObject, model = 'gemini-2.5-pro'): ModelRequest =>
  GEMINI.readRequest(body, { model, isStream: true });

function write(request: ModelRequest): { body: JsonObject; dropped: readonly string[] } {
  const dropped = new Dropped();
  const body = GEMINI.writeRequest(request, dropped);
  return { body: JSON.parse(JSON.stringify(body)) as JsonObject, dropped: dropped.names };
}

const user = (text: string): JsonObject => ({ role: 'user', parts: [{ text }] });

describe('a request of this format', () => {
  test('read and written, it says the same', () => {
    const { body, dropped } = write(read(GOLDEN));
    expect(dropped).toEqual([]);
    expect(body).toEqual(GOLDEN);
  });

  test('bytes in the alphabet for addresses become standard ones', () => {
    const data = Buffer.from([0xfb, 0xff, 0xfe, 0x01]).toString('base64url');
    const { turns } = read({ contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data } }] }] });
    expect(turns[0]?.parts).toMatchObject([{ kind: 'image', source: { data: '+//+AQ==' } }]);
  });

  test('its parts have their places', () => {
    const request = read(GOLDEN);
    expect(request).toMatchObject({
      model: 'gemini-2.5-pro',
      isStream: true,
      system: [{ text: 'Be kind.' }, { text: 'Be brief.' }],
      toolChoice: { kind: 'allowed', mode: 'required', names: ['weather', 'now'] },
      reasoning: { effort: 'high', includeThoughts: true },
      serviceTier: 'flex',
      sampling: {
        temperature: 1,
        topP: 0.95,
        topK: 64,
        maxTokens: 2048,
        stop: ['END'],
        seed: 7,
        logprobs: { top: 2 },
      },
      output: { kind: 'schema', schema: { type: 'object', properties: { a: { type: 'string' } } } },
    });
    expect(request.turns[0]?.parts.map(({ kind }) => kind)).toEqual([
      'text',
      'image',
      'document',
      'audio',
      'video',
      'image',
      'video',
    ]);
    expect(request.turns[1]?.parts).toMatchObject([
      { kind: 'thinking', text: 'I must look.' },
      { kind: 'text', seal: { format: 'gemini', value: 'CiQB+/9vTextSig==' } },
      {
        kind: 'tool-call',
        id: 'fc-1',
        input: '{"city":"Köln","days":3}',
        seal: { value: 'CiQB+/9vCallSig==' },
      },
      { kind: 'tool-call', id: 'gemini_call_1', name: 'now', input: '{}' },
    ]);
    // Results find their calls by their ids, or by their names in order.
    expect(request.turns[2]?.parts).toMatchObject([
      {
        kind: 'tool-result',
        callId: 'fc-1',
        name: 'weather',
        content: [{ text: '{"temperature":21,"unit":"C"}' }],
      },
      { kind: 'tool-result', callId: 'gemini_call_1', content: [{ text: '12:00' }, { kind: 'image' }] },
      { kind: 'text' },
    ]);
    expect(request.turns[4]?.parts).toMatchObject([
      { kind: 'tool-result', callId: 'gemini_call_2', isError: true, content: [{ text: 'no clock' }] },
    ]);
    expect(request.tools.map(({ kind }) => kind)).toEqual([
      'function',
      'function',
      'function',
      'foreign',
      'foreign',
    ]);
    expect(request.tools[0]).toMatchObject({
      schema: {
        type: 'object',
        properties: {
          city: { type: 'string', description: 'Where' },
          days: { type: ['integer', 'null'], format: 'int32', minimum: 1 },
          kinds: { type: 'array', items: { type: 'string', enum: ['rain', 'sun'] }, minItems: 1 },
        },
        required: ['city'],
      },
    });
  });

  test('names with underscores, as the first clients wrote them', () => {
    const request = read({
      contents: [{ role: 'user', parts: [{ inline_data: { mime_type: 'image/png', data: 'x' } }] }],
      system_instruction: { parts: [{ text: 'a' }] },
      tools: [
        {
          function_declarations: [
            { name: 'f', parameters: { type: 'object', properties: { snake_case: { type: 'STRING' } } } },
          ],
        },
      ],
      tool_config: { function_calling_config: { mode: 'any', allowed_function_names: ['f'] } },
      generation_config: { max_output_tokens: 5, thinking_config: { thinking_budget: 0 } },
    });
    expect(request).toMatchObject({
      system: [{ text: 'a' }],
      turns: [{ parts: [{ kind: 'image', source: { mediaType: 'image/png' } }] }],
      tools: [{ name: 'f', schema: { properties: { snake_case: { type: 'string' } } } }],
      toolChoice: { kind: 'tool', name: 'f' },
      sampling: { maxTokens: 5 },
      reasoning: { isOff: true },
    });
  });

  test('a recorded stream is one turn with whole texts', () => {
    const model = (...parts: JsonObject[]): JsonObject => ({ role: 'model', parts });
    const request = read({
      contents: [
        user('Hi'),
        model({ text: 'Hm', thought: true }),
        model({ text: '.', thought: true }),
        model({ text: '', thought: true, thoughtSignature: 'CiQB' }),
        model({ text: 'Hel' }),
        model({ text: 'lo' }),
        model({
          functionCall: { name: 'f', args: {} },
          thoughtSignature: 'skip_thought_signature_validator',
        }),
        model({ text: '' }),
      ],
    });
    expect(request.turns).toMatchObject([
      {},
      {
        role: 'assistant',
        parts: [
          { kind: 'thinking', text: 'Hm.', seal: { format: 'gemini', kind: 'signature', value: 'CiQB' } },
          { kind: 'text', text: 'Hello' },
          { kind: 'tool-call', name: 'f' },
        ],
      },
    ]);
    expect(request.turns[1]?.parts[2]).not.toHaveProperty('seal');
  });

  test.each([
    [{ thinkingBudget: -1 }, { isAdaptive: true }],
    [{ thinkingBudget: 0 }, { isOff: true }],
    [
      { thinkingBudget: 900, includeThoughts: false },
      { budgetTokens: 900, includeThoughts: false },
    ],
    [{ thinkingLevel: 'LOW' }, { effort: 'low' }],
  ])('thinkingConfig %j survives', (thinkingConfig, reasoning) => {
    const request = read({ contents: [user('x')], generationConfig: { thinkingConfig } });
    expect(request.reasoning).toMatchObject(reasoning);
    expect(write(request).body['generationConfig']).toEqual({ thinkingConfig });
  });

  test.each([
    [{ functionCallingConfig: { mode: 'AUTO' } }, { kind: 'auto' }],
    [{ functionCallingConfig: { mode: 'NONE' } }, { kind: 'none' }],
    [{ functionCallingConfig: { mode: 'ANY' } }, { kind: 'required' }],
    [
      { functionCallingConfig: { mode: 'VALIDATED', allowedFunctionNames: ['f'] } },
      { kind: 'allowed', mode: 'auto' },
    ],
    [{ functionCallingConfig: { mode: 'VALIDATED' } }, { kind: 'auto' }],
    [{ functionCallingConfig: { mode: 'AUTO', streamFunctionCallArguments: true } }, { kind: 'auto' }],
  ])('toolConfig %j survives', (toolConfig: JsonObject, choice) => {
    const tools = [{ functionDeclarations: [{ name: 'f' }] }];
    const request = read({ contents: [user('x')], tools, toolConfig });
    expect(request.toolChoice).toMatchObject(choice);
    expect(write(request).body['toolConfig']).toEqual(toolConfig);
  });

  test('schemas with types in upper case become proper ones', () => {
    const responseJsonSchema = {
      type: 'OBJECT',
      properties: { a: { type: 'STRING', nullable: true } },
      additionalProperties: false,
    };
    const request = read({
      contents: [user('x')],
      generationConfig: { responseMimeType: 'application/json', responseJsonSchema },
    });
    expect(request.output).toEqual({
      kind: 'schema',
      schema: {
        type: 'object',
        properties: { a: { type: ['string', 'null'] } },
        additionalProperties: false,
      },
    });
  });

  test('counting: all of a request counts', () => {
    const { model: _model, ...body } = { ...GOLDEN, model: undefined };
    const counted = read(countBody(body, 'gemini-2.5-pro'));
    expect(write(counted).body).toEqual(GOLDEN);
    expect(read({ contents: [user('x')] }).turns).toHaveLength(1);
    expect(readCount(writeCount(12))).toBe(12);
  });

  test.each([
    [{}, 'contents'],
    [{ contents: [] }, 'contents'],
    [{ contents: [{ role: 'robot', parts: [] }] }, 'contents[0].role'],
    [{ contents: [{ parts: [{ text: 1 }] }] }, 'contents[0].parts[0].text'],
    [{ contents: [{ parts: ['x'] }] }, 'contents[0].parts[0]'],
    [{ contents: [{ parts: [{ inlineData: { data: 'x' } }] }] }, 'contents[0].parts[0].inlineData'],
    [{ contents: [{ parts: [{ functionCall: {} }] }] }, 'contents[0].parts[0].functionCall.name'],
    [{ contents: [user('x')], generationConfig: { topK: 'many' } }, 'generationConfig.topK'],
    [
      { contents: [user('x')], tools: [{ functionDeclarations: [{}] }] },
      'tools[0].functionDeclarations[0].name',
    ],
    [
      { contents: [user('x')], toolConfig: { functionCallingConfig: { mode: 'SOME' } } },
      'toolConfig.functionCallingConfig.mode',
    ],
    [{ contents: [user('x')], systemInstruction: 4 }, 'systemInstruction'],
  ])('what is wrong in %j is named', (body: JsonObject, param) => {
    let failure: unknown;
    try {
      read(body);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(LlmFailure);
    expect(failure).toMatchObject({ kind: 'invalid', status: 400, param });
  });
});
