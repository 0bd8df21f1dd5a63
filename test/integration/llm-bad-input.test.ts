import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { startProvider, type TestProvider } from '../support/llm/provider.ts';
import { verifies } from '../support/verifies.ts';

let provider: TestProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startProvider({ status: 418, body: ['{}'] });
  gateway = await startGateway({
    config: configWith(
      {},
      {
        // Each dialect meets a provider of another, so that the gateway itself has to understand the request.
        model_list: [
          {
            model_name: 'm',
            litellm_params: { model: 'custom_openai/m', api_base: `${provider.url}/v1`, api_key: 'sk-up' },
          },
          {
            model_name: 'claude',
            litellm_params: {
              model: 'anthropic/claude-sonnet-4-5',
              api_base: provider.url,
              api_key: 'sk-up',
            },
          },
        ],
      },
    ),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

/** The body, or text that is none; the member that is named; the status, where it is not 400. */
type Case = readonly [body: object | string, field: string | undefined, status?: number];

async function refused(
  path: string,
  body: object | string,
  status: number,
): Promise<Record<string, unknown>> {
  const before = provider.requests.length;
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${MASTER_KEY}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  expect([response.status, text]).toEqual([status, text]);
  expect(provider.requests.slice(before).map(({ body: sent }) => sent)).toEqual([]);
  return JSON.parse(text) as Record<string, unknown>;
}

const user = { role: 'user', content: 'x' };
const CHAT: readonly Case[] = [
  ['{"model":"claude","messages":[', undefined],
  ['[]', undefined],
  [{ messages: [user] }, 'model'],
  [{ model: 7, messages: [user] }, 'model'],
  [{ model: 'nobody', messages: [user] }, 'model', 404],
  [{ model: 'claude', messages: [user], stream: 'yes' }, 'stream'],
  [{ model: 'claude' }, 'messages'],
  [{ model: 'claude', messages: [] }, 'messages'],
  [{ model: 'claude', messages: ['x'] }, 'messages[0]'],
  [{ model: 'claude', messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
  [{ model: 'claude', messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
  [
    { model: 'claude', messages: [user, { role: 'user', content: [{ type: 'image_url' }] }] },
    'messages[1].content[0].image_url',
  ],
  [
    { model: 'claude', messages: [{ role: 'user', content: [{ type: 'hologram' }] }] },
    'messages[0].content[0].type',
  ],
  [{ model: 'claude', messages: [user], temperature: 'hot' }, 'temperature'],
  [{ model: 'claude', messages: [user], tools: {} }, 'tools'],
  [
    { model: 'claude', messages: [user], tools: [{ type: 'function', function: {} }] },
    'tools[0].function.name',
  ],
];

const RESPONSES: readonly Case[] = [
  ['{"model":"claude","input":"x"', undefined],
  [{ input: 'x' }, 'model'],
  [{ model: '', input: 'x' }, 'model'],
  [{ model: 'nobody', input: 'x' }, 'model', 404],
  [{ model: 'claude', input: 'x', stream: 1 }, 'stream'],
  [{ model: 'claude', input: 5 }, 'input'],
  [{ model: 'claude', input: ['x'] }, 'input[0]'],
  [{ model: 'claude', input: [{ type: 'function_call', call_id: 'c', arguments: '{}' }] }, 'input[0].name'],
  [{ model: 'claude', input: [{ type: 'function_call_output', output: 'x' }] }, 'input[0].call_id'],
  [
    { model: 'claude', input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
    'input[0].content[0].image_url',
  ],
  [{ model: 'claude', input: 'x', max_output_tokens: 'many' }, 'max_output_tokens'],
  [{ model: 'claude', input: 'x', tools: [{ type: 'function' }] }, 'tools[0].name'],
  [{ model: 'claude', input: 'x', tool_choice: { type: 'function' } }, 'tool_choice.name'],
  [
    { model: 'claude', input: 'x', text: { format: { type: 'json_schema', name: 'a' } } },
    'text.format.schema',
  ],
  [{ model: 'claude', input: 'x', previous_response_id: 'resp_nobody' }, 'previous_response_id'],
  [{ model: 'claude', input: 'x', previous_response_id: 5 }, 'previous_response_id'],
  // Kept by OpenAI, which is not asked.
  [{ model: 'claude', input: 'x', conversation: 'conv_1' }, 'conversation'],
  [{ model: 'claude', input: 'x', prompt: { id: 'pmpt_1' } }, 'prompt'],
];

const MESSAGES: readonly Case[] = [
  ['not json', undefined],
  [{ messages: [user], max_tokens: 5 }, 'model'],
  [{ model: 'nobody', messages: [user], max_tokens: 5 }, 'model', 404],
  [{ model: 'm', messages: [user], max_tokens: 5, stream: 'no' }, 'stream'],
  [{ model: 'm', max_tokens: 5 }, 'messages'],
  [{ model: 'm', max_tokens: 'many', messages: [user] }, 'max_tokens'],
  [{ model: 'm', max_tokens: 5, messages: [{ role: 'robot', content: 'x' }] }, 'messages.0.role'],
  [{ model: 'm', max_tokens: 5, messages: [user, { role: 'assistant' }] }, 'messages.1.content'],
  [
    { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: [{ type: 'text' }] }] },
    'messages.0.content.0.text',
  ],
  [
    {
      model: 'm',
      max_tokens: 5,
      messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'x' } }] }],
    },
    'messages.0.content.0.source.type',
  ],
  [
    {
      model: 'm',
      max_tokens: 5,
      messages: [{ role: 'user', content: [{ type: 'tool_result', content: 'x' }] }],
    },
    'messages.0.content.0.tool_use_id',
  ],
  [
    { model: 'm', max_tokens: 5, messages: [user], tools: [{ input_schema: { type: 'object' } }] },
    'tools.0.name',
  ],
  [{ model: 'm', max_tokens: 5, messages: [user], tool_choice: { type: 'tool' } }, 'tool_choice.name'],
  [{ model: 'm', max_tokens: 5, messages: [user], thinking: 'hard' }, 'thinking'],
];

