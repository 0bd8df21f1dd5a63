import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { type Family, parseMetrics, valueOf } from '../support/prometheus.ts';
import { startTestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const KEY = 'sk-virtual-0123456789abcdef';
const CANARY = 'canary-5b1f';
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    config: configWith(
      {
        tools: { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts')] },
        gone: { command: process.execPath, args: ['-e', 'process.exit(3)'] },
      },
      {
        model_list: [
          {
            model_name: 'mocked',
            litellm_params: {
              model: 'openai/gpt-4o',
              mock_response: 'Hello there.',
              input_cost_per_token: 0.001,
              output_cost_per_token: 0.002,
            },
            model_info: { id: 'mock-1' },
          },
          {
            model_name: 'any/*',
            litellm_params: { model: 'openai/*', mock_response: 'Hi.' },
            model_info: { id: 'any-1' },
          },
        ],
        virtual_keys: [{ api_key: KEY, models: ['*'], key_alias: `${CANARY}-alias` }],
      },
    ),
  });
  await serversSettled(gateway);
}, 60_000);

afterAll(() => gateway?.[Symbol.asyncDispose]());

function scrape(key: string = MASTER_KEY): ReturnType<typeof http> {
  return http(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
}

async function metrics(): Promise<ReadonlyMap<string, Family>> {
  const answer = await scrape();
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  return parseMetrics(answer.text);
}

/** The names and labels of what the gateway itself counts. */
const series = (text: string): string[] =>
  [...text.matchAll(/^(?:lanport|litellm)_.*(?= )/gm)].map(([one]) => one);

const call = (name: string, key = MASTER_KEY): ReturnType<typeof rpc> =>
  rpc(`${gateway.url}/mcp`, key, {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: { text: CANARY } },
  });

const ask = (model: string): ReturnType<typeof http> =>
  http(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: CANARY }] }),
  });

test('calls are counted with what became of them, their time, tokens and cost', async () => {
  verifies('telemetry:metrics-calls');
  const before = await metrics();
  for (const name of ['tools-echo', 'tools-echo', 'tools-fail', 'tools-nothing']) await call(name);
  const answer = (await ask('mocked')).json<{
    usage: { prompt_tokens: number; completion_tokens: number };
  }>();
  const after = await metrics();
  const grown = (name: string, labels: Record<string, string> = {}): number =>
    valueOf(after, name, labels) - valueOf(before, name, labels);
  const mcp = { kind: 'mcp', server: 'tools', operation: 'tools/call' };
  expect(grown('lanport_calls_total', { ...mcp, status: 'ok' })).toBe(2);
  expect(grown('lanport_calls_total', { ...mcp, status: 'tool-error' })).toBe(1);
  expect(grown('lanport_calls_total', { kind: 'mcp', status: 'error' })).toBe(1);
  expect(grown('lanport_tool_calls_total', { server: 'tools', tool: 'echo', status: 'ok' })).toBe(2);
  expect(grown('lanport_call_duration_seconds_count', { server: 'tools' })).toBe(3);
  expect(grown('lanport_upstream_duration_seconds_count', { server: 'tools' })).toBe(3);
  expect(grown('lanport_overhead_seconds_count', { kind: 'mcp' })).toBe(3);
  const { prompt_tokens: input, completion_tokens: output } = answer.usage;
  expect(grown('lanport_tokens_total', { model: 'mocked', type: 'input' })).toBe(input);
  expect(grown('lanport_cost_dollars_total', { model: 'mocked' })).toBeCloseTo(
    input * 0.001 + output * 0.002,
    9,
  );
  expect(grown('lanport_deployment_calls_total', { deployment: 'mock-1', status: 'ok' })).toBe(1);
  expect(grown('lanport_time_to_first_token_seconds_count', { model: 'mocked' })).toBe(1);
  const theirs = { requested_model: 'mocked' };
  expect(grown('litellm_proxy_total_requests_metric_total', theirs)).toBe(1);
  expect(grown('litellm_proxy_failed_requests_metric_total', theirs)).toBe(0);
  expect(grown('litellm_input_tokens_metric_total', theirs)).toBe(input);
  expect(grown('litellm_output_tokens_metric_total', theirs)).toBe(output);
  expect(grown('litellm_spend_metric_total', theirs)).toBeGreaterThan(0);
  expect(grown('litellm_request_total_latency_metric_count', theirs)).toBe(1);
  expect(grown('litellm_llm_api_latency_metric_count', theirs)).toBe(1);
  expect(grown('litellm_llm_api_time_to_first_token_metric_count', theirs)).toBe(1);
});

