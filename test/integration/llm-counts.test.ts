import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { type ProviderRequest, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { verifies } from '../support/verifies.ts';

let provider: TestProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startProvider({ body: ['{}'] });
  const at = (model: string): object => ({
    model,
    api_base: provider.url,
    api_key: 'sk-provider',
    temperature: 0.5,
  });
  gateway = await startGateway({
    config: configWith(
      {},
      {
        model_list: [
          { model_name: 'claude', litellm_params: at('anthropic/claude-sonnet-4-5') },
          { model_name: 'gemini', litellm_params: at('gemini/gemini-2.5-pro') },
          { model_name: 'gem-vectors', litellm_params: at('gemini/gemini-embedding-001') },
          { model_name: 'gpt', litellm_params: at('openai/responses/gpt-5') },
          {
            model_name: 'vectors',
            litellm_params: { ...at('openai/text-embedding-3-small'), temperature: undefined },
          },
          { model_name: 'local', litellm_params: at('hosted_vllm/llama') },
          { model_name: 'mocked', litellm_params: { model: 'mock/x', mock_response: 'Hi.' } },
        ],
      },
    ),
  });
}, 60_000);

beforeEach(() => provider.answer({ status: 500, body: ['{"error":{"message":"not scripted"}}'] }));

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

function post(path: string, body: object): Promise<HttpAnswer> {
  return http(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify(body),
  });
}

const MESSAGES = [{ role: 'user', content: 'How many tokens are these?' }];
const CONTENTS = [{ role: 'user', parts: [{ text: 'How many tokens are these?' }] }];

