import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Dropped } from '../../conversation/dropped.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest } from '../../conversation/request.ts';
import { readRequest } from './read-request.ts';
import { wireNames } from './wire-names.ts';
import { writeRequest } from './write-request.ts';

const NO_FACTS = { model: undefined, isStream: undefined };
const GOLDEN = JSON.parse(
  readFileSync(new URL('../../../../test/golden/chat/request-openai.json', import.meta.url), 'utf8'),
) as JsonObject;

function read(members: JsonObject): ModelRequest {
  return readRequest({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...members }, NO_FACTS);
}

/** A request that came in another format. */
function foreign(members: Partial<ModelRequest>): ModelRequest {
  return { model: 'some-model', isStream: false, system: [], turns: [], tools: [], sampling: {}, ...members };
}

function written(request: ModelRequest): { body: JsonObject; dropped: readonly string[] } {
  const dropped = new Dropped();
  const body = writeRequest(request, dropped);
  return { body, dropped: dropped.names };
}

function messagesOf(members: Partial<ModelRequest>): unknown {
  return written(foreign(members)).body['messages'];
}

function failureOf(body: JsonObject): LlmFailure {
  try {
    readRequest(body, NO_FACTS);
  } catch (error) {
    if (error instanceof LlmFailure) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('a request of Chat Completions', () => {
  it('comes out as it went in when the provider speaks the same format', () => {
    const { body, dropped } = written(readRequest(GOLDEN, NO_FACTS));
    expect(body).toEqual(GOLDEN);
    expect(dropped).toEqual([]);
  });

  it('is read into its places', () => {
    const request = readRequest(GOLDEN, NO_FACTS);
    expect(request).toMatchObject({
      system: [{ kind: 'text', text: 'Be brief.' }],
      sampling: { maxTokens: 500, stop: ['END'], seed: 7, logprobs: { top: 2 } },
      toolChoice: { kind: 'allowed', mode: 'auto', names: ['look', 'patch'] },
      reasoning: { effort: 'low' },
      output: { kind: 'schema', name: 'thing', strict: true },
      cacheKey: 'k',
      isStream: true,
    });
    expect(request.turns.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
      'system',
      'user',
    ]);
    expect(request.turns[0]).toMatchObject({
      name: 'ada',
      parts: [
        { kind: 'text' },
        { kind: 'image', source: { kind: 'base64', mediaType: 'image/png' }, detail: 'low' },
        { kind: 'image', source: { kind: 'url' } },
        { kind: 'audio', source: { mediaType: 'audio/wav' } },
        { kind: 'document', name: 'a.pdf', source: { mediaType: 'application/pdf', data: 'JVBERi0=' } },
        { kind: 'document', source: { kind: 'file', format: 'chat' } },
      ],
    });
    expect(request.turns[2]?.parts).toMatchObject([
      { kind: 'tool-result', callId: 'call_1', name: 'look' },
      { kind: 'tool-result', callId: 'call_2', name: 'patch', isFreeform: true },
    ]);
    expect(request.tools[1]).toMatchObject({ grammar: { type: 'grammar', syntax: 'lark' } });
    expect(request.tools[2]).toMatchObject({
      kind: 'servers',
      label: 'db',
      allowed: ['query'],
      approved: 'all',
    });
    expect(Object.keys(request.extras?.members ?? {}).toSorted()).toEqual([
      'logit_bias',
      'prediction',
      'safety_identifier',
      'store',
      'stream_options',
      'web_search_options',
    ]);
  });

  it('may speak of functions as before there were tools', () => {
    const request = read({
      functions: [{ name: 'f', parameters: { type: 'object' } }],
      function_call: { name: 'f' },
      messages: [
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'done' },
      ],
    });
    expect(request.toolChoice).toEqual({ kind: 'tool', name: 'f' });
    expect(request.turns).toMatchObject([
      { role: 'assistant', parts: [{ kind: 'tool-call', id: 'call_lanport_1', input: '{}' }] },
      { role: 'user', parts: [{ kind: 'tool-result', callId: 'call_lanport_1', name: 'f' }] },
    ]);
  });

  it.each([
    ['thinking', { thinking: { type: 'enabled', budget_tokens: 2000 } }, { budgetTokens: 2000 }],
    ['thinking off', { thinking: { type: 'disabled' } }, { isOff: true }],
    [
      'reasoning of OpenRouter',
      { reasoning: { max_tokens: 9, exclude: true } },
      { budgetTokens: 9, includeThoughts: false },
    ],
    ['no reasoning', { reasoning_effort: 'none' }, { isOff: true, effort: 'none' }],
  ])('says how much to think: %s', (_, members, reasoning) => {
    const request = read(members);
    expect(request.reasoning).toMatchObject(reasoning);
    expect(written(request).body).toMatchObject(members);
  });

  it('keeps cache marks and members that are not known, in parts too', () => {
    const body = {
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' }, lang: 'de' }],
          weight: 1,
        },
      ],
      top_k: 5,
      min_p: 0.1,
    };
    const request = readRequest(body, NO_FACTS);
    expect(request.turns[0]?.parts[0]).toMatchObject({
      cache: { ttl: '5m' },
      extras: { members: { lang: 'de' } },
    });
    expect(written(request).body).toEqual(body);
  });

  it.each([
    ['messages', { model: 'm' }],
    ['model', { messages: [{ role: 'user', content: 'x' }] }],
    ['n', { model: 'm', messages: [{ role: 'user', content: 'x' }], n: 2 }],
    ['messages[0].role', { model: 'm', messages: [{ role: 'robot', content: 'x' }] }],
    [
      'messages[0].content[0].image_url.url',
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
    ],
    [
      'messages[0].content[0].type',
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'smell' }] }] },
    ],
    ['messages[0].tool_call_id', { model: 'm', messages: [{ role: 'tool', content: 'x' }] }],
    [
      'messages[0].tool_calls[0].function',
      { model: 'm', messages: [{ role: 'assistant', tool_calls: [{ id: 'a', type: 'function' }] }] },
    ],
    [
      'tools[0].function.name',
      { model: 'm', messages: [{ role: 'user', content: 'x' }], tools: [{ type: 'function', function: {} }] },
    ],
    ['temperature', { model: 'm', messages: [{ role: 'user', content: 'x' }], temperature: 'hot' }],
    [
      'response_format.type',
      { model: 'm', messages: [{ role: 'user', content: 'x' }], response_format: { type: 'xml' } },
    ],
    [
      'tools[0].allowed_tools.read_only',
      {
        model: 'm',
        messages: [{ role: 'user', content: 'x' }],
        tools: [{ type: 'mcp', server_label: 'a', allowed_tools: { read_only: true } }],
      },
    ],
  ])('that is wrong names %s', (param, body) => {
    expect(failureOf(body as unknown as JsonObject)).toMatchObject({ kind: 'invalid', status: 400, param });
  });
});

