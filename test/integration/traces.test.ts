import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Collector, type ReceivedSpan, startCollector } from '../support/collector.ts';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { startProvider, type TestProvider } from '../support/llm/provider.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { parseMetrics, valueOf } from '../support/prometheus.ts';
import { toolCall } from '../support/rules/raw-client.ts';
import {
  plainTool,
  type ScriptedServer,
  startScripted,
  textResult,
} from '../support/rules/scripted-server.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const CANARY = 'canary-7d20c4';
const STATE = { tracestate: 'vendor=1', baggage: 'tenant=lan' };

let collector: Collector;
let postgres: TestPostgres;
let provider: TestProvider;
let scripted: ScriptedServer;
let gateway: TestGateway;
/** The same without a collector. */
let plain: TestGateway;

beforeAll(async () => {
  [collector, postgres, provider, scripted] = await Promise.all([
    startCollector(),
    startTestPostgres(),
    startProvider(),
    startScripted({
      tools: [plainTool('echo'), plainTool('bad')],
      answers: {
        'tools/call': ({ params }) =>
          params['name'] === 'bad' ? { ...textResult('no'), isError: true } : textResult('yes'),
      },
    }),
  ]);
  const config = configWith(
    {
      db: { command: 'lanport:postgres', env: { DATABASE_URI: await postgres.createDatabase() } },
      meta: {
        command: process.execPath,
        args: [join(ROOT, 'test/support/upstreams/meta-stdio.ts')],
      },
      web: { url: scripted.url },
    },
    {
      model_list: [
        {
          model_name: 'chatty',
          litellm_params: {
            model: 'custom_openai/m-1',
            api_base: `${provider.url}/v1`,
            api_key: `${CANARY}-provider-key`,
          },
          model_info: { id: 'chatty-1' },
        },
      ],
    },
  );
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-scope=lan%20one',
    OTEL_SERVICE_NAME: 'gateway-under-test',
  };
  [gateway, plain] = await Promise.all([startGateway({ config, env }), startGateway({ config })]);
  await Promise.all([serversSettled(gateway), serversSettled(plain)]);
}, 90_000);

beforeEach(() => {
  collector.answer('takes');
  provider.answer(said('Done.'));
});

afterAll(async () => {
  await Promise.all([gateway, plain].map((one) => one?.[Symbol.asyncDispose]()));
  await Promise.all([scripted, provider, postgres, collector].map((one) => one?.[Symbol.asyncDispose]()));
});

let traces = 0;
/** A trace that a client has begun. */
function began(flags = '01'): {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceparent: string;
} {
  const traceId = (++traces).toString(16).padStart(32, 'a');
  const spanId = traces.toString(16).padStart(16, 'b');
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
}

function completion(message: object, finish: string): { readonly body: readonly string[] } {
  const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
  const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }];
  return {
    body: [JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'm-1', choices, usage })],
  };
}

const said = (text: string): ReturnType<typeof completion> => completion({ content: text }, 'stop');

const called = (name: string, input: object): ReturnType<typeof completion> =>
  completion(
    {
      content: null,
      tool_calls: [{ id: 'c1', type: 'function', function: { name, arguments: JSON.stringify(input) } }],
    },
    'tool_calls',
  );

