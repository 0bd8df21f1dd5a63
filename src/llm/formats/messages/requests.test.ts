import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { emptyRequest } from '../../../../test/support/llm/answer-facts.ts';
import { Dropped } from '../../conversation/dropped.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject, Part } from '../../conversation/parts.ts';
import type { ModelRequest } from '../../conversation/request.ts';
import { countBody } from './count-tokens.ts';
import { MESSAGES } from './format.ts';

const FACTS = { model: undefined, isStream: undefined };
const GOLDEN = JSON.parse(
  readFileSync(
    new URL('../../../../test/golden/messages/request-coding-agent.json', import.meta.url),
    'utf8',
  ),
) as JsonObject;

const read = (body: JsonObject): ModelRequest => MESSAGES.readRequest(body, FACTS);

function write(request: Partial<ModelRequest>): { body: JsonObject; dropped: readonly string[] } {
  const dropped = new Dropped();
  const body = MESSAGES.writeRequest({ ...emptyRequest(), ...request }, dropped);
  return { body: JSON.parse(JSON.stringify(body)) as JsonObject, dropped: dropped.names };
}

const text = (said: string): Part => ({ kind: 'text', text: said });

describe('a request of this format', () => {
  test('read and written, it says the same', () => {
    const { body, dropped } = write(read(GOLDEN));
    expect(dropped).toEqual([]);
    expect(body).toEqual(canonical(GOLDEN));
  });

  test('its parts have their places', () => {
    const request = read(GOLDEN);
    expect(request.system).toHaveLength(3);
    expect(request.system[1]).toMatchObject({ cache: { ttl: '1h' } });
    expect(request.user).toBe('{"device":"d1"}');
    expect(request.serviceTier).toBe('default');
    expect(request.parallelToolCalls).toBe(false);
    expect(request.reasoning).toMatchObject({ budgetTokens: 8000, effort: 'high', includeThoughts: true });
    expect(request.tools.map(({ kind }) => kind)).toEqual([
      'function',
      'function',
      'function',
      'foreign',
      'servers',
    ]);
    expect(request.tools[4]).toMatchObject({
      label: 'gw',
      url: 'https://gw.example.com/mcp',
      allowed: ['echo'],
      approved: 'all',
    });
    expect(request.turns.map(({ role }) => role)).toEqual([
      'user',
      'system',
      'assistant',
      'user',
      'system',
      'assistant',
      'user',
    ]);
    expect(request.turns[3]?.parts).toMatchObject([
      {
        kind: 'tool-result',
        name: 'ToolSearch',
        content: [{ kind: 'text', text: 'The tool mcp__gw__echo is available.' }],
      },
      {
        kind: 'tool-result',
        name: 'Read',
        isError: true,
        cache: { ttl: '5m' },
        content: [{ kind: 'text' }, { kind: 'image' }],
      },
      { kind: 'text' },
    ]);
    expect(request.turns[5]?.parts).toMatchObject([
      { kind: 'foreign' },
      { kind: 'foreign' },
      { kind: 'text', citations: [{ url: 'https://example.com', quote: 'maps names to addresses' }] },
      {
        kind: 'server-call',
        server: 'gw',
        name: 'echo',
        input: '{"text":"hi"}',
        output: [{ kind: 'text', text: 'hi' }],
      },
      { kind: 'text' },
    ]);
  });

  test('text in the place of blocks, and a body for counting, which has no max_tokens', () => {
    const request = read({
      model: 'claude-haiku-4-5',
      system: 'Be kind.',
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'Done' }] },
      ],
    });
    expect(request.system).toEqual([text('Be kind.')]);
    expect(request.turns[1]?.parts).toMatchObject([{ content: [text('Done')] }]);
    expect(request.sampling.maxTokens).toBeUndefined();
    expect(countBody(write(request).body)).toEqual({
      model: 'claude-haiku-4-5',
      system: [{ type: 'text', text: 'Be kind.' }],
      // Results come first, and roles alternate.
      messages: [
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'Done' }] },
            { type: 'text', text: 'Hi' },
          ],
        },
      ],
    });
  });

  test.each([
    [{ type: 'adaptive' }, { isAdaptive: true, includeThoughts: true }],
    [
      { type: 'adaptive', display: 'omitted' },
      { isAdaptive: true, includeThoughts: false },
    ],
    [{ type: 'disabled' }, { isOff: true }],
    [{ type: 'between_tools' }, { isAdaptive: true }],
    [
      { type: 'enabled', budget_tokens: 2000, block_binding: { prefix_mismatch_behavior: 'error' } },
      { budgetTokens: 2000 },
    ],
  ])('thinking %j survives', (thinking: JsonObject, reasoning) => {
    const request = read({
      model: 'claude-opus-5',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'x' }],
      thinking,
    });
    expect(request.reasoning).toMatchObject(reasoning);
    expect(write(request).body['thinking']).toEqual(thinking);
  });

  test('tools of the gateway may be asked for as in Responses', () => {
    const mcp = {
      type: 'mcp',
      server_label: 'db',
      server_url: 'lanport',
      allowed_tools: ['a'],
      require_approval: 'never',
    };
    const request = read({ model: 'm', messages: [{ role: 'user', content: 'x' }], tools: [mcp] });
    expect(request.tools).toEqual([
      {
        kind: 'servers',
        label: 'db',
        url: 'lanport',
        allowed: ['a'],
        approved: 'all',
        format: 'messages',
        value: mcp,
      },
    ]);
    expect(write(request).body).toMatchObject({
      mcp_servers: [{ type: 'url', url: 'lanport', name: 'db' }],
      tools: [{ type: 'mcp_toolset', default_config: { enabled: false }, configs: { a: { enabled: true } } }],
    });
  });

  test('a toolset says which tools the model must not have', () => {
    const body = {
      model: 'm',
      messages: [{ role: 'user', content: 'x' }],
      mcp_servers: [
        { type: 'url', name: 'db', url: 'https://db' },
        { type: 'url', name: 'old', url: 'https://old', tool_configuration: { allowed_tools: ['b'] } },
      ],
      tools: [
        {
          type: 'mcp_toolset',
          mcp_server_name: 'db',
          configs: { drop: { enabled: false }, list: { defer_loading: true } },
        },
      ],
    };
    expect(read(body).tools).toMatchObject([
      { label: 'db', allowed: undefined, denied: ['drop'] },
      { label: 'old', allowed: ['b'] },
    ]);
    expect(write(read(body)).body).toMatchObject({ mcp_servers: body.mcp_servers, tools: body.tools });
  });

  test.each([
    [{ messages: [{ role: 'user', content: 'x' }] }, 'model'],
    [{ model: 'm' }, 'messages'],
    [{ model: 'm', messages: [] }, 'messages'],
    [{ model: 'm', messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
    [{ model: 'm', messages: [{ role: 'user' }] }, 'messages[0].content'],
    [{ model: 'm', messages: [{ role: 'user', content: [{ text: 'x' }] }] }, 'messages[0].content[0]'],
    [
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'messages[0].content[0].text',
    ],
    [
      {
        model: 'm',
        messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', data: 'x' } }] }],
      },
      'messages[0].content[0].source.media_type',
    ],
    [
      {
        model: 'm',
        messages: [
          {
            role: 'user',
            content: [{ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'image', source: 4 }] }],
          },
        ],
      },
      'messages[0].content[0].content[0].source',
    ],
    [{ model: 'm', messages: [{ role: 'user', content: 'x' }], max_tokens: 'many' }, 'max_tokens'],
    [
      { model: 'm', messages: [{ role: 'user', content: 'x' }], tools: [{ description: 'x' }] },
      'tools[0].name',
    ],
    [
      { model: 'm', messages: [{ role: 'user', content: 'x' }], tool_choice: { type: 'tool' } },
      'tool_choice.name',
    ],
    [{ model: 'm', messages: [{ role: 'user', content: 'x' }], system: 7 }, 'system'],
    [
      {
        model: 'm',
        messages: [{ role: 'user', content: 'x' }],
        tools: [{ type: 'mcp_toolset', mcp_server_name: 'a' }],
      },
      'tools[0].mcp_server_name',
    ],
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

/** What means the same is compared as one: text and a list with one text, a mark of five minutes and a mark. */
function canonical(body: JsonObject): JsonObject {
  return {
    ...body,
    messages: (body['messages'] as readonly JsonObject[]).map((message) =>
      typeof message['content'] === 'string'
        ? { ...message, content: [{ type: 'text', text: message['content'] }] }
        : message,
    ),
  };
}
