import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { EVENTS, events, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { verifies } from '../support/verifies.ts';

let provider: TestProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startProvider();
  const params = { model: 'custom_openai/m', api_base: `${provider.url}/v1` };
  gateway = await startGateway({
    config: configWith({}, { model_list: [{ model_name: 'one', litellm_params: params }] }),
  });
}, 60_000);
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

const CHUNK = {
  id: 'x',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { content: 'Hi' } }],
};

it.each([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'go' }] }],
  ['/v1/messages', { max_tokens: 10, messages: [{ role: 'user', content: 'go' }] }],
])(
  'a client of %s that leaves in the midst of its stream ends the request to the provider',
  async (path, body) => {
    verifies('llm:gone');
    provider.answer({ headers: EVENTS, body: [events(CHUNK)], end: 'stall' });
    const known = new Set((await ledgerRows(gateway)).map(({ id }) => id));
    const client = request(`${gateway.url}${path}`, {
      method: 'POST',
      agent: false,
      headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    });
    client.on('error', () => undefined);
    const begun = new Promise<void>((resolve) => {
      client.on('response', (response) => response.once('data', () => resolve()));
    });
    client.end(JSON.stringify({ model: 'one', stream: true, ...body }));
    await begun;
    client.destroy();
    await provider.requests.at(-1)!.gone;
    const [row] = (await ledgerRows(gateway)).filter(({ id }) => !known.has(id));
    expect(row).toMatchObject({ status: 'cancelled', errorCode: 'client_gone' });
  },
);
