import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

const TEAM_KEY = 'sk-team-0123456789abcdef';
const QUIET_KEY = 'sk-quiet-0123456789abcdef';

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly operation: string;
  readonly keyId: string;
  readonly keyAlias?: string;
  readonly server?: string;
  readonly toolName?: string;
  readonly model?: string;
  readonly status?: string;
  readonly decision?: string;
  readonly rule?: string;
  readonly errorCode?: string;
  readonly digest?: string;
  readonly details?: Record<string, unknown>;
  readonly bytesOut?: number;
}

let postgres: TestPostgres;
let gateway: TestGateway;
let url: string;

const server = { command: process.execPath, args: [`${ROOT}/test/support/upstreams/stdio-2025.ts`] };
const config = {
  limits: { first_list_wait_ms: 25_000 },
  general_settings: { master_key: MASTER_KEY },
  ledger: {
    levels: [
      { key: 'quiet', level: 'none' },
      { server: 'loud', tool: 'echo', level: 'response' },
      { server: 'loud', level: 'request' },
      { model: 'kept*', level: 'response' },
    ],
    body_bytes_max: '2KiB',
    retention: '30d',
  },
  mcp_servers: { tools: server, loud: server },
  model_list: [
    {
      model_name: 'kept',
      litellm_params: { model: 'mock/x', mock_response: 'Hello from the model.' },
      model_info: { id: 'kept-1' },
    },
    { model_name: 'plain', litellm_params: { model: 'mock/x', mock_response: 'Hello.' } },
    {
      model_name: 'tooled',
      litellm_params: { model: 'openai/gpt-4o', mock_response: true },
      model_info: { id: 'tooled-1' },
    },
  ],
  virtual_keys: [
    { api_key: TEAM_KEY, key_alias: 'team', team: 'data', models: ['plain'], mcp_servers: ['tools'] },
    { api_key: QUIET_KEY, key_alias: 'quiet', models: ['*'], mcp_servers: ['*'] },
  ],
};

