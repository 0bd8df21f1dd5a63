import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { EVENTS, events, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const UPSTREAM = join(ROOT, 'test/support/upstreams/stdio-2025.ts');
const OURS = {
  type: 'mcp',
  server_label: 'demo',
  server_url: 'lanport',
  require_approval: 'never',
} as const;

let provider: TestProvider;
let gateway: TestGateway;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  provider = await startProvider();
  gateway = await startGateway({
    config: configWith(
      {
        tools: { command: process.execPath, args: [UPSTREAM] },
        more: { command: process.execPath, args: [UPSTREAM] },
      },
      {
        model_list: [
          { model_name: 'mock', litellm_params: { model: 'mock/any' } },
          {
            model_name: 'chatty',
            litellm_params: { model: 'custom_openai/m', api_base: `${provider.url}/v1`, api_key: 'sk-up' },
          },
        ],
      },
    ),
  });
  await serversSettled(gateway);
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: MASTER_KEY, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: MASTER_KEY, maxRetries: 0 });
}, 60_000);

beforeEach(() => {
  provider.answer();
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

interface Call {
  readonly id: string;
  readonly name: string;
  readonly input: object;
}

/** A turn of a model in Chat Completions, whole or streamed, that says something and calls tools. */
function turn(text: string | undefined, calls: readonly Call[] = []) {
  const finish = calls.length > 0 ? 'tool_calls' : 'stop';
  const toolCalls = calls.map(({ id, name, input }, index) => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
  }));
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  const common = { id: 'chatcmpl-1', created: 1, model: 'm' };
  return ({ body }: { readonly body: Record<string, unknown> }) =>
    body['stream'] === true
      ? {
          headers: EVENTS,
          body: [
            events(
              ...(text === undefined
                ? []
                : [
                    {
                      ...common,
                      object: 'chat.completion.chunk',
                      choices: [{ index: 0, delta: { role: 'assistant', content: text } }],
                    },
                  ]),
              ...toolCalls.map((call) => ({
                ...common,
                object: 'chat.completion.chunk',
                choices: [{ index: 0, delta: { tool_calls: [call] } }],
              })),
              {
                ...common,
                object: 'chat.completion.chunk',
                choices: [{ index: 0, delta: {}, finish_reason: finish }],
              },
              { ...common, object: 'chat.completion.chunk', choices: [], usage },
              '[DONE]',
            ),
          ],
        }
      : {
          body: [
            JSON.stringify({
              ...common,
              object: 'chat.completion',
              choices: [
                {
                  index: 0,
                  message: {
                    role: 'assistant',
                    content: text ?? null,
                    ...(calls.length === 0 ? {} : { tool_calls: toolCalls }),
                  },
                  finish_reason: finish,
                },
              ],
              usage,
            }),
          ],
        };
}

/** What the model was given back as results of its calls, by their ids. */
function resultsIn(body: Record<string, unknown>): Record<string, string> {
  const messages = body['messages'] as readonly { role: string; tool_call_id: string; content: unknown }[];
  return Object.fromEntries(
    messages
      .filter(({ role }) => role === 'tool')
      .map(({ tool_call_id, content }) => [
        tool_call_id,
        typeof content === 'string' ? content : JSON.stringify(content),
      ]),
  );
}

const textOf = ({ output }: OpenAI.Responses.Response): string =>
  output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => (part.type === 'output_text' ? part.text : ''))
    .join('');

const outputOf = (response: OpenAI.Responses.Response) =>
  response.output.map((item) => (item.type === 'message' ? 'message' : item.type));

/** The response of a stream, which must have exactly one end. */
async function streamed(
  body: OpenAI.Responses.ResponseCreateParamsStreaming,
): Promise<OpenAI.Responses.Response> {
  const seen: OpenAI.Responses.ResponseStreamEvent[] = [];
  for await (const event of await openai.responses.create(body)) seen.push(event);
  const ends = seen.filter(({ type }) => type === 'response.completed' || type === 'response.failed');
  expect(ends).toHaveLength(1);
  expect(seen.map((event) => event.sequence_number)).toEqual(seen.map((_, at) => at));
  const [end] = ends;
  if (end?.type !== 'response.completed') throw new Error(JSON.stringify(end));
  return end.response;
}

