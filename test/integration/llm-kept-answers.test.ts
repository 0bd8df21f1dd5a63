import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { type Dialect, DIALECTS } from '../support/llm/dialects.ts';
import { EVENTS, type ProviderReply, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { SocketClient } from '../support/llm/socket-client.ts';
import { verifies } from '../support/verifies.ts';

const OTHER_KEY = 'sk-another-key-0123456789abcdef';

let provider: TestProvider;
let gateway: TestGateway;

const dialect = (name: string): Dialect => DIALECTS.find((one) => one.name === name)!;
const [CHAT, RESPONSES] = [dialect('chat'), dialect('responses')];

beforeAll(async () => {
  provider = await startProvider();
  const at = (name: string, model: string, order = 1): object => ({
    model_name: name,
    litellm_params: { model, api_base: provider.url, api_key: 'k', order },
  });
  gateway = await startGateway({
    config: configWith(
      {},
      {
        virtual_keys: [{ api_key: OTHER_KEY, models: ['*'] }],
        model_list: [
          at('native', 'openai/responses/gpt-5'),
          at('other', 'custom_openai/m'),
          at('failing', 'openai/responses/failing'),
        ],
        router_settings: { num_retries: 0, fallbacks: [{ failing: ['other'] }] },
      },
    ),
  });
}, 60_000);

beforeEach(() => provider.answer(({ url, body }) => replyTo(url, body)));

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

let ids = 0;
function replyTo(url: string, body: Record<string, unknown>): ProviderReply {
  if (!url.includes('responses')) return { body: [JSON.stringify(CHAT.whole)] };
  if (body['model'] === 'failing') return { status: 500, body: ['{"error":{"message":"broken"}}'] };
  const id = `resp_native${ids++}`;
  const said = (text: string): string =>
    text.replaceAll('"id":"resp_1"', `"id":"${id}","store":${body['store'] !== false}`);
  if (body['stream'] !== true) return { body: [said(JSON.stringify(RESPONSES.whole))] };
  const { start, content, rest } = RESPONSES.stream;
  return { headers: EVENTS, body: [said(start + content + rest)] };
}

const send = (method: string, path: string, body?: object, key = gateway.key): Promise<HttpAnswer> =>
  http(gateway.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const lastBody = (): Record<string, unknown> => provider.requests.at(-1)!.body;

/** Asks the provider of Responses; the id of its answer. */
async function ask(input: string, more: object = {}): Promise<string> {
  const answer = await send('POST', '/v1/responses', { model: 'native', input, ...more });
  expect(answer.status, answer.text).toBe(200);
  return /resp_native\d+/.exec(answer.text)![0];
}

const CONVERSATION = [
  { role: 'user', content: 'one' },
  { role: 'assistant', content: 'Hello world' },
  { role: 'user', content: 'two' },
  { role: 'assistant', content: 'Hello world' },
  { role: 'user', content: 'three' },
];

describe('an answer that a provider of Responses keeps', () => {
  it.each([false, true])(
    'is kept here, too: shown, with its input, and deleted (streamed: %s)',
    async (stream) => {
      verifies('llm:kept-answers');
      const id = await ask('one', { stream });
      const path = `/v1/responses/${id}`;
      expect((await send('GET', path)).json()).toMatchObject({ id, status: 'completed', model: 'm' });
      const items = (await send('GET', `${path}/input_items`)).json<{ data: object[] }>();
      expect(items.data).toMatchObject([{ role: 'user', content: 'one' }]);
      expect((await send('DELETE', path)).json()).toMatchObject({ id, deleted: true });
      expect((await send('GET', path)).status).toBe(404);
    },
  );

  it('is not, where the client wants nothing stored', async () => {
    const id = await ask('one', { store: false });
    expect((await send('GET', `/v1/responses/${id}`)).status).toBe(404);
  });

  it('is referred to as it is where the provider knows it, and told in full where another one is asked', async () => {
    verifies('llm:kept-answers');
    const first = await ask('one');
    const second = await ask('two', { previous_response_id: first });
    expect(lastBody()).toEqual({ model: 'gpt-5', input: 'two', previous_response_id: first });
    for (const model of ['other', 'failing']) {
      const asked = { model, input: 'three', previous_response_id: second };
      const answer = await send('POST', '/v1/responses', asked);
      expect(answer.json()).toMatchObject({ status: 'completed' });
      expect(lastBody()).toMatchObject({ model: 'm', messages: CONVERSATION });
    }
  });

  it('is told in full to another account of the provider, which does not know it', async () => {
    verifies('llm:kept-answers');
    const first = await ask('one');
    const second = await ask('two', { previous_response_id: first });
    provider.answer(({ url, body }) =>
      'previous_response_id' in body
        ? {
            status: 400,
            body: [
              JSON.stringify({
                error: {
                  message: `Previous response with id '${second}' not found.`,
                  type: 'invalid_request_error',
                  param: 'previous_response_id',
                  code: 'previous_response_not_found',
                },
              }),
            ],
          }
        : replyTo(url, body),
    );
    await ask('three', { previous_response_id: second });
    const { input } = lastBody() as { input: { role: string }[] };
    expect(input.map(({ role }) => role)).toEqual(CONVERSATION.map(({ role }) => role));
    // What nobody knows is refused in the provider's own words.
    const unknown = { model: 'native', input: 'x', previous_response_id: 'resp_nobody' };
    expect((await send('POST', '/v1/responses', unknown)).json()).toMatchObject({
      error: { code: 'previous_response_not_found' },
    });
  });

  it('is told without thoughts that nobody can read there, which the answer names, however the other account says that it does not know it', async () => {
    verifies('llm:kept-answers');
    const message = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hi' }] };
    const output = [{ type: 'reasoning', id: 'rs_1', summary: [] }, message];
    const whole = { ...RESPONSES.whole, id: 'resp_thought', store: true, output };
    provider.answer({ body: [JSON.stringify(whole)] });
    await send('POST', '/v1/responses', { model: 'native', input: 'one' });
    provider.answer(({ url, body }) =>
      'previous_response_id' in body
        ? { status: 404, body: ['{"error":{"message":"No such response.","type":"invalid_request_error"}}'] }
        : replyTo(url, body),
    );
    const next = { model: 'native', input: 'two', previous_response_id: 'resp_thought' };
    const answer = await send('POST', '/v1/responses', next);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.headers['x-lanport-dropped']).toBe('messages.thinking');
    const { input } = lastBody() as { input: { role: string }[] };
    expect(input.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  });

  it('is told in full to a provider that does not say that it has stored it', async () => {
    verifies('llm:kept-answers');
    const whole = { ...RESPONSES.whole, id: 'resp_forgotten' };
    provider.answer({ body: [JSON.stringify(whole)] }, ({ url, body }) => replyTo(url, body));
    await send('POST', '/v1/responses', { model: 'native', input: 'one' });
    await ask('two', { previous_response_id: 'resp_forgotten' });
    expect(lastBody()).not.toHaveProperty('previous_response_id');
    const { input } = lastBody() as { input: { role: string }[] };
    expect(input.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  });

  it('is not gone on with by another key', async () => {
    verifies('llm:kept-answers');
    const id = await ask('one');
    const before = provider.requests.length;
    for (const model of ['native', 'other']) {
      const asked = { model, input: 'two', previous_response_id: id };
      const answer = await send('POST', '/v1/responses', asked, OTHER_KEY);
      expect(answer.status).toBe(400);
      expect(answer.json()).toMatchObject({
        error: { code: 'previous_response_not_found', param: 'previous_response_id' },
      });
    }
    expect(provider.requests).toHaveLength(before);
  });

  it.each([
    { previous_response_id: 'resp_of_another_gateway' },
    { conversation: 'conv_1' },
    { prompt: { id: 'pmpt_1' } },
  ])('is told to its provider alone where it goes on with what is kept there alone (%j)', async (known) => {
    verifies('llm:kept-answers');
    const first = await ask('one', known);
    const second = await ask('two', { previous_response_id: first });
    const before = provider.requests.length;
    for (const previous of [first, second]) {
      const asked = { model: 'other', input: 'three', previous_response_id: previous };
      const answer = await send('POST', '/v1/responses', asked);
      expect(answer.json()).toMatchObject({ error: { code: 'previous_response_not_found' } });
      expect(answer.status).toBe(400);
    }
    expect(provider.requests).toHaveLength(before);
    await ask('three', { previous_response_id: second });
    expect(lastBody()).toEqual({ model: 'gpt-5', input: 'three', previous_response_id: second });
  });

  it.each(['queued', 'in_progress'])('is kept when it is complete, not while it is %s', async (status) => {
    verifies('llm:kept-answers');
    const id = `resp_${status}`;
    provider.answer({
      body: [JSON.stringify({ ...RESPONSES.whole, id, store: true, status, output: [] })],
    });
    const asked = { model: 'native', input: 'one', background: true };
    expect((await send('POST', '/v1/responses', asked)).json()).toMatchObject({ id, status });
    expect((await send('GET', `/v1/responses/${id}`)).status).toBe(404);
  });
});

it('tokens are counted with the conversation that a request goes on with, for its own key', async () => {
  verifies('llm:kept-answers');
  const path = '/v1/responses/input_tokens';
  const asked = { model: 'other', input: 'two' };
  const first = await send('POST', '/v1/responses', { ...asked, input: 'one '.repeat(100) });
  const goOn = { ...asked, previous_response_id: first.json<{ id: string }>().id };
  const alone = (await send('POST', path, asked)).json<{ input_tokens: number }>();
  const whole = (await send('POST', path, goOn)).json<{ input_tokens: number }>();
  expect(whole.input_tokens).toBeGreaterThan(alone.input_tokens + 50);
  expect((await send('POST', path, goOn, OTHER_KEY)).json()).toMatchObject({
    error: { code: 'previous_response_not_found' },
  });
});

describe('an answer that a connection alone remembers', () => {
  const goOn = (id: string, input: string): object => ({
    model: 'native',
    input,
    store: false,
    previous_response_id: id,
  });

  it.each([{}, { generate: false }])(
    'is remembered with what it goes on with, where its provider keeps that (%j)',
    async (more) => {
      verifies('llm:websocket-memory');
      const first = await ask('one');
      await using client = await SocketClient.open(gateway.url);
      const second = await client.turn({ ...goOn(first, 'two'), ...more });
      await client.turn(goOn(second.response!.id, 'three'));
      const { input } = lastBody() as { input: { role: string }[] };
      const roles = ['user', 'assistant', 'user', ...('generate' in more ? [] : ['assistant']), 'user'];
      expect(input.map(({ role }) => role)).toEqual(roles);
    },
  );

  it.each([
    { previous_response_id: 'resp_of_another_gateway' },
    { conversation: 'conv_1' },
    { prompt: { id: 'pmpt_1' } },
  ])('is not remembered where not all of its conversation is known (%j)', async (known) => {
    verifies('llm:websocket-memory');
    await using client = await SocketClient.open(gateway.url);
    const first = await client.turn({ model: 'native', input: 'one', store: false, ...known });
    const { id } = first.response!;
    await client.turn(goOn(id, 'two'));
    expect(lastBody()).toMatchObject({ input: 'two', previous_response_id: id });
  });
});

it('a mock reads no conversation and no prompt of OpenAI: it answers, and can be gone on with', async () => {
  for (const known of [{ conversation: 'conv_1' }, { prompt: { id: 'pmpt_1' } }]) {
    const asked = { model: 'other', mock_response: 'Hi', input: 'one' };
    const first = await send('POST', '/v1/responses', { ...asked, ...known });
    expect(first.status, first.text).toBe(200);
    const { id } = first.json<{ id: string }>();
    const next = await send('POST', '/v1/responses', { ...asked, previous_response_id: id });
    expect(next.status, next.text).toBe(200);
    const { id: last } = next.json<{ id: string }>();
    const items = (await send('GET', `/v1/responses/${last}/input_items`)).json<{ data: object[] }>();
    expect(items.data).toHaveLength(3);
  }
});