beforeAll(async () => {
  postgres = await startTestPostgres();
  url = await postgres.createDatabase();
  gateway = await startGateway({
    config: { ...config, general_settings: { ...config.general_settings, database_url: url } },
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

/** Calls a tool; the id of its record. */
async function call(name: string, args: unknown, key = MASTER_KEY): Promise<string> {
  const answer = await ask(
    '/mcp',
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } },
    key,
  );
  return String(answer.headers['x-request-id']);
}

async function chat(model: string, more: Record<string, unknown> = {}, key = MASTER_KEY): Promise<string> {
  const answer = await ask(
    '/v1/chat/completions',
    { model, messages: [{ role: 'user', content: 'Hi there' }], ...more },
    key,
  );
  return String(answer.headers['x-request-id']);
}

async function rows(query: string): Promise<readonly Row[]> {
  return (await ask(`/v1/ledger?${query}`, undefined)).json<readonly Row[]>();
}

interface Shown {
  readonly call: Row;
  readonly tools: readonly Row[];
  readonly bodies: readonly { part: string; content: unknown; bytes: number; droppedBytes: number }[];
  readonly totals?: Record<string, number>;
}

async function shown(id: string): Promise<Shown> {
  return (await ask(`/v1/ledger/${id}`, undefined)).json<Shown>();
}

test('each level keeps what it says, by the first rule that fits', async () => {
  verifies('ledger:levels');
  const loud = await shown(await call('loud-echo', { text: 'one' }));
  expect(loud.bodies.map(({ part }) => part)).toEqual(['request', 'response']);
  expect(loud.bodies[0]!.content).toMatchObject({ name: 'loud-echo', arguments: { text: 'one' } });
  expect(loud.bodies[1]!.content).toMatchObject({ result: { content: [{ text: 'one' }] } });
  const asked = await shown(await call('loud-fail', { text: 'one' }));
  expect(asked.bodies.map(({ part }) => part)).toEqual(['request']);
  const plain = await shown(await call('tools-echo', { text: 'one' }));
  expect(plain.bodies).toEqual([]);
  const streamed = await shown(await chat('kept', { stream: true }));
  expect(JSON.stringify(streamed.bodies[1]!.content)).toContain('Hello from the model.');
  expect((await shown(await chat('plain'))).bodies).toEqual([]);
  const silent = await ask(`/v1/ledger/${await call('loud-echo', { text: 'x' }, QUIET_KEY)}`, undefined);
  expect(silent.status).toBe(404);
});

test('equal arguments have the same code, and no others', async () => {
  const ids = [
    await call('tools-echo', { text: 'a' }),
    await call('tools-echo', { text: 'a' }),
    await call('tools-echo', { text: 'b' }),
  ];
  const digests = await Promise.all(ids.map(async (id) => (await shown(id)).call.digest));
  expect(digests[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(digests[1]).toBe(digests[0]);
  expect(digests[2]).not.toBe(digests[0]);
  const code = (await ask('/v1/ledger/code', { value: '{"text":"a"}' })).json<{ digest: string }>();
  expect(code.digest).toBe(digests[0]);
});

test('no more is kept of a body than the bound, and the days of old ones go', async () => {
  verifies('ledger:bodies-bounded');
  const { bodies } = await shown(await call('loud-echo', { text: 'x'.repeat(5_000) }));
  expect(bodies[0]!.bytes).toBeGreaterThan(5_000);
  expect(bodies[0]!.droppedBytes).toBe(bodies[0]!.bytes - 2_048);
  expect(String(bodies[0]!.content).length).toBeLessThanOrEqual(2_048);
  await postgres.query(
    url,
    `CREATE TABLE ledger_bodies_20250101 PARTITION OF ledger_bodies FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-01-02 00:00+00')`,
  );
  await gateway.stop();
  await gateway.restart();
  await gateway.logged(({ message }) => message.startsWith('bodies of calls were removed'));
  const [left] = await postgres.query(url, `SELECT to_regclass('ledger_bodies_20250101') AS old`);
  expect(left).toEqual({ old: null });
  const [row] = await rows('kind=admin&limit=50').then((all) =>
    all.filter(({ operation }) => operation === 'purge bodies'),
  );
  expect(row).toMatchObject({ keyId: 'gateway', status: 'ok', details: { days: ['2025-01-01'] } });
});

test('days and sums that were removed because they were old leave a row each', async () => {
  verifies('ledger:audit-of-audit');
  await gateway.stop();
  await postgres.query(
    url,
    `CREATE TABLE ledger_calls_20250101 PARTITION OF ledger_calls FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-01-02 00:00+00');
     INSERT INTO ledger_usage (hour, dims, writer, kind, key_id, requests, failures, prompt_tokens, completion_tokens, cost)
     VALUES ('2020-01-01 00:00+00', '019355e4-7a6f-7b3f-8000-000000000000', 'w', 'mcp', 'k', 1, 0, 0, 0, 0)`,
  );
  await gateway.restart();
  await gateway.logged((line) => line.message === 'call' && line['operation'] === 'purge ledger_calls');
  const acts = await rows('kind=admin&limit=50');
  const removed = (table: string): readonly Row[] =>
    acts.filter(({ operation }) => operation === `purge ${table}`);
  expect(removed('ledger_calls')).toMatchObject([
    { keyId: 'gateway', status: 'ok', details: { days: ['2025-01-01'] } },
  ]);
  expect(removed('ledger_usage')).toMatchObject([
    { keyId: 'gateway', details: { rows: 1, before: expect.any(String) } },
  ]);
});

test('who reads, changes keys, reloads or makes a backup leaves a row, and who may not too', async () => {
  verifies('ledger:audit-of-audit');
  const made = (await ask('/key/generate', { key_alias: 'audited' })).json<{ key: string }>();
  await ask(`/v1/ledger?limit=3&server=tools`, undefined);
  await ask('/v1/ledger/export?format=csv', undefined);
  await ask('/v1/backup', undefined);
  await ask('/v1/backup', undefined, TEAM_KEY);
  await ask('/key/delete', { key_aliases: ['audited'] }, TEAM_KEY);
  const file = join(gateway.folder, 'config.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"2KiB"', '"3KiB"'));
  await gateway.logged(({ message }) => message === 'the configuration was reloaded');
  const acts = await rows('kind=admin&limit=100');
  const find = (operation: string, status = 'ok'): Row | undefined =>
    acts.find((row) => row.operation === operation && row.status === status);
  expect(find('POST /key/generate')).toMatchObject({
    keyId: 'master',
    decision: 'allowed',
    details: { done: [{ action: 'key-generate', alias: 'audited' }] },
  });
  expect(JSON.stringify(acts)).not.toContain(made.key);
  expect(find('GET /v1/ledger')).toMatchObject({ details: { query: { limit: '3', server: 'tools' } } });
  expect(find('GET /v1/ledger/export')).toMatchObject({ details: { query: { format: 'csv' } } });
  expect(find('GET /v1/backup')).toMatchObject({ details: { bytes: expect.any(Number) } });
  expect(find('GET /v1/backup', 'denied')).toMatchObject({
    keyAlias: 'team',
    rule: 'master key only',
    errorCode: 'admin-only',
  });
  expect(find('POST /key/delete', 'denied')).toMatchObject({ keyAlias: 'team', rule: 'management key only' });
  expect(find('reload')).toMatchObject({
    keyId: 'gateway',
    details: { trigger: 'file', settings: ['ledger'] },
  });
  expect((await rows('limit=1000')).filter(({ kind }) => kind === 'admin')).toEqual([]);
});

test('what was denied leaves a row with its rule, and a flood without a key leaves two', async () => {
  verifies('ledger:denials');
  await call('loud-echo', {}, TEAM_KEY);
  await chat('kept', {}, TEAM_KEY);
  const denied = await rows('status=denied&limit=20');
  expect(denied.find(({ toolName }) => toolName === 'loud-echo')).toMatchObject({
    keyAlias: 'team',
    rule: 'not visible to this key',
  });
  expect(denied.find(({ model }) => model === 'kept')).toMatchObject({
    keyAlias: 'team',
    decision: 'denied',
  });
  for (let at = 0; at < 50; at++) await call('tools-echo', {}, 'sk-nobody-0123456789');
  await chat('plain', {}, 'sk-nobody-0123456789');
  await http(`${gateway.url}/v1/ledger`);
  await http(`${gateway.url}/mcp`, {
    headers: { 'x-mcp-servers': 'nowhere', authorization: `Bearer ${TEAM_KEY}` },
  });
  await gateway.stop();
  await gateway.restart();
  const refused = (await rows('kind=admin&status=denied&limit=100')).filter(({ operation }) =>
    operation.startsWith('refused'),
  );
  expect(refused.map(({ operation, rule }) => `${operation}: ${rule}`).sort()).toEqual([
    'refused admin: auth-missing',
    'refused edge: server-unknown',
    'refused llm: auth-invalid',
    'refused mcp: auth-invalid',
    'refused mcp: auth-invalid (49 more within a minute)',
  ]);
});

test('one query shows a turn of a model with the tools that it called, their sizes and the tokens', async () => {
  verifies('ledger:turn');
  const answer = await ask('/v1/responses', {
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
  const id = String(answer.headers['x-request-id']);
  const turn = await shown(id);
  expect(turn.call).toMatchObject({ kind: 'llm', model: 'tooled', status: 'ok' });
  expect(turn.tools).toMatchObject([{ toolName: 'echo', status: 'ok', bytesOut: expect.any(Number) }]);
  expect(turn.totals).toMatchObject({
    calls: 1,
    toolBytes: turn.tools[0]!.bytesOut,
    promptTokens: expect.any(Number),
    cost: expect.any(Number),
  });
  expect(turn.totals!['promptTokens']).toBeGreaterThan(0);
  const tool = await ask(`/v1/ledger/${turn.tools[0]!.id}`, undefined);
  expect(tool.json<{ parent: Row }>().parent.id).toBe(id);
  const { stdout, code } = await lanport(['ledger', 'show', id, '--url', gateway.url, '--key', MASTER_KEY]);
  expect(code).toBe(0);
  expect(stdout).toContain('echo');
  expect(stdout).toMatch(/1 calls of tools answered \d+ bytes/);
});

test('calls are asked for by what they are, page after page, on the command line too', async () => {
  verifies('ledger:queries');
  for (let at = 0; at < 5; at++) await call('tools-echo', { text: String(at) }, TEAM_KEY);
  const all = await rows('key=team&tool=echo&server=tools&status=ok&team=data&limit=1000');
  expect(all.length).toBeGreaterThanOrEqual(5);
  const first = await rows('key=team&tool=echo&status=ok&limit=3');
  const second = await rows(`key=team&tool=echo&status=ok&limit=3&before=${first.at(-1)!.id}`);
  expect([...first, ...second].map(({ id }) => id)).toEqual(all.slice(0, 6).map(({ id }) => id));
  expect(await rows('until=2020-01-01')).toEqual([]);
  expect((await ask('/v1/ledger?before=nothing', undefined)).status).toBe(422);
  expect((await ask('/v1/ledger?since=yesterday', undefined)).status).toBe(422);
  const asked = [
    '--url',
    gateway.url,
    '--key',
    MASTER_KEY,
    '--of-key',
    'team',
    '--tool',
    'echo',
    '--status',
    'ok',
    '--since',
    '1h',
  ];
  const query = await lanport(['ledger', 'query', ...asked, '-n', '3', '--json']);
  expect((JSON.parse(query.stdout) as Row[]).map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  const jsonl = await lanport(['ledger', 'export', ...asked]);
  expect(
    jsonl.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Row).id),
  ).toEqual(all.map(({ id }) => id));
  const csv = await lanport(['ledger', 'export', ...asked, '--format', 'csv']);
  expect(
    csv.stdout
      .split('\r\n')
      .slice(1, -1)
      .map((line) => line.split(',')[0]),
  ).toEqual(all.map(({ id }) => id));
  expect((await lanport(['ledger', 'query', '--url', gateway.url, '--key', 'sk-wrong'])).code).toBe(4);
  expect((await lanport(['ledger', 'query', '--url', 'http://127.0.0.1:1'])).code).toBe(4);
});

test('text that a program for tables would take for a formula is made harmless', async () => {
  await call('=HYPERLINK("http://x","y")', {});
  const csv = await ask('/v1/ledger/export?format=csv&since=1h', undefined);
  expect(csv.text).toContain(`"'=HYPERLINK(""http://x"",""y"")"`);
});

test('calls are followed as they end', async () => {
  const answer = await fetch(`${gateway.url}/v1/ledger/follow?server=tools`, {
    headers: { authorization: `Bearer ${MASTER_KEY}` },
  });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toBe('\n');
  await call('loud-echo', {});
  const id = await call('tools-echo', { text: 'followed' });
  const { value } = await reader.read();
  expect(JSON.parse(value!)).toMatchObject({ id, status: 'ok', toolName: 'tools-echo' });
  await reader.cancel();
});

test('the views have the columns of LiteLLM, and what was said where it is kept', async () => {
  verifies('ledger:litellm-columns');
  const id = await chat('kept', {
    stream: true,
    user: 'customer-1',
    metadata: { tags: ['a', 'b'], session_id: 's-1' },
  });
  await shown(id);
  const [row] = await postgres.query(url, `SELECT * FROM "LiteLLM_SpendLogs" WHERE request_id = '${id}'`);
  expect(Object.keys(row!)).toEqual(
    expect.arrayContaining([
      'request_id',
      'call_type',
      'api_key',
      'spend',
      'total_tokens',
      'prompt_tokens',
      'completion_tokens',
      'startTime',
      'endTime',
      'completionStartTime',
      'model',
      'model_id',
      'model_group',
      'custom_llm_provider',
      'api_base',
      'user',
      'metadata',
      'cache_hit',
      'cache_key',
      'request_tags',
      'team_id',
      'end_user',
      'requester_ip_address',
      'messages',
      'response',
      'session_id',
      'status',
      'mcp_namespaced_tool_name',
      'proxy_server_request',
      'request_duration_ms',
    ]),
  );
  expect(row).toMatchObject({
    call_type: 'acompletion',
    model: 'kept',
    model_id: 'kept-1',
    custom_llm_provider: 'mock',
    end_user: 'customer-1',
    request_tags: ['a', 'b'],
    session_id: 's-1',
    cache_hit: 'False',
    messages: [{ role: 'user', content: 'Hi there' }],
    completionStartTime: expect.any(Date),
    status: 'success',
  });
  expect(JSON.stringify(row!['response'])).toContain('Hello from the model.');
  const [newest] = await postgres.query(url, 'SELECT * FROM litellm_logs ORDER BY start_time DESC LIMIT 1');
  expect(newest).toMatchObject({ request_id: id, end_user: 'customer-1' });
  const admin = await postgres.query(url, `SELECT 1 FROM litellm_logs WHERE call_type LIKE '%/key/%'`);
  expect(admin).toEqual([]);
});

test('rows about operators, refused requests, tags and codes of arguments are in the hash chain', async () => {
  const { stdout, code } = await lanport([
    'ledger',
    'verify',
    '--config',
    join(gateway.folder, 'config.yaml'),
    '--data',
    join(gateway.folder, 'data'),
    '--json',
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ findingsCount: 0, withoutKey: [] });
  expect(code).toBe(0);
});

test('an export holds a page of it at a time, however many rows there are', async () => {
  const large = 200_000;
  await postgres.query(
    url,
    `INSERT INTO ledger_calls (id, started_at, writer, seq, kind, operation, key_id, address, client, server, tool_name, original_name, decision, bytes_in)
     SELECT gen_random_uuid(), now() - n * interval '1 millisecond', 'past', n, 'mcp', 'tools/call', 'bulk', '10.0.0.1', 'client', 'bulk', 'bulk-tool', 'tool', 'allowed', 100
     FROM generate_series(1, ${large}) AS n`,
  );
  const before = await peakKib();
  const answer = await fetch(`${gateway.url}/v1/ledger/export?key=bulk`, {
    headers: { authorization: `Bearer ${MASTER_KEY}` },
  });
  let lines = 0;
  let bytes = 0;
  for await (const chunk of answer.body!) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === 10) lines++;
  }
  expect(lines).toBe(large);
  const grown = (await peakKib()) - before;
  // All of it at once would be several times as much as what was sent; as much as that the heap takes before it collects.
  expect(grown * 1024).toBeLessThan(2 * bytes);
}, 120_000);

async function peakKib(): Promise<number> {
  const status = await readFile(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)![1]);
}
