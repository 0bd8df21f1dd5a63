import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

let postgres: TestPostgres;
let gateway: TestGateway;
let url: string;

beforeAll(async () => {
  postgres = await startTestPostgres();
  url = await postgres.createDatabase();
  gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY, database_url: url, store_prompts_in_spend_logs: true },
      ledger: { levels: [{ model: 'plain', level: 'metadata' }] },
      virtual_keys: ['first', 'second'].map((one) => ({
        api_key: `sk-${one}-of-both`,
        key_alias: one,
        user: 'both',
        models: ['kept'],
      })),
      limits: { first_list_wait_ms: 25_000 },
      mcp_servers: {
        loud: { command: process.execPath, args: [`${ROOT}/test/support/upstreams/stdio-2025.ts`] },
      },
      model_list: [
        { model_name: 'kept', litellm_params: { model: 'mock/x', mock_response: 'Hello from the model.' } },
        { model_name: 'plain', litellm_params: { model: 'mock/x', mock_response: 'Hello.' } },
      ],
    },
  });
}, 60_000);
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

function ask(
  path: string,
  body: unknown,
  key = MASTER_KEY,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  return http(`${gateway.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const idOf = (answer: HttpAnswer): string => String(answer.headers['x-request-id']);

/** Calls a tool; the id of its record. */
const call = async (name: string, args: unknown): Promise<string> =>
  idOf(await ask('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }));

/** Asks a model; the id of its record. */
const chat = async (model: string, more: Record<string, unknown> = {}, key = MASTER_KEY): Promise<string> =>
  idOf(
    await ask(
      '/v1/chat/completions',
      { model, messages: [{ role: 'user', content: 'Hi there' }], ...more },
      key,
    ),
  );

interface SpendLog {
  readonly messages: unknown;
  readonly response: unknown;
  readonly proxy_server_request: unknown;
  readonly request_tags: readonly string[];
}

async function spendLog(id: string): Promise<SpendLog> {
  const [row] = (await ask(`/spend/logs?request_id=${id}`, undefined)).json<readonly SpendLog[]>();
  return row!;
}

test('LiteLLM’s logs have what was asked and answered, where it is kept', async () => {
  verifies('ledger:litellm-logs');
  const [kept, plain, tool] = [
    await chat('kept', { stream: true }),
    await chat('plain'),
    await call('loud-echo', { text: 'said' }),
  ];
  const messages = [{ role: 'user', content: 'Hi there' }];
  const row = await spendLog(kept);
  expect(row).toMatchObject({ messages, proxy_server_request: { model: 'kept', messages } });
  expect(JSON.stringify(row.response)).toContain('Hello from the model.');
  expect(await spendLog(plain)).toMatchObject({ messages: {}, response: {}, proxy_server_request: {} });
  expect(await spendLog(tool)).toMatchObject({
    messages: { text: 'said' },
    response: { result: { content: [{ text: 'said' }] } },
  });
  // Many at once, each with its own.
  const all = (await ask('/spend/logs?limit=1000', undefined)).json<
    readonly (SpendLog & { model: string })[]
  >();
  const models = new Set(
    all.filter((one) => JSON.stringify(one.messages) !== '{}').map(({ model }) => model),
  );
  expect(models).toContain('kept');
  expect(models).not.toContain('plain');
});

test('a key sees the calls of its user, and of its own alone what was said', async () => {
  verifies('ledger:litellm-logs');
  const id = await chat('kept', {}, 'sk-first-of-both');
  const seen = async (key: string): Promise<SpendLog> =>
    (await ask(`/spend/logs?request_id=${id}`, undefined, key)).json<readonly SpendLog[]>()[0]!;
  expect((await seen('sk-first-of-both')).messages).toEqual([{ role: 'user', content: 'Hi there' }]);
  expect(await seen('sk-second-of-both')).toMatchObject({
    messages: {},
    response: {},
    proxy_server_request: {},
  });
});

test('what was spent by tag counts the tags of requests and of keys, each request once', async () => {
  const today = new Date().toISOString().slice(0, 10);
  verifies('ledger:litellm-logs');
  const { key } = (await ask('/key/generate', { key_alias: 'tagged', tags: ['of-key', 'both'] })).json<{
    key: string;
  }>();
  await chat('plain', {}, key);
  const id = await chat('plain', { metadata: { tags: ['both', 'asked', 'asked'] }, tags: ['body'] }, key);
  await ask(
    '/v1/chat/completions',
    { model: 'plain', messages: [{ role: 'user', content: 'x' }], metadata: { tags: ['asked'] } },
    MASTER_KEY,
    { 'x-litellm-tags': 'header, both' },
  );
  expect((await spendLog(id)).request_tags).toEqual(['of-key', 'both', 'asked', 'body']);
  const tags = async (query: string): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await ask(`/spend/tags?${query}`, undefined))
        .json<readonly { individual_request_tag: string; log_count: number }[]>()
        .map((tag) => [tag.individual_request_tag, tag.log_count]),
    );
  expect(await tags(`start_date=${today}`)).toMatchObject({
    'of-key': 2,
    both: 3,
    asked: 2,
    body: 1,
    header: 1,
  });
  expect(await tags('tags=asked,%20body')).toEqual({ asked: 2, body: 1 });
  expect(await tags('start_date=2020-01-01&end_date=2020-01-02')).toEqual({});
});

test('tags of any length leave every view and page readable', async () => {
  verifies('ledger:litellm-columns');
  const tags = Array.from({ length: 30 }, (_, at) => `${at}`.padEnd(150, 'x'));
  const id = await chat('plain', { metadata: { tags: [...tags, 'sk-secret0123456789abcdefghijklmn"]'] } });
  expect((await spendLog(id)).request_tags).toEqual(tags.slice(0, 20));
  // As earlier versions have left them.
  const old = await chat('plain', { metadata: { tags: ['a'] } });
  await spendLog(old);
  await postgres.query(url, `UPDATE ledger_calls SET tags = '["cut' WHERE id = '${old}'`);
  expect(
    await postgres.query(url, `SELECT request_tags FROM litellm_logs WHERE request_id = '${old}'`),
  ).toEqual([{ request_tags: [] }]);
  expect((await spendLog(old)).request_tags).toEqual([]);
  expect((await ask('/spend/tags', undefined)).status).toBe(200);
});