describe('tokens are counted', () => {
  test("by Anthropic, in the client's own bytes", async () => {
    verifies('llm:count-native');
    provider.answer({ body: ['{"input_tokens": 14, "new": true}'] });
    const answer = await post('/v1/messages/count_tokens', {
      model: 'claude',
      messages: MESSAGES,
      unknown: [1],
    });
    expect(answer.text).toBe('{"input_tokens": 14, "new": true}');
    expect(answer.headers['x-lanport-token-count']).toBeUndefined();
    const seen = provider.requests.at(-1)!;
    expect(seen.url).toBe('/v1/messages/count_tokens');
    expect(seen.body).toEqual({ model: 'claude-sonnet-4-5', messages: MESSAGES, unknown: [1] });
  });

  test('by Gemini, whose requests may hold a request', async () => {
    provider.answer({ body: ['{"totalTokens": 9}'] });
    const plain = await post('/v1beta/models/gemini:countTokens', { contents: CONTENTS });
    expect(plain.json()).toEqual({ totalTokens: 9 });
    expect(provider.requests.at(-1)).toMatchObject({
      url: '/models/gemini-2.5-pro:countTokens',
      body: { contents: CONTENTS },
    });
    await post('/v1beta/models/gemini:countTokens', {
      generateContentRequest: { model: 'models/gemini', contents: CONTENTS },
    });
    expect(provider.requests.at(-1)!.body).toEqual({
      generateContentRequest: { model: 'models/gemini-2.5-pro', contents: CONTENTS },
    });
  });

  test('by OpenAI, for Responses', async () => {
    provider.answer({ body: ['{"object":"response.input_tokens","input_tokens":7}'] });
    const answer = await post('/v1/responses/input_tokens', { model: 'gpt', input: 'Hi' });
    expect(answer.json()).toEqual({ object: 'response.input_tokens', input_tokens: 7 });
    expect(provider.requests.at(-1)).toMatchObject({
      url: '/responses/input_tokens',
      body: { model: 'gpt-5', input: 'Hi' },
    });
  });

  test('by the provider in its own format, where the client speaks another', async () => {
    provider.answer({ body: ['{"totalTokens": 9}'] });
    const asked = { model: 'gemini', system: 'Be short.', messages: MESSAGES };
    const messages = await post('/v1/messages/count_tokens', asked);
    expect(messages.json()).toEqual({ input_tokens: 9 });
    expect(messages.headers['x-lanport-token-count']).toBeUndefined();
    expect(provider.requests.at(-1)).toMatchObject({
      url: '/models/gemini-2.5-pro:countTokens',
      body: {
        generateContentRequest: {
          model: 'models/gemini-2.5-pro',
          contents: CONTENTS,
          systemInstruction: { parts: [{ text: 'Be short.' }] },
        },
      },
    });
    provider.answer({ body: ['{"input_tokens": 8}'] });
    const gemini = await post('/v1beta/models/claude:countTokens', { contents: CONTENTS });
    expect(gemini.json()).toMatchObject({ totalTokens: 8 });
    expect(provider.requests.at(-1)!.body).not.toHaveProperty('max_tokens');
  });

  test('here, and said to be an estimate, where the provider does not count', async () => {
    verifies('llm:count-estimate');
    const before = provider.requests.length;
    const answers = await Promise.all([
      post('/v1/messages/count_tokens', { model: 'local', messages: MESSAGES }),
      post('/v1beta/models/local:countTokens', { contents: CONTENTS }),
      post('/v1beta/models/local:countTokens', { generateContentRequest: { contents: CONTENTS } }),
      post('/v1/responses/input_tokens', { model: 'mocked', input: 'How many tokens are these?' }),
    ]);
    for (const { status, text, headers } of answers) {
      expect(status, text).toBe(200);
      expect(headers['x-lanport-token-count']).toBe('estimate');
    }
    expect(provider.requests).toHaveLength(before);
    const [messages, gemini, inner, responses] = answers.map((one) => one.json());
    expect(messages!['input_tokens']).toBeGreaterThan(6);
    expect(messages!['input_tokens']).toBeLessThan(30);
    expect(gemini).toMatchObject({ totalTokens: messages!['input_tokens'] });
    expect(inner).toEqual(gemini);
    expect(responses).toEqual({ object: 'response.input_tokens', input_tokens: messages!['input_tokens'] });
  });

  test('here, where the provider knows the format and does not count', async () => {
    provider.answer({ status: 404, body: ['{"error":"no such path"}'] });
    const answer = await post('/v1/messages/count_tokens', { model: 'claude', messages: MESSAGES });
    expect(answer.status).toBe(200);
    expect(answer.headers['x-lanport-token-count']).toBe('estimate');
  });

  test('or the trouble is told in the words of the format', async () => {
    provider.answer({
      status: 400,
      body: ['{"type":"error","error":{"type":"invalid_request_error","message":"messages: too few"}}'],
    });
    const refused = await post('/v1/messages/count_tokens', { model: 'claude', messages: [] });
    expect(refused.status).toBe(400);
    expect(refused.json()).toMatchObject({ error: { message: 'messages: too few' } });
    provider.answer({ body: ['<html>'] });
    const nonsense = await post('/v1/messages/count_tokens', { model: 'claude', messages: MESSAGES });
    expect(nonsense.status).toBe(502);
    expect(nonsense.json()).toMatchObject({ type: 'error', error: { type: 'api_error' } });
  });
});

