import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { ask } from '../support/limited.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const TEAM_KEY = 'sk-team-0123456789abcdef';
const NO_KEY = 'sk-none-0123456789abcdef';
const ALIAS_KEY = 'sk-alias-0123456789abcdef';
let gateway: TestGateway;

beforeAll(async () => {
  const mock = (name: string): object => ({ model: `mock/${name}`, mock_response: 'Hi.' });
  gateway = await startGateway({
    config: configWith(
      { files: { command: process.execPath, args: [`${ROOT}/test/support/upstreams/stdio-2025.ts`] } },
      {
        model_list: [
          {
            model_name: 'gpt-main',
            litellm_params: {
              model: 'openai/gpt-4o',
              api_key: 'sk-provider-secret',
              api_base: 'https://user:password@api.openai.com/v1',
              headers: { 'x-secret': 'hidden-value' },
              aws_secret_access_key: 'another-secret',
              temperature: 0.5,
              mock_response: 'Hi.',
            },
            model_info: {
              id: 'main-1',
              aliases: ['claude-main'],
              display_name: 'Main',
              description: 'For everything.',
              access_groups: ['everyday'],
              codex: { support_verbosity: true },
            },
          },
          { model_name: 'small', litellm_params: mock('small'), model_info: { max_input_tokens: 1000 } },
          {
            model_name: 'vectors',
            litellm_params: { model: 'openai/text-embedding-3-small', mock_response: 'x' },
          },
          {
            model_name: 'anthropic/*',
            litellm_params: { model: 'anthropic/*', api_key: 'sk-x' },
            model_info: { access_groups: ['far'] },
          },
        ],
        litellm_settings: { claude_code_discovery: true },
        virtual_keys: [
          { api_key: TEAM_KEY, models: ['everyday', 'small'], mcp_servers: [] },
          { api_key: NO_KEY, models: ['far'], mcp_servers: ['files'] },
          { api_key: ALIAS_KEY, models: ['small'], aliases: { mine: 'small', theirs: 'gpt-main' } },
        ],
      },
    ),
  });
  await serversSettled(gateway);
}, 60_000);

afterAll(() => gateway?.[Symbol.asyncDispose]());