test('the state of what the gateway is made of can be seen', async () => {
  verifies('telemetry:metrics-state');
  const now = await metrics();
  expect(valueOf(now, 'lanport_server_state', { server: 'tools', state: 'ready' })).toBe(1);
  expect(valueOf(now, 'lanport_server_state', { server: 'gone', state: 'ready' })).toBe(0);
  expect(valueOf(now, 'lanport_server_state', { server: 'gone' })).toBe(1);
  expect(valueOf(now, 'lanport_server_tools', { server: 'tools' })).toBe(4);
  expect(valueOf(now, 'litellm_deployment_state', { model_id: 'mock-1' })).toBe(0);
  expect(valueOf(now, 'lanport_deployment_up', { model: 'any/*', deployment: 'any-1' })).toBe(1);
  expect(valueOf(now, 'lanport_requests_in_flight')).toBe(1);
  expect(valueOf(now, 'lanport_store_up')).toBe(1);
  expect(valueOf(now, 'lanport_ledger_refused_calls_total')).toBe(0);
  expect(valueOf(now, 'lanport_config_last_reload_successful')).toBe(1);
  for (const name of [
    'lanport_server_in_flight',
    'lanport_server_queue',
    'lanport_sessions',
    'lanport_streams',
    'lanport_ledger_spooled_bytes',
    'lanport_ledger_open_calls',
    'nodejs_eventloop_lag_p99_seconds',
    'process_resident_memory_bytes',
    'process_open_fds',
    'lanport_build_info',
  ])
    expect(now.get(name)?.samples.length, name).toBeGreaterThan(0);
});

test('every metric of the dashboard, the alerts and the guide exists, and the guide names every one of ours', async () => {
  verifies('telemetry:metrics-files');
  const known = await metrics();
  const named = async (path: string): Promise<ReadonlySet<string>> => {
    const text = await readFile(join(ROOT, path), 'utf8');
    return new Set(text.match(/\b(?:lanport|litellm|nodejs|process)_[a-z0-9_]+(?<!_)\b(?!\.\w)/g));
  };
  const base = (name: string): string =>
    known.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '');
  const files: Readonly<Record<string, readonly string[]>> = {
    'deploy/grafana/lanport.json': [],
    'deploy/prometheus/lanport-alerts.yml': [],
    'docs/guide/monitoring.md': ['litellm_settings', 'litellm_model_name'],
  };
  for (const [file, others] of Object.entries(files)) {
    const names = [...(await named(file))].filter((name) => !others.includes(name));
    expect(names.length, file).toBeGreaterThan(10);
    expect(
      names.filter((name) => !known.has(base(name))),
      file,
    ).toEqual([]);
  }
  const guide = await named('docs/guide/monitoring.md');
  const ours = [...known.keys()].filter((name) => /^(?:lanport|litellm)_/.test(name));
  expect(ours.filter((name) => !guide.has(name))).toEqual([]);
});

test('every alert says what is wrong and what to do, and the value that it shows is the one of its words', async () => {
  verifies('telemetry:metrics-files');
  const { groups } = parse(await readFile(join(ROOT, 'deploy/prometheus/lanport-alerts.yml'), 'utf8')) as {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly alert: string;
        readonly expr: string;
        readonly annotations: Readonly<Record<string, string>>;
      }[];
    }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(10);
  for (const { alert, expr, annotations } of rules) {
    expect(Object.keys(annotations), alert).toEqual(['summary', 'action']);
    // An alert has the value of the left side of its "and".
    if (annotations['summary']!.includes('humanize1024')) expect(expr, alert).toMatch(/^lanport_\w+_bytes /);
  }
});

test('messages that are refused with an error in a body of their own are counted by its code', async () => {
  verifies('telemetry:metrics-refusals');
  const send = (body: unknown, path = '/mcp'): ReturnType<typeof rpc> =>
    rpc(`${gateway.url}${path}`, MASTER_KEY, body as Parameters<typeof rpc>[2]);
  const message = (method: string, params: unknown = {}): unknown => ({
    jsonrpc: '2.0',
    id: 1,
    method,
    params,
  });
  const before = await metrics();
  const statuses = [
    await call('tools-nothing'),
    await send(message('no/such')),
    await send(message('tools/call', { arguments: {} })),
    await send({ jsonrpc: '1.0', id: 1, method: 'ping' }),
    await call('tools-echo'),
    await call('gone-x'),
  ].map(({ status }) => status);
  const after = await metrics();
  const grown = (code: string): number =>
    valueOf(after, 'lanport_refused_requests_total', { code }) -
    valueOf(before, 'lanport_refused_requests_total', { code });
  expect(statuses).toEqual([200, 200, 200, 400, 200, 200]);
  expect({
    tool: grown('tool-unknown'),
    method: grown('rpc-method'),
    params: grown('rpc-params'),
    message: grown('rpc-invalid'),
  }).toEqual({ tool: 2, method: 1, params: 1, message: 1 });
});