describe('embeddings', () => {
  test('are the providers own bytes, and what they cost is recorded', async () => {
    verifies('llm:embeddings');
    const text =
      '{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPw=="}],"model":"text-embedding-3-small","usage":{"prompt_tokens":5,"total_tokens":5}}';
    provider.answer({ body: [text] });
    const answer = await post('/v1/embeddings', {
      model: 'vectors',
      input: 'one two',
      encoding_format: 'base64',
    });
    expect(answer.text).toBe(text);
    expect(answer.headers['x-litellm-response-cost']).toBe('0.0000001');
    expect(provider.requests.at(-1)).toMatchObject({
      url: '/embeddings',
      body: { model: 'text-embedding-3-small', input: 'one two', encoding_format: 'base64' },
    });
    const rows = await ledgerRows(gateway);
    expect(rows.find(({ id }) => id === answer.headers['x-litellm-call-id'])).toMatchObject({
      operation: 'chat/embed',
      promptTokens: 5,
      cost: 1e-7,
      status: 'ok',
    });
  });

  test("of Gemini's go the same way, one and many", async () => {
    provider.answer({ body: ['{"embedding":{"values":[1]}}'] });
    const content = { parts: [{ text: 'one' }] };
    const one = await post('/v1beta/models/gem-vectors:embedContent', {
      model: 'models/gem-vectors',
      content,
    });
    expect(one.json()).toEqual({ embedding: { values: [1] } });
    expect(provider.requests.at(-1)!.url).toBe('/models/gemini-embedding-001:embedContent');
    provider.answer({ body: ['{"embeddings":[{"values":[1]}]}'] });
    await post('/v1beta/models/gem-vectors:batchEmbedContents', {
      requests: [{ model: 'models/gem-vectors', content }],
    });
    expect(provider.requests.at(-1)).toMatchObject({
      url: '/models/gemini-embedding-001:batchEmbedContents',
      body: { requests: [{ model: 'models/gemini-embedding-001', content }] },
    });
  });

  describe("of Gemini's models for clients of OpenAI's", () => {
    const values = (request: unknown): object => ({
      values: [
        0.25,
        -0.5,
        (request as { content: { parts: [{ text: string }] } }).content.parts[0].text.length,
      ],
    });
    const vectors = (usage: object) => (request: ProviderRequest) => ({
      body: [JSON.stringify({ embeddings: (request.body['requests'] as unknown[]).map(values), ...usage })],
    });

    test('come as the official client reads them, as numbers and as bytes', async () => {
      verifies('llm:embeddings-gemini');
      provider.answer(vectors({ usageMetadata: { promptTokenCount: 7 } }));
      const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key, maxRetries: 0 });
      const asked = { model: 'gem-vectors', input: ['one', 'three'], dimensions: 3 };
      for (const more of [{}, { encoding_format: 'float' }] as const) {
        const { data, usage, model } = await client.embeddings.create({ ...asked, ...more });
        expect(data.map(({ embedding }) => embedding)).toEqual([
          [0.25, -0.5, 3],
          [0.25, -0.5, 5],
        ]);
        expect(data.map(({ index }) => index)).toEqual([0, 1]);
        expect({ usage, model }).toEqual({
          usage: { prompt_tokens: 7, total_tokens: 7 },
          model: 'gem-vectors',
        });
      }
      expect(provider.requests.at(-1)).toMatchObject({
        url: '/models/gemini-embedding-001:batchEmbedContents',
      });
      expect(provider.requests.at(-1)!.body).toEqual({
        requests: ['one', 'three'].map((text) => ({
          model: 'models/gemini-embedding-001',
          content: { parts: [{ text }] },
          outputDimensionality: 3,
        })),
      });
    });

    test('are asked for a hundred at a time, and estimated where their use is not told', async () => {
      verifies('llm:embeddings-gemini');
      provider.answer(vectors({}));
      const before = provider.requests.length;
      const input = Array.from({ length: 250 }, (_, at) => 'x'.repeat(at + 1));
      const answer = await post('/v1/embeddings', {
        model: 'gem-vectors',
        input,
        user: 'me',
        task_type: 'CLUSTERING',
      });
      const { data } = answer.json<{ data: { embedding: number[] }[] }>();
      expect(data.map(({ embedding }) => embedding[2])).toEqual(input.map(({ length }) => length));
      const sent = provider.requests.slice(before).map(({ body }) => body['requests'] as object[]);
      expect(sent.map(({ length }) => length)).toEqual([100, 100, 50]);
      expect(sent[0]![0]).toMatchObject({ taskType: 'CLUSTERING' });
      expect(answer.headers['x-lanport-dropped']).toBe('user');
      const rows = await ledgerRows(gateway);
      expect(rows.find(({ id }) => id === answer.headers['x-litellm-call-id'])).toMatchObject({
        operation: 'chat/embed',
        tokensEstimated: true,
        status: 'ok',
      });
    });

    test.each([
      ['tokens', { input: [1, 2] }, 'input'],
      ['an unknown encoding', { input: 'x', encoding_format: 'hex' }, 'encoding_format'],
    ])('are refused for %s, without asking', async (_, body, param) => {
      const before = provider.requests.length;
      const answer = await post('/v1/embeddings', { model: 'gem-vectors', ...body });
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({ error: { param } });
      expect(provider.requests).toHaveLength(before);
    });

    test.each([
      ['too few vectors', '{"embeddings":[]}'],
      ['no numbers', '{"embeddings":[{"values":["a"]}]}'],
      ['no JSON', 'oops'],
    ])('are an error when the answer has %s', async (_, text) => {
      // The good one keeps the failures from adding up until the deployment rests.
      provider.answer(vectors({}), { body: [text] });
      await post('/v1/embeddings', { model: 'gem-vectors', input: 'x' });
      const answer = await post('/v1/embeddings', { model: 'gem-vectors', input: 'x' });
      expect(answer.status).toBe(502);
    });
  });

  test('whose use is not told are estimated', async () => {
    provider.answer({ body: ['{"object":"list","data":[]}'] });
    const answer = await post('/v1/embeddings', { model: 'vectors', input: ['one two', 'three'] });
    const rows = await ledgerRows(gateway);
    expect(rows.find(({ id }) => id === answer.headers['x-litellm-call-id'])).toMatchObject({
      promptTokens: 4,
      tokensEstimated: true,
    });
  });

  test('of a model that cannot embed are refused by name', async () => {
    const answer = await post('/v1/embeddings', { model: 'claude', input: 'x' });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({
      error: { param: 'model', message: expect.stringContaining('anthropic') as string },
    });
  });

  test('of a mock are the same every time, as the official clients read them', async () => {
    verifies('llm:embeddings-mock');
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key });
    const ask = async (input: string | string[], dimensions = 16): Promise<number[][]> =>
      (await client.embeddings.create({ model: 'mocked', input, dimensions })).data.map(
        ({ embedding }) => embedding,
      );
    const [a, b] = await ask(['a', 'b']);
    expect(a).toHaveLength(16);
    expect(Math.hypot(...a!)).toBeCloseTo(1, 5);
    expect(await ask('a')).toEqual([a]);
    expect(b).not.toEqual(a);
    await expect(ask([])).rejects.toThrow('"input" must be');
    const gemini = new GoogleGenAI({ apiKey: gateway.key, httpOptions: { baseUrl: gateway.url } });
    const { embeddings } = await gemini.models.embedContent({ model: 'mocked', contents: ['a', 'b'] });
    expect(embeddings).toHaveLength(2);
    expect(embeddings![0]!.values).toHaveLength(8);
  });
});