function get(
  path: string,
  key: string = gateway.key,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  return http(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${key}`, ...headers } });
}

const ANTHROPIC = { 'anthropic-version': '2023-06-01' };

interface Entry {
  readonly id: string;
  readonly tools?: readonly {
    readonly name: string;
    readonly server: string;
    readonly description?: string;
  }[];
}

function ids(answer: HttpAnswer): string[] {
  expect(answer.status, answer.text).toBe(200);
  return answer.json<{ data: Entry[] }>().data.map(({ id }) => id);
}

describe('the list of models', () => {
  test("in OpenAI's shape, with what the key may use", async () => {
    verifies('llm:models');
    const answer = await get('/v1/models', TEAM_KEY);
    expect(ids(answer)).toEqual(['gpt-main', 'small', 'claude-main']);
    expect(answer.json<{ data: object[] }>().data[0]).toEqual({
      id: 'gpt-main',
      object: 'model',
      created: expect.any(Number) as number,
      owned_by: expect.any(String) as string,
    });
    expect(ids(await get('/models', TEAM_KEY))).toEqual(['gpt-main', 'small', 'claude-main']);
  });

  test('names every model that a wildcard stands for', async () => {
    const all = ids(await get('/v1/models'));
    expect(all).toContain('anthropic/claude-opus-4-8');
    expect(all.some((id) => id.includes('*'))).toBe(false);
    expect(new Set(all).size).toBe(all.length);
    expect(ids(await get('/v1/models', NO_KEY)).every((id) => id.startsWith('anthropic/'))).toBe(true);
  });

  test('tells no names that a key has of its own, which answer all the same where it may use what they stand for', async () => {
    verifies('llm:models-aliases');
    expect(ids(await get('/v1/models', ALIAS_KEY))).toEqual(['small']);
    expect((await get('/v1/models/mine', ALIAS_KEY)).status).toBe(404);
    const { data } = (await get('/model/info', ALIAS_KEY)).json<{ data: { model_name: string }[] }>();
    expect(data.map(({ model_name }) => model_name)).toEqual(['small']);
    const statuses = [];
    for (const model of ['mine', 'small', 'theirs', 'gpt-main'])
      statuses.push((await ask(gateway.url, ALIAS_KEY, model)).status);
    expect(statuses).toEqual([200, 200, 404, 404]);
  });

  test('tells the tools that the key may use, and none where it may use none', async () => {
    verifies('llm:models-tools');
    const [entry] = (await get('/v1/models', NO_KEY)).json<{ data: Entry[] }>().data;
    expect(entry?.tools?.length).toBeGreaterThan(0);
    expect(entry?.tools?.every(({ server }) => server === 'files')).toBe(true);
    const [bare] = (await get('/v1/models', TEAM_KEY)).json<{ data: Entry[] }>().data;
    expect(bare).not.toHaveProperty('tools');
  });

  test("in Anthropic's shape, page by page", async () => {
    verifies('llm:models-anthropic');
    const first = await get('/v1/models?limit=2', TEAM_KEY, ANTHROPIC);
    expect(first.json()).toEqual({
      data: [
        {
          type: 'model',
          id: 'gpt-main',
          display_name: 'Main',
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
          description: 'For everything.',
          max_input_tokens: 128_000,
          max_tokens: 16_384,
        },
        expect.objectContaining({ id: 'small', max_input_tokens: 1000 }),
      ],
      has_more: true,
      first_id: 'gpt-main',
      last_id: 'small',
    });
    const rest = await get('/v1/models?limit=1000&after_id=small', TEAM_KEY, ANTHROPIC);
    expect(ids(rest)).toEqual(['claude-main', 'claude-via-gpt-main', 'claude-via-small']);
    expect(rest.json()).toMatchObject({ has_more: false, last_id: 'claude-via-small' });
    const before = await get('/v1/models?limit=1&before_id=claude-main', TEAM_KEY, ANTHROPIC);
    expect(before.json()).toMatchObject({ has_more: true, first_id: 'small', last_id: 'small' });
  });

  test('has names that Claude Code keeps, and they answer', async () => {
    verifies('llm:models-claude');
    for (const model of ['claude-main', 'claude-via-small']) {
      const answer = await http(`${gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': TEAM_KEY, ...ANTHROPIC },
        body: JSON.stringify({ model, max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] }),
      });
      expect(answer.status, answer.text).toBe(200);
      expect(answer.json()).toMatchObject({ model, content: [{ type: 'text', text: 'Hi.' }] });
    }
    const denied = await http(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': NO_KEY, ...ANTHROPIC },
      body: JSON.stringify({
        model: 'claude-main',
        max_tokens: 10,
        messages: [{ role: 'user', content: 'Hi' }],
      }),
    });
    expect(denied.status).toBe(404);
  });

  test("in Codex' shape", async () => {
    verifies('llm:models-codex');
    const { models } = (await get('/v1/models?client_version=0.150.0', TEAM_KEY)).json<{
      models: Record<string, unknown>[];
    }>();
    expect(models.map(({ slug }) => slug)).toEqual(['gpt-main', 'small', 'claude-main']);
    expect(models[0]).toMatchObject({
      slug: 'gpt-main',
      display_name: 'Main',
      context_window: 128_000,
      support_verbosity: true,
      visibility: 'list',
      supported_in_api: true,
    });
    // What Codex cannot do without (ModelInfo without a default).
    for (const name of [
      'description',
      'supported_reasoning_levels',
      'shell_type',
      'priority',
      'upgrade',
      'base_instructions',
      'supports_reasoning_summaries',
      'default_verbosity',
      'apply_patch_tool_type',
      'truncation_policy',
      'supports_parallel_tool_calls',
      'experimental_supported_tools',
    ])
      expect(models[1]).toHaveProperty(name);
  });

  test("in Gemini's shape, page by page", async () => {
    verifies('llm:models-gemini');
    const first = (await http(`${gateway.url}/v1beta/models?pageSize=1&key=${TEAM_KEY}`)).json<{
      models: object[];
      nextPageToken: string;
    }>();
    expect(first.models).toEqual([
      {
        name: 'models/gpt-main',
        baseModelId: 'gpt-main',
        version: '1',
        displayName: 'Main',
        description: 'For everything.',
        inputTokenLimit: 128_000,
        outputTokenLimit: 16_384,
        supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
      },
    ]);
    const rest = await get(`/v1beta/models?pageToken=${first.nextPageToken}`, TEAM_KEY);
    expect(rest.json()).toMatchObject({ models: [{ name: 'models/small' }, { name: 'models/claude-main' }] });
    expect(rest.json()).not.toHaveProperty('nextPageToken');
    const all = (await get('/v1beta/models?pageSize=1000')).json<{ models: Record<string, unknown>[] }>();
    expect(all.models.find(({ name }) => name === 'models/vectors')).toMatchObject({
      supportedGenerationMethods: ['embedContent'],
    });
  });
});

