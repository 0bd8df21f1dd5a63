import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { DIALECTS } from '../support/llm/dialects.ts';
import { EVENTS, type ProviderReply, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { verifies } from '../support/verifies.ts';

const [CHAT, MESSAGES] = DIALECTS as [(typeof DIALECTS)[number], (typeof DIALECTS)[number]];
const KEY = 'sk-narrow-0123456789abcdef';

let provider: TestProvider;
let gateway: TestGateway;

/** Says which model it was asked for. */
const says = (model: unknown): ProviderReply => ({
  body: [
    JSON.stringify(CHAT.whole)
      .replace('Hello world', `I am ${String(model)}`)
      .replaceAll('"model":"m"', `"model":"${String(model)}"`),
  ],
});
const refuses = (status: number, code: string, more: object = {}): ProviderReply => ({
  status,
  body: [JSON.stringify({ error: { message: code, type: 'error', code, ...more } })],
});

beforeAll(async () => {
  provider = await startProvider();
  const at = (name: string, params: object = {}): object => ({
    model_name: name,
    litellm_params: { model: `custom_openai/${name}`, api_base: provider.url, ...params },
  });
  gateway = await startGateway({
    config: configWith(
      {},
      {
        model_list: [
          at('main'),
          at('spare'),
          at('long'),
          at('mild'),
          at('last'),
          at('lonely'),
          at('once', { max_retries: 0 }),
          at('any-*', { model: 'custom_openai/*' }),
          at('tuned', {
            temperature: 0.25,
            max_tokens: 77,
            top_k: 5,
            stop: 'END',
            extra_body: { custom: { deep: [1] }, secret_key: 'in-body' },
            additional_drop_params: ['seed'],
            input_cost_per_token: 0.000_001,
            timeout: 5,
          }),
          { ...at('short'), model_info: { max_output_tokens: 4_000 } },
          {
            model_name: 'claude',
            litellm_params: {
              model: 'anthropic/claude',
              api_base: provider.url,
              temperature: 0.25,
              max_tokens: 77,
              stop: 'END',
              extra_body: { custom: true },
            },
          },
        ],
        router_settings: {
          num_retries: 1,
          allowed_fails: 1_000,
          retry_policy: { RateLimitErrorRetries: 0, ContentPolicyViolationErrorRetries: 1 },
          model_group_alias: { nickname: 'main' },
          fallbacks: [{ main: ['spare'] }],
          context_window_fallbacks: [{ main: ['long'] }],
          content_policy_fallbacks: [{ main: ['mild'] }],
        },
        litellm_settings: { default_fallbacks: ['last'], drop_params: true },
        virtual_keys: [{ api_key: KEY, models: ['main'] }],
      },
    ),
  });
});

beforeEach(() => provider.answer(({ body }) => says(body['model'])));

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

interface Asked {
  readonly answer: HttpAnswer;
  readonly text: string;
  /** The models that the provider was asked for. */
  readonly tried: readonly unknown[];
  readonly bodies: readonly Record<string, unknown>[];
}

async function ask(model: string, more: object = {}, key = gateway.key, headers = {}): Promise<Asked> {
  const before = provider.requests.length;
  const answer = await http(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ ...CHAT.request(model, false), ...more }),
  });
  const bodies = provider.requests.slice(before).map(({ body }) => body);
  return { answer, text: CHAT.seen(answer, false).text, tried: bodies.map((body) => body['model']), bodies };
}

/** A provider whose model `main` fails. */
function failing(reply: ProviderReply): void {
  provider.answer(({ body }) => (body['model'] === 'main' ? reply : says(body['model'])));
}

