import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { type LedgerEntry, ledgerRows } from '../support/ledger-rows.ts';
import { startProvider, type TestProvider } from '../support/llm/provider.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

const TEAM_KEY = 'sk-team-0123456789abcdef';
let postgres: TestPostgres;
let provider: TestProvider;
let gateway: TestGateway;
let url: string;

beforeAll(async () => {
  [postgres, provider] = await Promise.all([
    startTestPostgres(),
    startProvider({ status: 503, body: ['{"error":{"message":"busy"}}'] }),
  ]);
  url = await postgres.createDatabase();
  gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY, database_url: url },
      limits: { first_list_wait_ms: 25_000 },
      mcp_servers: {
        tools: { command: process.execPath, args: [`${ROOT}/test/support/upstreams/stdio-2025.ts`] },
      },
      model_list: [
        {
          model_name: 'tooled',
          litellm_params: { model: 'openai/gpt-4o', mock_response: true },
          model_info: { id: 'tooled-1' },
        },
        {
          model_name: 'mocked',
          litellm_params: { model: 'openai/gpt-4o', mock_response: 'Hello.' },
          model_info: { id: 'mock-1' },
        },
        {
          model_name: 'twice',
          litellm_params: {
            model: 'anthropic/claude-sonnet-4-5',
            api_base: provider.url,
            api_key: 'x',
            order: 1,
          },
          model_info: { id: 'busy' },
        },
        {
          model_name: 'twice',
          litellm_params: { model: 'mock/x', mock_response: 'Hello.', order: 2 },
          model_info: { id: 'spare' },
        },
      ],
      virtual_keys: [{ api_key: TEAM_KEY, models: ['*'] }],
    },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

interface Entry extends LedgerEntry {
  readonly kind?: string;
  readonly parentId?: string;
  readonly cost?: number;
  readonly attempts?: number;
  readonly deployment?: string;
}

function client(key = MASTER_KEY): OpenAI {
  return new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: key, maxRetries: 0 });
}

test('a call that a model caused names the request to the model', async () => {
  verifies('llm:ledger-cause');
  const response = await client().responses.create({
    model: 'tooled',
    input: 'Use the echo tool.',
    tools: [
      {
        type: 'mcp',
        server_label: 'tools',
        server_url: 'lanport/mcp/tools',
        require_approval: 'never',
        allowed_tools: ['tools-echo'],
      },
    ],
  });
  expect(response.output.map(({ type }) => type)).toContain('mcp_call');
  const rows = (await ledgerRows(gateway)) as readonly Entry[];
  const model = rows.find(({ kind }) => kind === 'llm');
  const tool = rows.find(({ kind }) => kind === 'mcp');
  expect(tool).toMatchObject({ server: 'tools', parentId: model!.id, status: 'ok' });
  expect(model).not.toHaveProperty('parentId');
  const cause = await postgres.query(
    url,
    `SELECT t.server, m.model, m.model_id, m.spend > 0 AS is_paid FROM litellm_logs t JOIN litellm_logs m ON m.request_id = t.parent_request_id`,
  );
  expect(cause).toEqual([{ server: 'tools', model: 'tooled', model_id: 'tooled-1', is_paid: true }]);
  const { stdout } = await lanport(['ledger', 'tail', '-n', '5', '--url', gateway.url, '--key', MASTER_KEY]);
  expect(stdout).toContain(model!.id);
  expect(stdout).toContain('tooled');
});

test('a request to a model says which deployment answered, and how many were asked', async () => {
  const answer = await client().responses.create({ model: 'twice', input: 'Hi' });
  expect(answer.output_text).toBe('Hello.');
  const [row] = (await ledgerRows(gateway)) as readonly Entry[];
  expect(row).toMatchObject({ deployment: 'spare', attempts: 2, status: 'ok' });
});

test('answers can be referred to after a restart, by their key alone', async () => {
  verifies('llm:state-kept');
  const first = await client(TEAM_KEY).responses.create({ model: 'mocked', input: 'One.' });
  await gateway.stop();
  await gateway.restart();
  const second = await client(TEAM_KEY).responses.create({
    model: 'mocked',
    input: 'Two.',
    previous_response_id: first.id,
  });
  const items = await client(TEAM_KEY).responses.inputItems.list(second.id);
  expect(JSON.stringify(items.data)).toContain('One.');
  expect((await client(TEAM_KEY).responses.retrieve(first.id)).output_text).toBe('Hello.');
  await expect(client().responses.retrieve(first.id)).rejects.toThrow('not found');
  await client(TEAM_KEY).responses.delete(first.id);
  const gone = await http(`${gateway.url}/v1/responses/${first.id}`, {
    headers: { authorization: `Bearer ${TEAM_KEY}` },
  });
  expect(gone.status).toBe(404);
  expect(await postgres.query(url, `SELECT id FROM responses WHERE id = '${first.id}'`)).toEqual([]);
});
