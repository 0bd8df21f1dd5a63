import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const ANNA = 'sk-anna-0123456789abcdef0123';
const BERT = 'sk-bert-0123456789abcdef0123';

let postgres: TestPostgres;
let gateway: TestGateway;

beforeAll(async () => {
  postgres = await startTestPostgres();
  const url = await postgres.createDatabase();
  await postgres.query(
    url,
    'CREATE TABLE public.notes (id int PRIMARY KEY); CREATE TABLE public.nothing (id int)',
  );
  const db = { command: 'lanport:postgres', env: { DATABASE_URI: url, MCP_TOOLSETS: 'all' } };
  const keys = [ANNA, BERT].map((api_key) => ({ api_key, mcp_servers: ['db'] }));
  gateway = await startGateway({ config: configWith({ db }, { virtual_keys: keys }) });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

async function clientOf(key: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const headers = { authorization: `Bearer ${key}` };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`), { requestInit: { headers } }),
  );
  return client;
}

it('the connector in the gateway: resources, completion and prompts pass through', async () => {
  verifies('postgres:resources-and-prompts');
  const client = await clientOf(ANNA);
  const { resourceTemplates } = await client.listResourceTemplates();
  const template = resourceTemplates.find(({ name }) => name.endsWith('table'))!.uriTemplate;
  const uri = template
    .replace('{database}', 'main')
    .replace('{schema}', 'public')
    .replace('{table}', 'notes');
  const read = await client.readResource({ uri });
  expect(JSON.stringify(read)).toContain('notes_pkey');
  const { completion } = await client.complete({
    ref: { type: 'ref/resource', uri: template },
    argument: { name: 'table', value: 'no' },
    context: { arguments: { schema: 'public' } },
  });
  expect(completion.values).toEqual(['notes', 'nothing']);
  const { prompts } = await client.listPrompts();
  expect(prompts.map(({ name }) => name)).toContain('explore');
  await client.close();
});

it("one key's cursor opens nothing for another key", async () => {
  verifies('postgres:cursor');
  const [anna, bert] = await Promise.all([clientOf(ANNA), clientOf(BERT)]);
  const first = await anna.callTool({
    name: 'execute_sql',
    arguments: { sql: 'SELECT n FROM generate_series(1, 300) AS n' },
  });
  const { next_cursor: cursor } = first.structuredContent as { next_cursor: string };
  expect(JSON.stringify(await bert.callTool({ name: 'fetch_more', arguments: { cursor } }))).toContain(
    'is not a next_cursor that was given to you',
  );
  expect(await anna.callTool({ name: 'fetch_more', arguments: { cursor } })).toMatchObject({
    structuredContent: { row_count: 100, truncated: false },
  });
  await Promise.all([anna.close(), bert.close()]);
});

it('a client hears of progress, and its cancellation reaches the database', async () => {
  verifies('postgres:progress');
  const client = await clientOf(ANNA);
  const gone = new AbortController();
  const heard = Promise.withResolvers<number>();
  const sql =
    'SELECT count(*) FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b, generate_series(1, 1000) AS c';
  const running = client.callTool({ name: 'execute_sql', arguments: { sql } }, undefined, {
    signal: gone.signal,
    onprogress: ({ progress }) => heard.resolve(progress),
  });
  expect(await heard.promise).toBe(1);
  gone.abort();
  await expect(running).rejects.toThrow();
  for (;;) {
    const [row] = await postgres.query(
      postgres.url,
      "SELECT count(*)::int AS left FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT count(*) FROM generate_series(1, 100000)%'",
    );
    if (row?.['left'] === 0) break;
  }
  await client.close();
});