describe.each(['whole', 'streamed'] as const)('a model in Responses that uses our tools, %s', (way) => {
  const ask = (body: Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, 'stream'>) =>
    way === 'whole' ? openai.responses.create(body) : streamed({ ...body, stream: true });

  it('that is a mock calls the tool that the words name, and answers with its result', async () => {
    verifies('llm:tools');
    const response = await ask({
      model: 'mock',
      input: 'Please echo this text',
      tools: [{ ...OURS, server_url: 'lanport/mcp/tools' }],
    });
    expect(outputOf(response)).toEqual(['mcp_list_tools', 'mcp_call', 'message']);
    expect(textOf(response)).toContain('Please echo this text');
    expect(response.output[1]).toMatchObject({
      name: expect.stringContaining('echo'),
      server_label: 'demo',
      error: null,
    });
    const { tools } = response.output[0] as OpenAI.Responses.ResponseOutputItem.McpListTools;
    // Clients that check what they get take no null for what a tool has not.
    expect(tools.flatMap((tool) => Object.values(tool))).not.toContain(null);
    expect(tools.find(({ name }) => name.endsWith('echo'))).toMatchObject({
      input_schema: { type: 'object' },
    });
  });

  it('goes round after round until it has words', async () => {
    verifies('llm:tools');
    provider.answer(
      turn('Let me see. ', [{ id: 'c1', name: 'tools-echo', input: { text: 'one' } }]),
      turn(undefined, [{ id: 'c2', name: 'tools-echo', input: { text: 'two' } }]),
      turn(undefined, [{ id: 'c3', name: 'tools-echo', input: { text: 'three' } }]),
      turn('All done.'),
    );
    const before = provider.requests.length;
    const response = await ask({ model: 'chatty', input: 'go', tools: [OURS] });
    expect(outputOf(response)).toEqual([
      'mcp_list_tools',
      'message',
      'mcp_call',
      'mcp_call',
      'mcp_call',
      'message',
    ]);
    expect(textOf(response)).toBe('Let me see. All done.');
    const last = provider.requests.slice(before).at(-1)!;
    const results = resultsIn(last.body);
    expect(Object.keys(results)).toEqual(['c1', 'c2', 'c3']);
    expect(results['c2']).toContain('two');
    // What was used in all turns together.
    expect(response.usage).toMatchObject({ input_tokens: 40, output_tokens: 20 });
  });

  it('makes parallel calls at the same time, and tells the model of one that failed', async () => {
    verifies('llm:tools');
    provider.answer(
      turn(undefined, [
        { id: 'c1', name: 'tools-echo', input: { text: 'left' } },
        { id: 'c2', name: 'tools-fail', input: {} },
      ]),
      turn('One failed.'),
    );
    const before = provider.requests.length;
    const response = await ask({ model: 'chatty', input: 'go', tools: [OURS] });
    expect(outputOf(response)).toEqual(['mcp_list_tools', 'mcp_call', 'mcp_call', 'message']);
    const [, first, second] = response.output as OpenAI.Responses.ResponseOutputItem.McpCall[];
    expect(first).toMatchObject({ error: null });
    expect(second?.error).toBeTruthy();
    const results = resultsIn(provider.requests.slice(before).at(-1)!.body);
    expect(results['c1']).toContain('left');
    expect(Object.keys(results)).toEqual(['c1', 'c2']);
  });

  it('hands calls of the client’s own functions over, after ours were made', async () => {
    verifies('llm:tools');
    provider.answer(
      turn(undefined, [
        { id: 'c1', name: 'tools-echo', input: { text: 'ours' } },
        { id: 'c2', name: 'theirs', input: { a: 1 } },
      ]),
    );
    const response = await ask({
      model: 'chatty',
      input: 'go',
      tools: [OURS, { type: 'function', name: 'theirs', parameters: { type: 'object' }, strict: false }],
    });
    expect(outputOf(response)).toEqual(['mcp_list_tools', 'mcp_call', 'function_call']);
    expect(response.output[2]).toMatchObject({ name: 'theirs', call_id: 'c2', arguments: '{"a":1}' });
  });

  it('waits for the client’s consent where it wants to be asked, and goes on with it', async () => {
    verifies('llm:tools');
    const careful = { ...OURS, require_approval: 'always' as const };
    provider.answer(
      turn(undefined, [{ id: 'c1', name: 'tools-echo', input: { text: 'careful' } }]),
      turn('Done.'),
    );
    const asked = await ask({ model: 'chatty', input: 'go', tools: [careful] });
    expect(outputOf(asked)).toEqual(['mcp_list_tools', 'mcp_approval_request']);
    const request = asked.output[1] as OpenAI.Responses.ResponseOutputItem.McpApprovalRequest;
    const answered = await ask({
      model: 'chatty',
      previous_response_id: asked.id,
      input: [{ type: 'mcp_approval_response', approval_request_id: request.id, approve: true }],
      tools: [careful],
    });
    expect(outputOf(answered)).toEqual(['mcp_list_tools', 'mcp_call', 'message']);
    expect(textOf(answered)).toBe('Done.');
    expect(Object.values(resultsIn(provider.requests.at(-1)!.body))).toEqual([
      expect.stringContaining('careful'),
    ]);
  });

  it('is offered the tools that are allowed, in the same order each time', async () => {
    verifies('llm:tools');
    provider.answer(turn('ok'));
    const lists: string[][] = [];
    for (let at = 0; at < 2; at++) {
      await ask({
        model: 'chatty',
        input: 'go',
        tools: [{ ...OURS, allowed_tools: ['tools-pid', 'tools-echo'] }],
      });
      const { tools } = provider.requests.at(-1)!.body as { tools: { function: { name: string } }[] };
      lists.push(tools.map((tool) => tool.function.name));
    }
    expect(lists[0]).toEqual(lists[1]);
    expect(lists[0]!.toSorted((a, b) => a.localeCompare(b))).toEqual(['tools-echo', 'tools-pid']);
  });
});