describe('stand-ins', () => {
  test.each([
    [500, 'server_error', ['main', 'main', 'spare']],
    [400, 'context_length_exceeded', ['main', 'long']],
    [400, 'content_filter', ['main', 'main', 'mild']],
    [429, 'rate_limit_exceeded', ['main', 'spare']],
    [404, 'model_not_found', ['main', 'spare']],
  ])('a failure %i %s goes to %o', async (status, code, tried) => {
    verifies('llm:routing');
    failing(refuses(status, code));
    const asked = await ask('main');
    expect(asked.tried).toEqual(tried);
    expect(asked.text).toBe(`I am ${String(tried.at(-1))}`);
    expect(asked.answer.headers['x-litellm-attempted-fallbacks']).toBe('1');
  });

  test('a request that is wrong goes nowhere else', async () => {
    failing(refuses(400, 'invalid_value', { param: 'messages' }));
    const { answer, tried } = await ask('main');
    expect(tried).toEqual(['main']);
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ error: { code: 'invalid_value', param: 'messages' } });
  });

  test('an alias has those of its model', async () => {
    failing(refuses(500, 'server_error'));
    expect((await ask('nickname')).tried).toEqual(['main', 'main', 'spare']);
  });

  test('the default ones come last, each once, and the last failure is the answer', async () => {
    provider.answer(() => refuses(503, 'overloaded'));
    const { answer, tried } = await ask('main');
    expect(tried).toEqual(['main', 'main', 'spare', 'spare', 'last', 'last']);
    expect(answer.status).toBe(503);
    expect((await ask('lonely')).tried).toEqual(['lonely', 'lonely', 'last', 'last']);
  });

  test.each([[['long', 'mild']], [[{ model: 'long' }]], [[{ main: ['long'] }]], [[{ '*': ['long'] }]]])(
    'the request may name its own: %o',
    async (fallbacks) => {
      failing(refuses(500, 'server_error'));
      const { tried, text } = await ask('main', { fallbacks, num_retries: 0 });
      expect(tried).toEqual(['main', 'long']);
      expect(text).toBe('I am long');
    },
  );

  test('and not those that its key may not use, or that are no names', async () => {
    failing(refuses(500, 'server_error'));
    const forbidden = await ask('main', { fallbacks: ['spare'] }, KEY);
    expect([forbidden.answer.status, forbidden.tried]).toEqual([404, []]);
    expect(forbidden.answer.json()).toMatchObject({ error: { param: 'fallbacks' } });
    expect((await ask('main', { fallbacks: ['nobody'] })).answer.status).toBe(404);
    const wrong = await ask('main', { fallbacks: 'spare' });
    expect(wrong.answer.status).toBe(400);
    expect(wrong.answer.json()).toMatchObject({ error: { param: 'fallbacks' } });
    // Those of the operator are the operator's decision.
    expect((await ask('main', {}, KEY)).text).toBe('I am spare');
  });

  test.each([
    ['mock_testing_fallbacks', ['spare']],
    ['mock_testing_context_fallbacks', ['long']],
    ['mock_testing_content_policy_fallbacks', ['mild']],
    ['mock_testing_rate_limit_error', ['spare']],
  ])('%s acts the failure out', async (member, tried) => {
    const asked = await ask('main', { [member]: true });
    expect(asked.tried).toEqual(tried);
    expect(asked.bodies.every((body) => !(member in body))).toBe(true);
  });

  test('mock_testing_rate_limit_error is of the first try alone', async () => {
    const { tried, text, answer } = await ask('main', {
      mock_testing_rate_limit_error: true,
      num_retries: 1,
    });
    expect([tried, text]).toEqual([['main'], 'I am main']);
    expect(answer.headers['x-litellm-attempted-fallbacks']).toBe('0');
  });

  test('without a stand-in the acted failure is the answer', async () => {
    const { answer } = await ask('main', { mock_testing_fallbacks: true, fallbacks: [] });
    expect(answer.status).toBe(500);
    expect(answer.json()).toMatchObject({ error: { code: 'mock_error' } });
  });
});

describe('retries', () => {
  test.each([
    [{ num_retries: 0 }, {}, 1],
    [{ num_retries: 2 }, {}, 3],
    [{}, { 'x-litellm-num-retries': '2' }, 3],
    [{}, {}, 2],
  ])('%o %o: %i tries', async (more, headers, count) => {
    provider.answer(() => refuses(500, 'server_error'));
    const { tried } = await ask('lonely', { fallbacks: [], ...more }, gateway.key, headers);
    expect(tried).toEqual(Array.from({ length: count }, () => 'lonely'));
  });

  test('max_retries of a deployment bounds its own', async () => {
    provider.answer(() => refuses(500, 'server_error'));
    expect((await ask('once', { fallbacks: [], num_retries: 5 })).tried).toEqual(['once']);
  });

  test.each([-1, 1.5, '2', 1_000])('num_retries %s is refused', async (retries) => {
    const { answer } = await ask('main', { num_retries: retries });
    expect(answer.status).toBe(400);
    expect(answer.json()).toMatchObject({ error: { param: 'num_retries' } });
  });

  test('the pause that a provider asks for is kept, and a longer one than a minute is not waited for', async () => {
    provider.answer({ ...refuses(503, 'overloaded'), headers: { 'retry-after-ms': '30' } }, ({ body }) =>
      says(body['model']),
    );
    expect((await ask('lonely')).text).toBe('I am lonely');
    provider.answer(({ body }) =>
      body['model'] === 'lonely'
        ? { ...refuses(503, 'overloaded'), headers: { 'retry-after': '61' } }
        : says(body['model']),
    );
    const { tried } = await ask('lonely');
    expect(tried).toEqual(['lonely', 'last']);
    // It rests now, and is not even asked.
    expect((await ask('lonely', { fallbacks: [] })).answer.status).toBe(503);
  });
});

test('a wildcard passes the name on', async () => {
  expect((await ask('any-thing')).text).toBe('I am thing');
});

