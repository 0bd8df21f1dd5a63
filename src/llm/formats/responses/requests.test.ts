import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { randomInput } from '../../../../test/support/random-inputs.ts';
import type { Loose } from '../../../../test/support/responses-wire.ts';
import { seededRandom } from '../../../../test/support/seeded-random.ts';
import { Dropped } from '../../conversation/dropped.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest } from '../../conversation/request.ts';
import { RESPONSES } from './format.ts';
import { wireNames } from './wire-names.ts';

const GOLDEN = JSON.parse(
  readFileSync(new URL('../../../../test/golden/responses/request-agent.json', import.meta.url), 'utf8'),
) as JsonObject;

function read(body: Loose): ModelRequest {
  return RESPONSES.readRequest(
    { model: 'm', ...body },
    {
      model: undefined,
      isStream: undefined,
    },
  );
}

function write(request: ModelRequest): { body: Loose; dropped: readonly string[] } {
  const dropped = new Dropped();
  return { body: RESPONSES.writeRequest(request, dropped), dropped: dropped.names };
}

function requestOf(members: Partial<ModelRequest>): ModelRequest {
  return { model: 'm', isStream: false, system: [], turns: [], tools: [], sampling: {}, ...members };
}

function refusal(body: Loose): { param: string | undefined; message: string } {
  try {
    read(body);
  } catch (error) {
    if (error instanceof LlmFailure && error.kind === 'invalid' && error.status === 400)
      return { param: error.param, message: error.message };
    throw error;
  }
  throw new Error('the request was taken');
}

describe('a request with everything in it', () => {
  it('goes out as it came in', () => {
    const { body, dropped } = write(read(GOLDEN));
    expect(body).toEqual(GOLDEN);
    expect(dropped).toEqual([]);
  });

  it('has each thing in the place that all formats share', () => {
    const request = read(GOLDEN);
    expect(request).toMatchObject({
      model: 'gpt-5.3-codex',
      isStream: true,
      system: [{ kind: 'text', text: 'You are a coding agent.' }],
      toolChoice: { kind: 'allowed', mode: 'required', names: ['plain', 'apply_patch'] },
      sampling: { temperature: 0.5, topP: 0.9, maxTokens: 4096, logprobs: { top: 3 } },
      reasoning: { effort: 'high', summary: 'auto', includeThoughts: true },
      sealedThoughts: true,
      output: { kind: 'schema', name: 'answer', strict: true },
      verbosity: 'low',
      user: 'someone',
      serviceTier: 'flex',
      cacheKey: 'thread-7',
      namespaces: [{ name: 'mcp__gw', description: 'Tools of the gateway' }],
    });
    expect(request.tools.map((tool) => tool.kind)).toEqual([
      'function',
      'function',
      'freeform',
      'freeform',
      'servers',
      'foreign',
    ]);
    expect(request.tools[4]).toMatchObject({ label: 'docs', allowed: ['find', 'drop'], approved: ['find'] });
    expect(
      request.turns.map(({ role, parts }) => `${role}: ${parts.map(({ kind }) => kind).join(' ')}`),
    ).toEqual([
      'user: text image image image document document document audio text',
      'assistant: thinking thinking thinking text refusal text tool-call tool-call',
      'user: tool-result tool-result',
      'system: text',
      'assistant: server-tools server-call server-call approval-request',
      'user: approval',
      'assistant: foreign foreign image',
      'user: foreign',
      'user: text',
    ]);
  });
});

it.each(Array.from({ length: 100 }, (_, seed) => seed + 1))(
  'a conversation goes out as it came in (seed %i)',
  (seed) => {
    const input = randomInput(seededRandom(seed));
    const { body, dropped } = write(read({ input }));
    expect(body['input']).toEqual(input);
    expect(dropped).toEqual([]);
  },
);