it('an answer to a client of LiteLLM ends with the two items that LiteLLM adds', async () => {
  verifies('llm:tools');
  provider.answer(
    turn(undefined, [{ id: 'c1', name: 'tools-echo', input: { text: 'old friend' } }]),
    turn('ok'),
  );
  const response = await openai.responses.create({
    model: 'chatty',
    input: 'go',
    tools: [{ ...OURS, server_url: 'litellm_proxy' }],
  });
  const items = response.output as unknown as {
    type: string;
    role?: string;
    status?: string;
    content?: { text: string }[];
  }[];
  expect(items.map(({ type }) => type)).toEqual([
    'mcp_list_tools',
    'mcp_call',
    'message',
    'mcp_tools_fetched',
    'tool_execution_results',
  ]);
  const [fetched, results] = items.slice(-2);
  expect(fetched).toMatchObject({ role: 'system', status: 'completed' });
  expect(JSON.parse(fetched!.content![0]!.text)).toContainEqual(
    expect.objectContaining({ name: 'tools-echo', inputSchema: expect.anything() }),
  );
  expect(JSON.parse(results!.content![0]!.text)).toEqual([{ tool_call_id: 'c1', result: 'old friend' }]);
});

describe('a model that uses our tools', () => {
  it('in Chat Completions gets them with the header, and says only words', async () => {
    verifies('llm:tools');
    for (const stream of [false, true]) {
      provider.answer(
        turn(undefined, [{ id: 'c1', name: 'echo', input: { text: 'chat' } }]),
        turn('That is it.'),
      );
      const options = { headers: { 'x-mcp-servers': 'tools' } };
      const body = { model: 'chatty', messages: [{ role: 'user' as const, content: 'go' }] };
      let text = '';
      if (stream)
        for await (const chunk of await openai.chat.completions.create({ ...body, stream: true }, options))
          text += chunk.choices[0]?.delta.content ?? '';
      else text = (await openai.chat.completions.create(body, options)).choices[0]?.message.content ?? '';
      expect(text).toBe('That is it.');
    }
  });

  it('in Messages shows its calls as blocks', async () => {
    verifies('llm:tools');
    for (const isStream of [false, true]) {
      provider.answer(
        turn(undefined, [{ id: 'c1', name: 'echo', input: { text: 'messages' } }]),
        turn('That is it.'),
      );
      const body = {
        model: 'chatty',
        max_tokens: 100,
        messages: [{ role: 'user' as const, content: 'go' }],
      };
      const options = { headers: { 'x-mcp-servers': 'tools' } };
      const message = isStream
        ? await anthropic.messages.stream(body, options).finalMessage()
        : await anthropic.messages.create(body, options);
      expect(message.content.map(({ type }) => type as string)).toEqual([
        'mcp_tool_use',
        'mcp_tool_result',
        'text',
      ]);
      expect(message.content.at(-1)).toMatchObject({ text: 'That is it.' });
      expect(message.stop_reason).toBe('end_turn');
    }
  });

  it('leaves one row in the ledger for itself and one for each call', async () => {
    verifies('llm:tools');
    const known = new Set((await ledgerRows(gateway)).map(({ id }) => id));
    provider.answer(turn(undefined, [{ id: 'c1', name: 'tools-echo', input: { text: 'row' } }]), turn('ok'));
    await openai.responses.create({ model: 'chatty', input: 'go', tools: [OURS] });
    const rows = (await ledgerRows(gateway)).filter(({ id }) => !known.has(id));
    expect(rows.map(({ server, status }) => [server, status])).toEqual([
      ['tools', 'ok'],
      [undefined, 'ok'],
    ]);
  });

  it('is refused servers that the key may not use, and a list that is empty', async () => {
    verifies('llm:tools');
    for (const tool of [
      { ...OURS, server_url: 'lanport/mcp/nowhere' },
      { ...OURS, allowed_tools: ['no-such-tool'] },
    ])
      await expect(
        openai.responses.create({ model: 'chatty', input: 'go', tools: [tool] }),
      ).rejects.toMatchObject({ status: 400, param: 'tools' });
  });
});
