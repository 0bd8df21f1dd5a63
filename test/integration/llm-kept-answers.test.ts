import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { type Dialect, DIALECTS } from '../support/llm/dialects.ts';
import { EVENTS, type ProviderReply, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { verifies } from '../support/verifies.ts';

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
  const said = (text: string): string => text.replaceAll('resp_1', id);
  if (body['stream'] !== true) return { body: [said(JSON.stringify(RESPONSES.whole))] };
  const { start, content, rest } = RESPONSES.stream;
  return { headers: EVENTS, body: [said(start + content + rest)] };
}

const send = (method: string, path: string, body?: object): Promise<HttpAnswer> =>
  http(gateway.url + path, {
    method,
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
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
});