test('each metric is of the type, and has no other labels, than the reference says, and none is missing in it', async () => {
  verifies('telemetry:metrics-files');
  const known = await metrics();
  const reference = await readFile(join(ROOT, 'docs/reference/metrics.md'), 'utf8');
  const rows = [...reference.matchAll(/^\| `(\w+)` \| (\w+) \| [^|]+ \| ([^|]*) \|/gm)].map(
    ([, name = '', type = '', labels = '']) =>
      [name, { type, labels: labels.split(', ').filter(Boolean) }] as const,
  );
  expect(rows.length).toBeGreaterThan(50);
  const told = new Map(rows);
  for (const [name, { type, labels }] of told) {
    const family = known.get(name);
    expect(family?.type, name).toBe(type);
    const used = new Set(family?.samples.flatMap((sample) => Object.keys(sample.labels)));
    used.delete('le');
    expect(
      [...used].filter((label) => !labels.includes(label)),
      name,
    ).toEqual([]);
  }
  const ours = [...known.keys()].filter((name) => /^(?:lanport|litellm)_|^nodejs_eventloop_lag_/.test(name));
  expect(ours.filter((name) => !told.has(name))).toEqual([]);
});

test('names that clients make up become no series, and nothing of keys and texts is shown', async () => {
  verifies('telemetry:metrics-bounded', 'telemetry:metrics-format');
  await call(`${CANARY}-first`, KEY);
  await ask(`${CANARY}-first`);
  await ask(`any/${CANARY}-first`);
  await rpc(`${gateway.url}/mcp/tools`, KEY, { jsonrpc: '2.0', id: 1, method: `x/${CANARY}`, params: {} });
  const before = series((await scrape()).text);
  for (let at = 0; at < 100; at++) {
    await call(`${CANARY}-${at}`, KEY);
    await ask(`${CANARY}-${at}`);
    await ask(`any/${CANARY}-${at}`);
    await rpc(`${gateway.url}/mcp/tools`, KEY, {
      jsonrpc: '2.0',
      id: 1,
      method: `x/${CANARY}-${at}`,
      params: {},
    });
  }
  const { text } = await scrape();
  expect(series(text)).toEqual(before);
  expect(text).not.toContain(CANARY);
  expect(text).not.toContain(KEY);
  expect(valueOf(parseMetrics(text), 'lanport_calls_total', { model: 'any/*', status: 'ok' })).toBe(101);
});

test('the metrics take the master key, until the configuration makes them public', async () => {
  verifies('telemetry:metrics-closed');
  expect((await http(`${gateway.url}/metrics`)).status).toBe(401);
  expect((await scrape('sk-wrong')).status).toBe(401);
  expect((await scrape(KEY)).status).toBe(403);
  expect((await http(`${gateway.url}/v1/responses`, { method: 'POST', body: '{}' })).status).toBe(401);
  expect(valueOf(await metrics(), 'lanport_refused_requests_total', { code: 'auth-missing' })).toBe(2);
  const file = join(gateway.folder, 'config.yaml');
  const config = JSON.parse(await readFile(file, 'utf8')) as { general_settings: object };
  const reload = async (changed: object): Promise<void> => {
    await writeFile(file, JSON.stringify({ ...config, ...changed }));
    const answer = await http(`${gateway.url}/config/reload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${MASTER_KEY}` },
    });
    expect(answer.status).toBe(200);
  };
  await reload({ general_settings: { ...config.general_settings, metrics_public: true } });
  const open = await http(`${gateway.url}/metrics/`);
  expect(open.status).toBe(200);
  expect(
    valueOf(parseMetrics(open.text), 'lanport_config_reloads_total', { result: 'applied' }),
  ).toBeGreaterThan(0);
  await reload({ litellm_settings: { require_auth_for_metrics_endpoint: false } });
  expect((await http(`${gateway.url}/metrics`)).status).toBe(200);
  await reload({});
  expect((await http(`${gateway.url}/metrics`)).status).toBe(401);
});

test('a key that was made for the metrics reads them, and does nothing else', async () => {
  verifies('telemetry:metrics-closed');
  await using postgres = await startTestPostgres();
  const database_url = await postgres.createDatabase();
  await using own = await startGateway({
    config: { general_settings: { master_key: MASTER_KEY, database_url } },
  });
  const made = await http(`${own.url}/key/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ allowed_routes: ['/metrics'] }),
  });
  const headers = { authorization: `Bearer ${made.json<{ key: string }>().key}` };
  const answer = await http(`${own.url}/metrics`, { headers });
  expect(answer.status).toBe(200);
  expect(valueOf(parseMetrics(answer.text), 'lanport_store_up', { store: 'external' })).toBe(1);
  expect((await http(`${own.url}/v1/models`, { headers })).status).toBe(403);
  expect((await http(`${own.url}/key/list`, { headers })).status).toBe(403);
}, 60_000);