describe('a request of another format for a provider of Chat Completions', () => {
  const thought: Part = {
    kind: 'thinking',
    text: 'Hm',
    seal: { format: 'messages', kind: 'signature', value: 'EqoB' },
  };
  const call: Part = { kind: 'tool-call', id: 'a', name: 'f', input: '{"x":1}' };

  it('has the results of tools right behind their calls, and what they show after them', () => {
    const image: Part = { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'iVBO' } };
    const messages = messagesOf({
      turns: [
        { role: 'assistant', parts: [{ kind: 'text', text: 'Look:' }, call, { ...call, id: 'b' }] },
        {
          role: 'user',
          parts: [
            { kind: 'text', text: 'And?' },
            { kind: 'tool-result', callId: 'a', content: [image] },
            {
              kind: 'tool-result',
              callId: 'b',
              content: [
                { kind: 'text', text: 'one' },
                { kind: 'text', text: 'two' },
              ],
            },
          ],
        },
      ],
    });
    const made = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{"x":1}' } });
    expect(messages).toEqual([
      { role: 'assistant', content: 'Look:', tool_calls: [made('a'), made('b')] },
      { role: 'tool', tool_call_id: 'a', content: 'The result follows in the next message.' },
      { role: 'tool', tool_call_id: 'b', content: 'one\n\ntwo' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'From the result of the tool call a:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBO' } },
          { type: 'text', text: 'And?' },
        ],
      },
    ]);
  });

  it('has calls that the gateway made as ordinary ones, with their results', () => {
    const messages = messagesOf({
      turns: [
        {
          role: 'assistant',
          parts: [
            {
              kind: 'server-call',
              id: 's',
              server: 'db',
              name: 'q',
              input: '{}',
              output: [{ kind: 'text', text: 'rows' }],
            },
            { kind: 'text', text: 'Found.' },
          ],
        },
      ],
    });
    expect(messages).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 's', type: 'function', function: { name: 'q', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 's', content: 'rows' },
      { role: 'assistant', content: 'Found.' },
    ]);
  });

  it('has thoughts as plain text, without the seals of others, and not at all for OpenAI', () => {
    const turns = [{ role: 'assistant', parts: [thought, { kind: 'text', text: 'So.' }] }] as const;
    const plain = written(foreign({ turns }));
    expect(plain.body['messages']).toEqual([{ role: 'assistant', content: 'So.', reasoning_content: 'Hm' }]);
    expect(plain.dropped).toEqual(['messages.content.signature']);
    const openAi = written(foreign({ turns, model: 'gpt-5' }));
    expect(openAi.body['messages']).toEqual([{ role: 'assistant', content: 'So.' }]);
    expect(openAi.dropped).toContain('messages.content.thinking');
  });

  it('gives a provider of this format its own seals back', () => {
    const members = { type: 'reasoning.text', signature: 's', index: 0 };
    const parts: readonly Part[] = [
      {
        kind: 'thinking',
        text: 'Hm',
        seal: { format: 'chat', kind: 'encrypted', value: JSON.stringify(members) },
      },
      { kind: 'thinking', text: 'Ja', seal: { format: 'chat', kind: 'signature', value: 't' } },
      { ...call, seal: { format: 'gemini', kind: 'signature', value: 'CiQB' } },
    ];
    expect(messagesOf({ model: 'google/gemini-3-pro', turns: [{ role: 'assistant', parts }] })).toMatchObject(
      [
        {
          reasoning_details: [{ ...members, text: 'Hm' }],
          thinking_blocks: [{ type: 'thinking', thinking: 'Ja', signature: 't' }],
          tool_calls: [{ extra_content: { google: { thought_signature: 'CiQB' } } }],
        },
      ],
    );
  });

  it('joins system texts into one, and texts that were cut between citations', () => {
    const messages = messagesOf({
      system: [
        { kind: 'text', text: 'A.' },
        { kind: 'text', text: 'B.' },
      ],
      turns: [
        {
          role: 'assistant',
          parts: [
            { kind: 'text', text: 'Half a ' },
            { kind: 'text', text: 'word.' },
            call,
            { kind: 'text', text: 'Next.' },
          ],
        },
      ],
    });
    expect(messages).toMatchObject([
      { role: 'system', content: 'A.\n\nB.' },
      { role: 'assistant', content: 'Half a word.\n\nNext.' },
    ]);
  });

  it('asks OpenAI’s thinking models in their words', () => {
    const request = foreign({
      model: 'gpt-5',
      isStream: true,
      sampling: { maxTokens: 9, temperature: 0.5, topP: 1, topK: 3, stop: ['x'] },
      reasoning: { budgetTokens: 30_000 },
      user: 'u'.repeat(100),
      metadata: { a: 'b' },
    });
    const { body, dropped } = written(request);
    expect(body).toEqual({
      model: 'gpt-5',
      messages: [],
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: 9,
      reasoning_effort: 'high',
      user: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(dropped.toSorted()).toEqual(['metadata', 'stop', 'temperature', 'top_k']);
  });

  it.each([
    ['gpt-5', 'none', 'minimal'],
    ['gpt-5.2', 'none', 'none'],
    ['gpt-5.2', 'max', 'xhigh'],
    ['o3', 'max', 'high'],
    ['o3', 'minimal', 'low'],
    ['openai/gpt-oss-120b', 'high', 'high'],
    ['deepseek-reasoner', 'none', undefined],
    ['gpt-4o', 'high', undefined],
    ['mistral-large', 'high', undefined],
    ['llama3.2', 'high', undefined],
  ])('asks %s for the effort %s with %s', (model, effort, known) => {
    const request = foreign({ model, reasoning: { effort, isOff: effort === 'none' } });
    expect(written(request).body['reasoning_effort']).toBe(known);
  });

  it('turns freeform tools and namespaces into functions that can be told apart again', () => {
    const request = foreign({
      tools: [
        { kind: 'freeform', name: 'patch', grammar: { type: 'grammar', syntax: 'lark', definition: 'x' } },
        { kind: 'function', name: 'echo', namespace: 'mcp__gw', schema: { type: 'object' } },
        { kind: 'foreign', format: 'responses', value: { type: 'web_search' } },
      ],
      toolChoice: { kind: 'tool', name: 'echo', namespace: 'mcp__gw' },
      turns: [{ role: 'assistant', parts: [{ ...call, name: 'patch', input: 'raw', isFreeform: true }] }],
    });
    const { body, dropped } = written(request);
    expect(body['tools']).toMatchObject([
      { type: 'function', function: { name: 'patch', parameters: { required: ['input'] } } },
      { type: 'function', function: { name: 'mcp__gw__echo' } },
    ]);
    expect(body['tool_choice']).toEqual({ type: 'function', function: { name: 'mcp__gw__echo' } });
    expect(body['messages']).toMatchObject([
      { tool_calls: [{ function: { name: 'patch', arguments: '{"input":"raw"}' } }] },
    ]);
    expect(dropped).toEqual(['tools.format', 'tools.web_search']);
    expect(wireNames(request).tool('mcp__gw__echo')).toMatchObject({ name: 'echo', namespace: 'mcp__gw' });
    const own = written({ ...request, model: 'gpt-5.1-codex' }).body;
    expect(own['tools']).toMatchObject([
      { type: 'custom', custom: { format: { type: 'grammar', grammar: { syntax: 'lark' } } } },
      {},
    ]);
  });

  it('leaves tools out that are not allowed, where there is no word for that', () => {
    const request = foreign({
      tools: [
        { kind: 'function', name: 'a', schema: {} },
        { kind: 'function', name: 'b', schema: {} },
      ],
      toolChoice: { kind: 'allowed', mode: 'required', names: ['b'] },
    });
    const { body } = written(request);
    expect(body).toMatchObject({ tool_choice: 'required', tools: [{ function: { name: 'b' } }] });
  });

  it('names everything that it cannot say', () => {
    const { dropped } = written(
      foreign({
        turns: [
          {
            role: 'user',
            parts: [
              { kind: 'text', text: 'x', cache: { ttl: '5m' } },
              { kind: 'tool-result', callId: 'a', content: [], isError: true },
              { kind: 'document', source: { kind: 'file', id: 'f', format: 'messages' } },
              { kind: 'foreign', format: 'messages', value: { type: 'container_upload' } },
            ],
          },
        ],
        extras: { format: 'messages', members: { context_management: {} } },
        cacheKey: 'k',
      }),
    );
    expect(dropped.toSorted()).toEqual([
      'context_management',
      'messages.cache_control',
      'messages.content.container_upload',
      'messages.content.document',
      'messages.content.is_error',
      'prompt_cache_key',
    ]);
  });

  it('keeps the order of tools and of their schemas’ members', () => {
    const schema = { type: 'object', properties: { z: {}, a: {} }, required: ['z'] };
    const { body } = written(foreign({ tools: [{ kind: 'function', name: 'f', schema }] }));
    expect(JSON.stringify(body['tools'])).toContain(JSON.stringify(schema));
  });
});