test('the official clients count tokens', async () => {
  const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: gateway.key });
  const counted = await anthropic.messages.countTokens({
    model: 'mocked',
    messages: [{ role: 'user', content: 'How many?' }],
    tools: [{ name: 'get', description: 'Gets it.', input_schema: { type: 'object' } }],
  });
  expect(counted.input_tokens).toBeGreaterThan(10);
  const gemini = new GoogleGenAI({ apiKey: gateway.key, httpOptions: { baseUrl: gateway.url } });
  expect(
    (await gemini.models.countTokens({ model: 'mocked', contents: 'How many?' })).totalTokens,
  ).toBeGreaterThan(2);
  const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key });
  expect(
    (await openai.responses.inputTokens.count({ model: 'mocked', input: 'How many?' })).input_tokens,
  ).toBeGreaterThan(2);
  const models = [];
  for await (const model of anthropic.models.list({ limit: 2 })) models.push(model.id);
  expect(models).toEqual(['claude', 'gemini', 'gpt', 'local', 'mocked']);
  for await (const model of openai.models.list()) expect(model.object).toBe('model');
  const pager = await gemini.models.list({ config: { pageSize: 2 } });
  const names: string[] = [];
  for await (const model of pager) names.push(model.name ?? '');
  expect(names).toContain('models/mocked');
});