describe('one model', () => {
  test('in each shape', async () => {
    expect((await get('/v1/models/small', TEAM_KEY)).json()).toMatchObject({ id: 'small', object: 'model' });
    expect((await get('/v1/models/small', TEAM_KEY, ANTHROPIC)).json()).toMatchObject({
      id: 'small',
      type: 'model',
    });
    expect((await get('/v1beta/models/small', TEAM_KEY)).json()).toMatchObject({ name: 'models/small' });
    expect((await get('/v1/models/anthropic/claude-opus-4-8')).json()).toMatchObject({
      id: 'anthropic/claude-opus-4-8',
    });
  });

  test('that the key may not use is one that there is not, in the words of the shape', async () => {
    verifies('llm:models-errors');
    const openai = await get('/v1/models/vectors', TEAM_KEY);
    expect(openai.status).toBe(404);
    expect(openai.json()).toMatchObject({ error: { message: expect.stringContaining('vectors') as string } });
    const anthropic = await get('/v1/models/vectors', TEAM_KEY, ANTHROPIC);
    expect(anthropic.status).toBe(404);
    expect(anthropic.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
    const gemini = await get('/v1beta/models/vectors', TEAM_KEY);
    expect(gemini.json()).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } });
  });
});

describe('trouble in the words of the shape', () => {
  test('no key, and a page that makes no sense', async () => {
    const refused = await http(`${gateway.url}/v1/models`, { headers: ANTHROPIC });
    expect(refused.status).toBe(401);
    expect(refused.json()).toMatchObject({ type: 'error', error: { type: 'authentication_error' } });
    expect((await http(`${gateway.url}/v1/models`)).json()).toMatchObject({
      error: { message: expect.any(String) as string },
    });
    const page = await get('/v1/models?limit=none', TEAM_KEY, ANTHROPIC);
    expect(page.status).toBe(400);
    expect(page.json()).toMatchObject({
      error: { type: 'invalid_request_error', message: expect.stringContaining('limit') as string },
    });
    expect((await get('/v1/models?after_id=gone', TEAM_KEY, ANTHROPIC)).status).toBe(400);
  });
});

describe('/model/info', () => {
  interface Info {
    readonly data: readonly {
      readonly model_name: string;
      readonly litellm_params: Record<string, unknown>;
      readonly model_info: Record<string, unknown>;
    }[];
  }

  test("is LiteLLM's, with prices and limits and without secrets", async () => {
    verifies('llm:model-info');
    const answer = await get('/model/info');
    const { data } = answer.json<Info>();
    expect(data.map(({ model_name }) => model_name)).toEqual(['gpt-main', 'small', 'vectors', 'anthropic/*']);
    expect(data[0]).toMatchObject({
      litellm_params: { model: 'openai/gpt-4o', api_base: 'https://api.openai.com/v1', temperature: 0.5 },
      model_info: {
        id: 'main-1',
        db_model: false,
        key: 'openai/gpt-4o',
        mode: 'chat',
        input_cost_per_token: 0.0000025,
        output_cost_per_token: 0.00001,
        max_input_tokens: 128_000,
      },
    });
    for (const secret of ['sk-provider-secret', 'password', 'hidden-value', 'another-secret', 'sk-x'])
      expect(answer.text).not.toContain(secret);
    expect((await get('/v1/model/info')).json()).toEqual(answer.json());
    const one = (await get('/model/info?litellm_model_id=main-1')).json<Info>();
    expect(one.data).toHaveLength(1);
  });

  test('shows a key its own models, and not where they are', async () => {
    const { data } = (await get('/model/info', TEAM_KEY)).json<Info>();
    expect(data.map(({ model_name }) => model_name)).toEqual(['gpt-main', 'small']);
    expect(data[0]!.litellm_params).toEqual({ model: 'openai/gpt-4o' });
  });
});