describe('parameters of a deployment', () => {
  const OWN = {
    temperature: 0.25,
    max_tokens: 77,
    top_k: 5,
    custom: { deep: [1] },
    secret_key: 'in-body',
  };

  test('go to a provider of the same format, where the client says none', async () => {
    const [body] = (await ask('tuned', { seed: 3 })).bodies;
    expect(body).toEqual({ ...CHAT.request('tuned', false), ...OWN, stop: 'END' });
    const [other] = (await ask('tuned', { temperature: 1, max_completion_tokens: 5, custom: 1 })).bodies;
    expect(other).toMatchObject({ temperature: 1, max_completion_tokens: 5, custom: 1, top_k: 5 });
    expect(other).not.toHaveProperty('max_tokens');
  });

  test('go to a provider of another format', async () => {
    const before = provider.requests.length;
    await http(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': gateway.key, 'content-type': 'application/json' },
      body: JSON.stringify({ ...MESSAGES.request('tuned', false), temperature: 0.5 }),
    });
    const { body } = provider.requests[before]!;
    expect(body).toMatchObject({ ...OWN, temperature: 0.5, max_tokens: 100, stop: ['END'] });

    provider.answer({ body: [JSON.stringify(MESSAGES.whole)] });
    const translated = await ask('claude');
    expect(translated.text).toBe('Hello world');
    expect(translated.bodies[0]).toMatchObject({
      model: 'claude',
      temperature: 0.25,
      max_tokens: 77,
      stop_sequences: ['END'],
      custom: true,
    });
  });

  test('bound the answer that a client of another format asks for', async () => {
    const sent = async (max: number): Promise<readonly [unknown, unknown]> => {
      const answer = await http(`${gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': gateway.key, 'content-type': 'application/json' },
        body: JSON.stringify({ ...MESSAGES.request('short', false), max_tokens: max }),
      });
      return [provider.requests.at(-1)!.body['max_tokens'], answer.headers['x-lanport-dropped']];
    };
    // As Claude Code asks, whatever the model.
    expect(await sent(128_000)).toEqual([4_000, 'max_tokens']);
    expect(await sent(4_000)).toEqual([4_000, undefined]);
    // A client of the same format is told by the provider.
    expect((await ask('short', { max_tokens: 128_000 })).bodies[0]).toMatchObject({ max_tokens: 128_000 });
  });

  test('have the names of the format of the provider', async () => {
    provider.answer({ body: [JSON.stringify(MESSAGES.whole)] });
    const before = provider.requests.length;
    await http(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': gateway.key, 'content-type': 'application/json' },
      body: JSON.stringify(MESSAGES.request('claude', false)),
    });
    const { body } = provider.requests[before]!;
    expect(body).toEqual({
      ...MESSAGES.request('claude', false),
      temperature: 0.25,
      stop_sequences: ['END'],
      custom: true,
    });
  });
});

test('with drop_params, what a provider refuses is left out, and reported', async () => {
  provider.answer(({ body }) =>
    'logit_bias' in body
      ? refuses(400, 'unsupported_parameter', { param: 'logit_bias' })
      : says(body['model']),
  );
  const { answer, text, bodies } = await ask('main', { logit_bias: { 1: 2 }, temperature: 0 });
  expect(text).toBe('I am main');
  expect(bodies).toHaveLength(2);
  expect(bodies[1]).toMatchObject({ temperature: 0 });
  expect(answer.headers['x-lanport-dropped']).toBe('logit_bias');
  // OpenAI's own words, of Responses and of Chat Completions.
  const said = [
    "Unsupported parameter: 'temperature' is not supported with this model.",
    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
  ];
  for (const message of said) {
    provider.answer(({ body }) =>
      'temperature' in body
        ? refuses(400, 'invalid_request_error', { message, param: 'temperature' })
        : says(body['model']),
    );
    expect((await ask('main', { temperature: 0 })).answer.headers['x-lanport-dropped']).toBe('temperature');
  }
  // One that it refuses although it is not there is the client's to know.
  provider.answer(() => refuses(400, 'unsupported_parameter', { param: 'messages' }));
  expect((await ask('main')).answer.status).toBe(400);
});

test('a client that leaves while the next try is waited for, has none made', async () => {
  provider.answer({ ...refuses(503, 'overloaded'), headers: { 'retry-after': '40' } });
  const before = provider.requests.length;
  const gone = new AbortController();
  const left = fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    signal: gone.signal,
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...CHAT.request('mild', true), fallbacks: [] }),
  }).catch((error: unknown) => error);
  await expect.poll(() => provider.requests.length).toBe(before + 1);
  gone.abort();
  await left;
  await gateway.logged(
    ({ message, model, status }) => message === 'call' && model === 'mild' && status === 'cancelled',
  );
  expect(provider.requests).toHaveLength(before + 1);
});

test('the streams of a deployment that fails go on at another', async () => {
  const { start, content, rest } = CHAT.stream;
  provider.answer(
    { headers: EVENTS, body: [start], end: 'reset' },
    { headers: EVENTS, body: [start + content + rest] },
  );
  const answer = await http(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(CHAT.request('main', true)),
  });
  expect(CHAT.seen(answer, true)).toEqual({ text: 'Hello world', isComplete: true, error: undefined });
  expect(answer.text.split('"role":"assistant"')).toHaveLength(2);
});