function ask(to: TestGateway, headers: Record<string, string>, more: object = {}): ReturnType<typeof http> {
  return http(`${to.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      model: 'chatty',
      messages: [{ role: 'user', content: `${CANARY}-question` }],
      ...more,
    }),
  });
}

const ofTrace =
  (id: string): ((spans: readonly ReceivedSpan[]) => ReceivedSpan[]) =>
  (spans) =>
    spans.filter(({ traceId }) => traceId === id);

/** The spans of a trace, once there are as many. */
async function trace(id: string, many: number): Promise<readonly ReceivedSpan[]> {
  const pick = ofTrace(id);
  return pick(await collector.when((spans) => pick(spans).length >= many));
}

function named(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.find((span) => span.name === name);
  if (found === undefined)
    throw new Error(`no span ${name} among ${spans.map((span) => span.name).join(', ')}`);
  return found;
}

test('one trace leads from the request over the turns of the model and its tool call to the SQL', async () => {
  verifies('telemetry:trace-to-sql', 'telemetry:trace-no-content');
  const { traceId, spanId, traceparent } = began();
  const before = provider.requests.length;
  provider.answer(called('db-execute_sql', { sql: `SELECT '${CANARY}-sql' AS found` }), said('Done.'));
  const answer = await ask(
    gateway,
    { traceparent, ...STATE },
    { tools: [{ type: 'mcp', server_label: 'db', server_url: 'lanport', require_approval: 'never' }] },
  );
  expect(answer.status).toBe(200);
  const spans = await trace(traceId, 6);
  expect(spans).toHaveLength(6);
  const request = named(spans, 'POST /v1/chat/completions');
  expect(request).toMatchObject({ parentSpanId: spanId, kind: 2, service: 'gateway-under-test' });
  expect(request.attributes).toMatchObject({ 'lanport.model': 'chatty', 'lanport.status': 'ok' });
  const turns = spans.filter(({ name }) => name === 'chat m-1');
  expect(turns.map(({ parentSpanId }) => parentSpanId)).toEqual([request.spanId, request.spanId]);
  expect(turns.map(({ attributes }) => attributes['gen_ai.response.finish_reasons'])).toEqual([
    ['tool_calls'],
    ['stop'],
  ]);
  expect(turns[0]!.attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'm-1',
    'gen_ai.usage.input_tokens': 10,
    'gen_ai.usage.output_tokens': 5,
    'lanport.deployment': 'chatty-1',
    'server.address': '127.0.0.1',
  });
  const tool = named(spans, 'tools/call db-execute_sql');
  expect(tool).toMatchObject({ parentSpanId: request.spanId, kind: 1 });
  const leg = named(spans, 'tools/call execute_sql');
  expect(leg).toMatchObject({ parentSpanId: tool.spanId, kind: 3 });
  expect(leg.attributes).toMatchObject({
    'mcp.method.name': 'tools/call',
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'execute_sql',
    'lanport.server': 'db',
  });
  const sql = spans.find(({ name }) => name.startsWith('SELECT '))!;
  expect(sql).toMatchObject({ parentSpanId: leg.spanId, kind: 3, status: 0 });
  expect(sql.attributes).toMatchObject({ 'db.system.name': 'postgresql', 'db.operation.name': 'SELECT' });
  const told = provider.requests.slice(before).map(({ headers }) => headers);
  expect(told.map((headers) => headers['traceparent'])).toEqual(
    turns.map((turn) => `00-${traceId}-${turn.spanId}-01`),
  );
  expect(told[0]).toMatchObject(STATE);
  const rows = (await ledgerRows(gateway)).filter((row) => row.traceId === traceId);
  expect(rows).toHaveLength(2);
  const line = await gateway.logged((one) => one.message === 'call' && one['trace'] === traceId);
  expect(rows.map(({ id }) => id)).toContain(line['call']);
  expect(rows.map(({ id }) => id)).toContain(request.attributes['lanport.call']);
  expect(collector.headers[0]).toMatchObject({ 'x-scope': 'lan one' });
  expect(collector.text).not.toContain(CANARY);
  expect(collector.text).not.toContain(MASTER_KEY);
});

test('what the message says of its trace counts more than the headers that it came with', async () => {
  verifies('telemetry:trace-context');
  const [inMessage, inHeader] = [began(), began()];
  const params = { arguments: { text: CANARY } };
  await rpc(
    `${gateway.url}/mcp`,
    MASTER_KEY,
    toolCall('web-echo', params, 1, { traceparent: inMessage.traceparent, ...STATE }),
    { traceparent: inHeader.traceparent },
  );
  const [server, client] = [
    named(await trace(inMessage.traceId, 2), 'tools/call web-echo'),
    named(await trace(inMessage.traceId, 2), 'tools/call echo'),
  ];
  expect(server).toMatchObject({ parentSpanId: inMessage.spanId, kind: 2 });
  expect(client).toMatchObject({ parentSpanId: server.spanId, kind: 3 });
  const call = await scripted.next('tools/call');
  const told = { traceparent: `00-${inMessage.traceId}-${client.spanId}-01`, ...STATE };
  expect(call.headers).toMatchObject(told);
  expect(call.params['_meta']).toEqual(told);
  expect(ofTrace(inHeader.traceId)(collector.spans)).toEqual([]);
});

test('a server on stdio is told in the message, also of a trace that came in a header', async () => {
  verifies('telemetry:trace-context');
  const { traceId, spanId, traceparent } = began();
  const answer = await rpc(`${gateway.url}/mcp`, MASTER_KEY, toolCall('meta-meta'), {
    traceparent,
    ...STATE,
  });
  const { result } = answer.json<{ result: { content: { text: string }[] } }>();
  const spans = await trace(traceId, 2);
  expect(named(spans, 'tools/call meta-meta').parentSpanId).toBe(spanId);
  const client = named(spans, 'tools/call meta');
  expect(JSON.parse(result.content[0]!.text)).toEqual({
    traceparent: `00-${traceId}-${client.spanId}-01`,
    ...STATE,
  });
});

test('a call that fails has the class of its error on its spans', async () => {
  verifies('telemetry:trace-context');
  const [bad, missing, refused] = [began(), began(), began()];
  const url = `${gateway.url}/mcp`;
  await rpc(url, MASTER_KEY, toolCall('web-bad'), { traceparent: bad.traceparent });
  await scripted.next('tools/call');
  await rpc(url, MASTER_KEY, toolCall(`${CANARY}-unknown`), { traceparent: missing.traceparent });
  const spans = await trace(bad.traceId, 2);
  for (const name of ['tools/call web-bad', 'tools/call bad']) {
    expect(named(spans, name)).toMatchObject({ status: 2 });
    expect(named(spans, name).attributes['error.type']).toBe('tool_error');
  }
  provider.answer({ status: 401, body: [JSON.stringify({ error: { message: `${CANARY}-error` } })] });
  expect((await ask(gateway, { traceparent: refused.traceparent })).status).toBeGreaterThan(399);
  const attempts = (await trace(refused.traceId, 2)).filter(({ name }) => name === 'chat m-1');
  expect(attempts[0]).toMatchObject({ status: 2 });
  expect(attempts[0]!.attributes['error.type']).toMatch(/^[a-z-]+$/);
  // A name that stands for nothing is a client's text.
  const [unknown] = await trace(missing.traceId, 1);
  expect(unknown).toMatchObject({ name: 'tools/call', status: 2 });
  expect(unknown!.attributes['error.type']).toBe('tool-unknown');
  expect(collector.text).not.toContain(CANARY);
});

test('every line of the log is an object with its time, its level and a fixed message', async () => {
  verifies('telemetry:log-lines');
  await rpc(`${gateway.url}/mcp`, MASTER_KEY, toolCall('web-echo', { text: CANARY }));
  await scripted.next('tools/call');
  await http(`${gateway.url}/${CANARY}`);
  await gateway.logged(({ message }) => message === 'refused');
  for (const line of gateway.log) {
    expect(line.level).toMatch(/^(?:debug|info|warn|error)$/);
    expect(new Date(String(line['time'])).toISOString()).toBe(line['time']);
    expect(line.message).toMatch(/^[a-zA-Z].{0,120}$/);
    expect(line.message).not.toContain(CANARY);
  }
});

test('a trace that its client does not record is not recorded here, and is passed on so', async () => {
  verifies('telemetry:trace-sampling');
  const [quiet, loud] = [began('00'), began()];
  await rpc(`${gateway.url}/mcp`, MASTER_KEY, toolCall('web-echo'), { traceparent: quiet.traceparent });
  const call = await scripted.next('tools/call');
  expect(call.headers['traceparent']).toMatch(new RegExp(`^00-${quiet.traceId}-[0-9a-f]{16}-00$`));
  await ask(gateway, { traceparent: loud.traceparent });
  await trace(loud.traceId, 2);
  expect(ofTrace(quiet.traceId)(collector.spans)).toEqual([]);
});

test('a request without a trace begins one', async () => {
  verifies('telemetry:trace-sampling');
  await rpc(`${gateway.url}/mcp`, MASTER_KEY, toolCall('web-echo'));
  const call = await scripted.next('tools/call');
  const [, traceId] = /^00-([0-9a-f]{32})-/.exec(String(call.headers['traceparent']))!;
  const spans = await trace(traceId!, 2);
  expect(named(spans, 'tools/call web-echo').parentSpanId).toBeUndefined();
});

test('without a collector a trace is passed on as it is, and none is begun', async () => {
  verifies('telemetry:trace-off');
  const { traceId, traceparent } = began();
  const told = { traceparent, ...STATE };
  const url = `${plain.url}/mcp`;
  await rpc(url, MASTER_KEY, toolCall('web-echo'), told);
  const call = await scripted.next('tools/call');
  expect(call.headers).toMatchObject(told);
  expect(call.params['_meta']).toEqual(told);
  const answer = await rpc(url, MASTER_KEY, toolCall('meta-meta'), told);
  const { result } = answer.json<{ result: { content: { text: string }[] } }>();
  expect(JSON.parse(result.content[0]!.text)).toEqual(told);
  const before = provider.requests.length;
  await ask(plain, told);
  await ask(plain, {});
  const [with_, without] = provider.requests.slice(before);
  expect(with_!.headers).toMatchObject(told);
  expect(without!.headers).not.toHaveProperty('traceparent');
  const rows = (await ledgerRows(plain)).filter((row) => row.traceId === traceId);
  expect(rows).toHaveLength(3);
  await rpc(url, MASTER_KEY, toolCall('web-echo'), { traceparent: 'ff-nonsense', tracestate: 'a=1' });
  const odd = await scripted.next('tools/call');
  expect(odd.headers).not.toHaveProperty('traceparent');
  expect(odd.headers).not.toHaveProperty('tracestate');
});

test('a collector that refuses or hangs costs spans, and no call', async () => {
  verifies('telemetry:trace-collector-gone');
  const metrics = async (): Promise<ReturnType<typeof parseMetrics>> => {
    const headers = { authorization: `Bearer ${MASTER_KEY}` };
    return parseMetrics((await http(`${gateway.url}/metrics`, { headers })).text);
  };
  const before = valueOf(await metrics(), 'lanport_spans_total', { result: 'sent' });
  expect(before).toBeGreaterThan(0);
  collector.answer('refuses');
  expect((await ask(gateway, {})).status).toBe(200);
  await gateway.logged(({ message }) => message === 'traces cannot be sent');
  collector.answer('hangs');
  const asked = collector.asked();
  for (let at = 0; at < 20; at++) expect((await ask(gateway, {})).status).toBe(200);
  await asked;
  expect((await ask(gateway, {})).status).toBe(200);
  collector.answer('takes');
  const { traceId, traceparent } = began();
  await ask(gateway, { traceparent });
  await trace(traceId, 2);
  await gateway.logged(({ message }) => message === 'traces are sent again');
  expect(valueOf(await metrics(), 'lanport_spans_total', { result: 'sent' })).toBeGreaterThan(before);
}, 60_000);

test('the gateway stops in order while its collector hangs, and sends what it has while it does not', async () => {
  verifies('telemetry:trace-collector-gone');
  await using own = await startGateway({
    config: configWith({ web: { url: scripted.url } }),
    env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces` },
  });
  await serversSettled(own);
  const last = began();
  await rpc(`${own.url}/mcp`, MASTER_KEY, toolCall('echo'), { traceparent: last.traceparent });
  await scripted.next('tools/call');
  expect(await own.stop()).toBe(0);
  expect(await trace(last.traceId, 2)).toHaveLength(2);
  await own.restart();
  collector.answer('hangs');
  await rpc(`${own.url}/mcp`, MASTER_KEY, toolCall('echo'), { traceparent: began().traceparent });
  expect(await own.stop()).toBe(0);
}, 60_000);