describe('reading a request', () => {
  it('takes the short forms that clients use', () => {
    expect(read({ input: 'hello' }).turns).toEqual([
      { role: 'user', parts: [{ kind: 'text', text: 'hello' }] },
    ]);
    const { system, turns } = read({
      input: [
        { role: 'developer', content: 'Be brief.' },
        { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'Be kind.' }] },
        { role: 'user', content: 'hello' },
        { role: 'assistant', content: 'hi' },
        { id: 'msg_1' },
      ],
    });
    expect(system).toMatchObject([{ text: 'Be brief.' }, { text: 'Be kind.' }]);
    expect(turns).toMatchObject([
      { role: 'user', parts: [{ text: 'hello' }] },
      { role: 'assistant', parts: [{ text: 'hi' }, { kind: 'foreign', value: { id: 'msg_1' } }] },
    ]);
  });

  it('takes null for a member that is not there, and says nothing of defaults', () => {
    const request = read({
      input: 'hello',
      instructions: null,
      tools: null,
      tool_choice: null,
      reasoning: null,
      text: { format: { type: 'text' } },
      background: false,
      store: true,
      truncation: 'disabled',
      metadata: null,
      max_output_tokens: null,
    });
    expect(request.extras?.members).toEqual({});
    expect(request.output).toBeUndefined();
    expect(request.system).toEqual([]);
  });

  it.each([
    [{ require_approval: 'never' }, 'all'],
    [{ require_approval: 'always' }, 'none'],
    [{}, 'none'],
    [{ require_approval: { always: { tool_names: ['a'] } } }, 'none'],
    [{ require_approval: { never: { read_only: true } } }, []],
  ])('asks before calls unless %j says otherwise', (members, approved) => {
    const { tools } = read({ input: 'x', tools: [{ type: 'mcp', server_label: 's', ...members }] });
    expect(tools[0]).toMatchObject({ approved });
  });

  it.each<[Loose, string]>([
    [{ model: 7 }, 'model'],
    [{ model: '' }, 'model'],
    [{ background: true }, 'background'],
    [{ input: 7 }, 'input'],
    [{ input: ['x'] }, 'input[0]'],
    [{ input: [{}] }, 'input[0].type'],
    [{ input: [{ role: 'robot', content: 'x' }] }, 'input[0].role'],
    [{ input: [{ role: 'user', content: 7 }] }, 'input[0].content'],
    [{ input: [{ role: 'user', content: [{ type: 'video' }] }] }, 'input[0].content[0].type'],
    [{ input: [{ role: 'user', content: [{ type: 'input_image' }] }] }, 'input[0].content[0].image_url'],
    [{ input: [{ type: 'function_call', name: 'f', arguments: '{}' }] }, 'input[0].call_id'],
    [{ input: [{ type: 'function_call_output', call_id: 'c' }] }, 'input[0].output'],
    [{ input: [{ type: 'reasoning', summary: [{}] }] }, 'input[0].summary[0].text'],
    [{ input: [{ type: 'mcp_approval_response', approval_request_id: 'a' }] }, 'input[0].approve'],
    [{ tools: [{}] }, 'tools[0].type'],
    [{ tools: [{ type: 'function' }] }, 'tools[0].name'],
    [{ tools: [{ type: 'namespace', name: 'n', tools: [{ type: 'function' }] }] }, 'tools[0].tools[0].name'],
    [
      { tools: [{ type: 'mcp', server_label: 's', allowed_tools: { read_only: true } }] },
      'tools[0].allowed_tools.read_only',
    ],
    [{ tool_choice: 'sometimes' }, 'tool_choice'],
    [{ tool_choice: { type: 'function' } }, 'tool_choice.name'],
    [{ text: { format: { type: 'xml' } } }, 'text.format.type'],
    [{ text: { format: { type: 'json_schema' } } }, 'text.format.schema'],
    [{ metadata: { a: 1 } }, 'metadata.a'],
    [{ temperature: 'hot' }, 'temperature'],
    [{ include: [1] }, 'include[0]'],
  ])('refuses %j and names %s', (members, param) => {
    const refused = refusal({ input: 'x', ...members });
    expect(refused.param).toBe(param);
    expect(refused.message).toContain(param.split('.')[0]!);
  });
});

