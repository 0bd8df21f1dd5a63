import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { EVENTS, events, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { verifies } from '../support/verifies.ts';

let provider: TestProvider;
let gateway: TestGateway;

const USAGE = {
  input_tokens: 100,
  cache_read_input_tokens: 300,
  cache_creation_input_tokens: 600,
  cache_creation: { ephemeral_5m_input_tokens: 400, ephemeral_1h_input_tokens: 200 },
  output_tokens: 50,
};
const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5-20250929',
  content: [{ type: 'text', text: 'Hello.' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: USAGE,
};
/** 100 × 3 + 300 × 0.3 + 400 × 3.75 + 200 × 6 + 50 × 15, in millionths. */
const COST = 0.00384;

/** The same answer in events. */
function streamOf(message: typeof MESSAGE): string {
  const { content: _, ...head } = message;
  return events(
    ['message_start', { type: 'message_start', message: { ...head, content: [], usage: USAGE } }],
    [
      'content_block_start',
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ],
    [
      'content_block_delta',
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello.' } },
    ],
    ['content_block_stop', { type: 'content_block_stop', index: 0 }],
    [
      'message_delta',
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 50 },
      },
    ],
    ['message_stop', { type: 'message_stop' }],
  );
}

beforeAll(async () => {
  provider = await startProvider({ body: [JSON.stringify(MESSAGE)] });
  const sonnet = {
    model: 'anthropic/claude-sonnet-4-5-20250929',
    api_base: provider.url,
    api_key: 'sk-provider',
  };
  gateway = await startGateway({
    config: configWith(
      {},
      {
        model_list: [
          { model_name: 'sonnet', litellm_params: sonnet },
          {
            model_name: 'own',
            litellm_params: { ...sonnet, input_cost_per_token: 1e-6 },
            model_info: { output_cost_per_token: 0.00001 },
          },
          {
            model_name: 'based',
            litellm_params: { ...sonnet, model: 'anthropic/private' },
            model_info: { base_model: 'claude-opus-4-1' },
          },
          {
            model_name: 'flexible',
            litellm_params: { model: 'openai/gpt-5', api_base: provider.url, api_key: 'sk-provider' },
          },
          { model_name: 'unknown', litellm_params: { ...sonnet, model: 'anthropic/private' } },
          { model_name: 'mocked', litellm_params: { model: 'openai/gpt-4o', mock_response: 'Hi.' } },
        ],
      },
    ),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

function ask(model: string, more: object = {}, path = '/v1/messages'): Promise<HttpAnswer> {
  const said = path.endsWith('messages')
    ? { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 100 }
    : { input: 'Hi' };
  return http(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, ...said, ...more }),
  });
}

interface Entry {
  readonly id: string;
  readonly cost?: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
}

async function entryOf(answer: HttpAnswer): Promise<Entry> {
  expect(answer.status, answer.text).toBe(200);
  const rows = (await ledgerRows(gateway)) as readonly Entry[];
  return rows.find(({ id }) => id === answer.headers['x-litellm-call-id'])!;
}

describe('what a request to a model costs', () => {
  test('is in the header and in the ledger, with every kind of token at its own price', async () => {
    verifies('llm:cost');
    const answer = await ask('sonnet');
    expect(answer.headers['x-litellm-response-cost']).toBe('0.00384');
    expect(await entryOf(answer)).toMatchObject({ cost: COST, promptTokens: 1_000, completionTokens: 50 });
  });

  test('is the same when the client speaks another format', async () => {
    const answer = await ask('sonnet', {}, '/v1/responses');
    expect(answer.headers['x-litellm-response-cost']).toBe('0.00384');
    expect(await entryOf(answer)).toMatchObject({ cost: COST });
  });

  test.each(['/v1/messages', '/v1/responses'])('of a stream is in the ledger alone (%s)', async (path) => {
    provider.answer({ headers: EVENTS, body: [streamOf(MESSAGE)] });
    try {
      const answer = await ask('sonnet', { stream: true }, path);
      expect(answer.headers['x-litellm-response-cost']).toBeUndefined();
      expect(await entryOf(answer)).toMatchObject({ cost: COST, promptTokens: 1_000 });
    } finally {
      provider.answer({ body: [JSON.stringify(MESSAGE)] });
    }
  });

  test('is by the prices of the entry, where it has some', async () => {
    verifies('llm:own-prices');
    // 1000 × 1 + 50 × 10
    expect(await entryOf(await ask('own'))).toMatchObject({ cost: 0.0015 });
    // 100 × 15 + 300 × 1.5 + 400 × 18.75 + 200 × 30 + 50 × 75
    expect(await entryOf(await ask('based'))).toMatchObject({ cost: 0.0192 });
  });

  test('has the discount of a service tier only where the provider was asked for it', async () => {
    verifies('llm:cost');
    // Anthropic has no such tier, so it was not asked for it.
    const answer = await ask('sonnet', { service_tier: 'flex' }, '/v1/responses');
    expect(answer.headers['x-lanport-dropped']).toBe('service_tier');
    expect(answer.headers['x-litellm-response-cost']).toBe('0.00384');
    // Half, by the answer's word or, where it says nothing, by the request's.
    const chat = { usage: { prompt_tokens: 1_000, completion_tokens: 100 } };
    const said = {
      ...MESSAGE,
      object: 'chat.completion',
      choices: [{ index: 0, message: { content: 'x' } }],
    };
    provider.answer({ body: [JSON.stringify({ ...said, ...chat })] });
    try {
      const flex = await ask('flexible', { service_tier: 'flex' }, '/v1/responses');
      expect(flex.headers['x-litellm-response-cost']).toBe('0.001125');
      const plain = await ask('flexible', {}, '/v1/responses');
      expect(plain.headers['x-litellm-response-cost']).toBe('0.00225');
    } finally {
      provider.answer({ body: [JSON.stringify(MESSAGE)] });
    }
  });

  test('is left open when nobody said what the model costs', async () => {
    const answer = await ask('unknown');
    expect(answer.headers['x-litellm-response-cost']).toBeUndefined();
    expect(await entryOf(answer)).not.toHaveProperty('cost');
  });

  test('of a mock is that of the model that it stands for', async () => {
    const entry = await entryOf(await ask('mocked'));
    expect(entry.cost).toBeCloseTo(entry.promptTokens! * 2.5e-6 + entry.completionTokens! * 1e-5, 12);
    expect(entry.cost).toBeGreaterThan(0);
  });
});

test.each([false, true])(
  "the gateway's own share of the time is told apart from the provider's (stream: %s)",
  async (isStream) => {
    verifies('llm:overhead');
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    provider.answer(() => {
      setTimeout(release, 150);
      return isStream
        ? { headers: EVENTS, body: [held, streamOf(MESSAGE)] }
        : { body: [held, JSON.stringify(MESSAGE)] };
    });
    const { headers } = await ask('sonnet', { stream: isStream });
    provider.answer({ body: [JSON.stringify(MESSAGE)] });
    const total = Number(headers['x-litellm-response-duration-ms']);
    const own = Number(headers['x-litellm-overhead-duration-ms']);
    expect(total - own).toBeGreaterThan(100);
    expect(own).toBeGreaterThanOrEqual(0);
  },
);

test("a refusal has the id of its row in the ledger, as LiteLLM's answers do", async () => {
  const answer = await ask('nobody');
  expect(answer.status).toBe(404);
  expect(answer.headers['x-litellm-call-id']).toBe(answer.headers['x-request-id']);
  const rows = await ledgerRows(gateway);
  expect(rows.map(({ id }) => id)).toContain(answer.headers['x-litellm-call-id']);
});