const contents = [{ role: 'user', parts: [{ text: 'x' }] }];
const GEMINI: readonly Case[] = [
  ['{"contents":', undefined],
  [{}, 'contents'],
  [{ contents: [] }, 'contents'],
  [{ contents: [5] }, 'contents[0]'],
  [{ contents: [{ role: 'robot', parts: [{ text: 'x' }] }] }, 'contents[0].role'],
  [{ contents: [{ role: 'user', parts: 'x' }] }, 'contents[0].parts'],
  [{ contents: [{ role: 'user', parts: [{ text: 5 }] }] }, 'contents[0].parts[0].text'],
  [
    { contents: [{ role: 'user', parts: [{ inlineData: { data: 'AAAA' } }] }] },
    'contents[0].parts[0].inlineData',
  ],
  [
    { contents: [{ role: 'model', parts: [{ functionCall: { args: {} } }] }] },
    'contents[0].parts[0].functionCall.name',
  ],
  [{ contents, systemInstruction: 5 }, 'systemInstruction'],
  [{ contents, generationConfig: { temperature: 'hot' } }, 'generationConfig.temperature'],
  [{ contents, generationConfig: 5 }, 'generationConfig'],
  [{ contents, tools: 5 }, 'tools'],
  [{ contents, tools: [{ functionDeclarations: [{}] }] }, 'tools[0].functionDeclarations[0].name'],
];

const named = (cases: readonly Case[]) =>
  cases.map(([body, field, status = 400], at) => ({
    body,
    field,
    status,
    name: `${at + 1}. ${field ?? (typeof body === 'string' ? body : 'body')}`,
  }));

describe('bad input is refused in the words of its dialect, with the member that is wrong', () => {
  it.each([
    ...named(CHAT).map((one) => ({ ...one, path: '/v1/chat/completions' })),
    ...named(RESPONSES).map((one) => ({ ...one, path: '/v1/responses' })),
  ])('$path: $name', async ({ path, body, field, status }) => {
    verifies('llm:bad-input');
    expect(await refused(path, body, status)).toEqual({
      error: {
        message: expect.stringContaining(
          JSON.stringify(body).includes('nobody') ? 'nobody' : (field?.split('.')[0] ?? 'JSON'),
        ),
        type: 'invalid_request_error',
        param: field ?? null,
        code:
          status === 404
            ? 'model_not_found'
            : JSON.stringify(body).includes('resp_nobody')
              ? 'previous_response_not_found'
              : null,
      },
    });
  });

  it.each(named(MESSAGES))('Messages: $name', async ({ body, field, status }) => {
    verifies('llm:bad-input');
    expect(await refused('/v1/messages', body, status)).toMatchObject({
      type: 'error',
      error: {
        type: status === 404 ? 'not_found_error' : 'invalid_request_error',
        message: expect.stringContaining(field ?? 'JSON'),
      },
    });
  });

  it.each([false, true].flatMap((isStream) => named(GEMINI).map((one) => ({ ...one, isStream }))))(
    'Gemini: $name, streamed: $isStream',
    async ({ body, field, status, isStream }) => {
      verifies('llm:bad-input');
      const verb = isStream ? 'streamGenerateContent?alt=sse' : 'generateContent';
      const { error } = await refused(`/v1beta/models/claude:${verb}`, body, status);
      expect(error).toMatchObject({
        code: 400,
        status: 'INVALID_ARGUMENT',
        message: expect.stringContaining(field ?? 'JSON'),
      });
      const { details } = error as {
        details?: readonly { fieldViolations?: readonly { field: string }[] }[];
      };
      expect(details?.[0]?.fieldViolations?.[0]?.field).toBe(field);
    },
  );

  it('Gemini: a model that is not there', async () => {
    verifies('llm:bad-input');
    const { error } = await refused('/v1beta/models/nobody:generateContent', { contents }, 404);
    expect(error).toMatchObject({
      code: 404,
      status: 'NOT_FOUND',
      message: expect.stringContaining('nobody'),
    });
  });
});

describe('what is asked of an answer that is kept', () => {
  const get = async (path: string): Promise<readonly [number, unknown]> => {
    const response = await fetch(gateway.url + path, { headers: { authorization: `Bearer ${MASTER_KEY}` } });
    const { error } = (await response.json()) as { error: { type: string; param: string | null } };
    return [response.status, { type: error.type, param: error.param }];
  };

  it.each([
    ['/v1/responses/resp_nobody', 404, 'response_id'],
    ['/v1/responses/resp_nobody/input_items', 404, 'response_id'],
    ['/v1/responses/resp_nobody?stream=true', 400, 'stream'],
    ['/v1/chat/completions', 405, null],
  ])('%s is refused with %i', async (path, status, param) => {
    verifies('llm:bad-input');
    expect(await get(path)).toEqual([status, { type: 'invalid_request_error', param }]);
  });
});