describe('writing a request of another format', () => {
  it('reports what cannot be said', () => {
    const { body, dropped } = write(
      requestOf({
        turns: [
          {
            role: 'user',
            name: 'anna',
            parts: [
              { kind: 'text', text: 'hi', cache: { ttl: '5m' } },
              { kind: 'video', source: { kind: 'url', url: 'https://example.com/v.mp4' } },
              { kind: 'image', source: { kind: 'file', id: 'file_1', format: 'messages' } },
            ],
          },
          {
            role: 'assistant',
            parts: [
              {
                kind: 'thinking',
                text: 'hm',
                seal: { format: 'messages', kind: 'signature', value: 's' },
              },
              { kind: 'text', text: 'hello' },
            ],
          },
          {
            role: 'user',
            parts: [{ kind: 'tool-result', callId: 'c', content: [], isError: true }],
          },
        ],
        tools: [{ kind: 'foreign', format: 'messages', value: { type: 'bash_20250124', name: 'bash' } }],
        sampling: { topK: 5, stop: ['x'], seed: 1, choices: 2, maxTokens: 1 },
        extras: { format: 'messages', members: { container: 'c1' } },
      }),
    );
    expect(dropped).toEqual([
      'container',
      'tools.bash_20250124',
      'messages.name',
      'messages.cache_control',
      'contents.video',
      'messages.image.file',
      'messages.thinking',
      'messages.tool_result.is_error',
      'top_k',
      'stop',
      'seed',
      'n',
    ]);
    expect(body).toEqual({
      model: 'm',
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'hello', annotations: [] }],
        },
        { type: 'function_call_output', call_id: 'c', output: '' },
      ],
      max_output_tokens: 16,
      store: false,
    });
  });

  it('does not let the provider make its functions strict', () => {
    const { body } = write(
      requestOf({ tools: [{ kind: 'function', name: 'f', schema: { type: 'object' } }] }),
    );
    expect(body['tools']).toEqual([
      { type: 'function', name: 'f', parameters: { type: 'object' }, strict: false },
    ]);
  });

  describe('to a model of OpenAI', () => {
    const asked = requestOf({
      sampling: { temperature: 0.5, topP: 0.95, maxTokens: 100, logprobs: { top: 2 } },
      reasoning: { effort: 'max', includeThoughts: true },
      verbosity: 'low',
    });

    it('that thinks says nothing that such models refuse', () => {
      const { body, dropped } = write({ ...asked, model: 'gpt-5.2' });
      expect(dropped).toEqual(['temperature', 'top_p', 'logprobs']);
      expect(body).toEqual({
        model: 'gpt-5.2',
        input: [],
        max_output_tokens: 100,
        reasoning: { effort: 'xhigh', summary: 'auto' },
        text: { verbosity: 'low' },
        include: ['reasoning.encrypted_content'],
        store: false,
      });
      // Claude Code names its user at length.
      const named = write({ ...asked, model: 'gpt-5.2', user: 'u'.repeat(65) }).body['user'];
      expect(named).toMatch(/^[0-9a-f]{64}$/);
      expect(write({ ...asked, model: 'gpt-5.2', user: 'u'.repeat(64) }).body['user']).toBe('u'.repeat(64));
      // What it does anyway, is no loss.
      const defaults = { temperature: 1, topP: 1 };
      expect(write({ ...asked, model: 'gpt-5', sampling: defaults }).dropped).toEqual([]);
      expect(write({ ...asked, model: 'gpt-5', reasoning: { isOff: true } }).body['reasoning']).toEqual({
        effort: 'minimal',
      });
    });

    it('that does not think is not asked to', () => {
      const { body, dropped } = write({ ...asked, model: 'gpt-4.1' });
      expect(dropped).toEqual(['reasoning', 'verbosity']);
      expect(body).toEqual({
        model: 'gpt-4.1',
        input: [],
        temperature: 0.5,
        top_p: 0.95,
        max_output_tokens: 100,
        top_logprobs: 2,
        include: ['message.output_text.logprobs'],
        store: false,
      });
      expect(write({ ...asked, model: 'gpt-4.1', reasoning: { isOff: true } }).dropped).toEqual([
        'verbosity',
      ]);
    });

    it('leaves what its own client says', () => {
      const body = {
        model: 'gpt-4.1',
        input: 'x',
        temperature: 0.5,
        reasoning: { effort: 'max' },
        text: { verbosity: 'low' },
      };
      expect(write(read(body)).body).toMatchObject({ ...body, input: [{}] });
    });
  });

  it('asks for seals when the model shall think, because nobody stores its thoughts', () => {
    const { body } = write(requestOf({ reasoning: { budgetTokens: 10_000, includeThoughts: true } }));
    expect(body).toMatchObject({
      reasoning: { effort: 'medium', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
      store: false,
    });
  });

  it('asks for seals of a model that thinks unasked, unless its client has the thoughts stored', () => {
    const include = (body: Loose): unknown => write(read({ input: 'x', ...body })).body['include'];
    expect(include({ model: 'gpt-5' })).toEqual(['reasoning.encrypted_content']);
    expect(include({ model: 'gpt-5', store: false })).toEqual(['reasoning.encrypted_content']);
    expect(include({ model: 'gpt-4.1' })).toBeUndefined();
    expect(write(read({ input: 'x', model: 'gpt-5', truncation: 'auto' })).body).toMatchObject({
      store: false,
    });
  });

  it('says calls of the gateway as calls and outputs to a provider that does not know the server', () => {
    const call = {
      kind: 'server-call',
      id: 'mcp_1',
      server: 'db',
      name: 'query',
      input: '{}',
      output: [{ kind: 'text', text: 'rows' }],
    } as const;
    const { body } = write(requestOf({ turns: [{ role: 'assistant', parts: [call] }] }));
    expect(body['input']).toEqual([
      { type: 'function_call', call_id: 'mcp_1', name: 'query', arguments: '{}' },
      { type: 'function_call_output', call_id: 'mcp_1', output: 'rows' },
    ]);
  });

  it('writes names that are too free as names that it can turn back', () => {
    const name = 'files.read/all';
    const request = requestOf({
      tools: [{ kind: 'function', name, schema: undefined }],
      toolChoice: { kind: 'tool', name },
    });
    const { body } = write(request);
    const wire = body['tools'][0].name as string;
    expect(wire).toMatch(/^[a-zA-Z0-9_-]{1,128}$/);
    expect(body['tool_choice']).toEqual({ type: 'function', name: wire });
    expect(wireNames(request).byWire.get(wire)).toBe(name);
  });
});
