import OpenAI from 'openai';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { type ProviderRequest, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const OURS = { type: 'mcp', server_label: 'demo', server_url: 'lanport', require_approval: 'never' } as const;

let provider: TestProvider;
let gateway: TestGateway;
let openai: OpenAI;

beforeAll(async () => {
  provider = await startProvider();
  gateway = await startGateway({
    config: configWith(
      {
        tools: { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts')] },
        slow: { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/remembering.ts')] },
      },
      {
        limits: { max_tool_rounds: 2, tool_call_ms: 3_000, tool_result_characters_max: 20 },
        model_list: [
          { model_name: 'm', litellm_params: { model: 'custom_openai/m', api_base: `${provider.url}/v1` } },
        ],
      },
    ),
  });
  await serversSettled(gateway);
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: MASTER_KEY, maxRetries: 0 });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

interface Body {
  readonly tool_choice?: unknown;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** A model that calls these tools in every turn in which it may call one. */
function calling(...calls: readonly (readonly [name: string, input: object])[]) {
  return callingWhile((body) => body.tool_choice !== 'none', calls);
}

function callingWhile(
  may: (body: Body) => boolean,
  calls: readonly (readonly [name: string, input: object])[],
) {
  let id = 0;
  return ({ body }: ProviderRequest) => {
    const mayCall = may(body as unknown as Body);
    const message = mayCall
      ? {
          content: null,
          tool_calls: calls.map(([name, input]) => ({
            id: `c${id++}`,
            type: 'function',
            function: { name, arguments: JSON.stringify(input) },
          })),
        }
      : { content: 'Done.' };
    const choice = {
      index: 0,
      message: { role: 'assistant', ...message },
      finish_reason: mayCall ? 'tool_calls' : 'stop',
    };
    return {
      body: [
        JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices: [choice] }),
      ],
    };
  };
}

/** What the model was told of its calls, and how often it was asked. */
async function ask(
  more: object = {},
): Promise<{ readonly results: readonly string[]; readonly asked: number }> {
  const before = provider.requests.length;
  const response = await openai.responses.create({ model: 'm', input: 'go', tools: [OURS], ...more });
  expect(response.output_text).toBe('Done.');
  const { messages } = provider.requests.at(-1)!.body as unknown as Body;
  return {
    results: messages.filter(({ role }) => role === 'tool').map(({ content }) => content),
    asked: provider.requests.length - before,
  };
}

test('a model that never stops calling tools has to answer after as many rounds as are configured', async () => {
  verifies('llm:tool-bounds');
  provider.answer(calling(['tools-echo', { text: 'hi' }]));
  const { results, asked } = await ask();
  expect(asked).toBe(3);
  expect(results).toEqual(['hi', 'hi']);
});

test('a model whose provider cannot keep it from calling tools is not asked for ever', async () => {
  verifies('llm:tool-bounds');
  // As servers of local models do that do not know the choice.
  provider.answer(callingWhile(() => true, [['tools-echo', { text: 'hi' }]]));
  const before = provider.requests.length;
  const response = await openai.responses.create({ model: 'm', input: 'go', tools: [OURS] });
  expect(provider.requests.length - before).toBe(3);
  expect([response.status, response.incomplete_details]).toEqual([
    'incomplete',
    { reason: 'max_output_tokens' },
  ]);
  const calls = response.output.filter((item) => item.type === 'mcp_call');
  expect(calls.map(({ output }) => output ?? 'none')).toEqual(['hi', 'hi', 'none']);
});

test('a result that is longer than is configured is cut, and says so', async () => {
  verifies('llm:tool-bounds');
  provider.answer(calling(['tools-echo', { text: 'x'.repeat(1_000) }]));
  const { results } = await ask();
  expect(results[0]).toBe(`${'x'.repeat(20)}\n[cut: 980 more characters]`);
});

test('a call that takes longer than is configured is given up, and the model is told', async () => {
  verifies('llm:tool-bounds');
  provider.answer(calling(['slow-wait', {}]));
  const { results } = await ask();
  expect(results[0]).toBe('The call was given up: the tool did not answer within 3 s.');
});

test('a request may allow fewer calls, over all rounds', async () => {
  verifies('llm:tool-bounds');
  provider.answer(calling(['tools-echo', { text: 'a' }], ['tools-echo', { text: 'b' }]));
  const { results, asked } = await ask({ max_tool_calls: 1 });
  expect(results[0]).toBe('a');
  expect(results[1]).toContain('not made');
  expect(asked).toBe(2);
});

test('a bound on calls that is kept is not named as one that was dropped', async () => {
  provider.answer(calling(['tools-echo', { text: 'a' }]));
  const { response } = await openai.responses
    .create({ model: 'm', input: 'go', tools: [OURS], max_tool_calls: 1 })
    .withResponse();
  expect(response.headers.get('x-lanport-dropped')).toBeNull();
  expect(provider.requests.at(-1)!.body).not.toHaveProperty('max_tool_calls');
});
