import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CountingServer, startCountingServer } from '../support/counting-server.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { ask, callTool, type Dialect, DIALECTS, rowsOf } from '../support/limited.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

let gateway: TestGateway;
let server: CountingServer;
let small: CountingServer;

/** Every answer uses 20 + 10 tokens, at one cent each: 30 cents. */
const PRICED = {
  model: 'openai/priced',
  input_cost_per_token: 0.01,
  output_cost_per_token: 0.01,
  mock_response: { text: 'Hi', usage: { input: 20, output: 10 } },
};
const keys: string[] = [];

function key(alias: string, limits: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const value = `sk-limit-${alias}`;
  keys.push(value);
  return { api_key: value, key_alias: alias, models: ['*'], mcp_servers: ['*'], ...limits };
}
const keyOf = (alias: string): string => `sk-limit-${alias}`;

beforeAll(async () => {
  server = await startCountingServer();
  small = await startCountingServer();
  gateway = await startGateway({
    config: configWith(
      {
        counting: {
          transport: 'http',
          url: server.url,
          mcp_info: {
            mcp_server_cost_info: {
              default_cost_per_query: 0.1,
              tool_name_to_cost_per_query: { dear: 1 },
            },
          },
        },
        small: { transport: 'http', url: small.url, rpm_limit: 3 },
      },
      {
        model_list: [
          { model_name: 'priced', litellm_params: PRICED },
          { model_name: 'group', litellm_params: PRICED },
        ],
        router_settings: {
          model_group_limits: { group: { rpm_limit: 2 } },
          model_group_alias: { other: 'group' },
        },
        virtual_keys: [
          ...(Object.keys(DIALECTS) as Dialect[]).map((dialect) => key(`rpm-${dialect}`, { rpm_limit: 2 })),
          ...(Object.keys(DIALECTS) as Dialect[]).map((dialect) => key(`poor-${dialect}`, { max_budget: 0 })),
          key('rpm-mcp', { rpm_limit: 2 }),
          key('rpm-count', { rpm_limit: 2 }),
          key('rpm-embed', { rpm_limit: 1 }),
          key('parallel', { max_parallel_requests: 10 }),
          key('nested', { max_parallel_requests: 1 }),
          key('tools', { max_budget: 5 }),
          key('tokens', { tpm_limit: 300 }),
          key('money', { max_budget: 3 }),
          key('soft', { soft_budget: 0.5 }),
          key('per-model', { model_rpm_limit: { priced: 1 } }),
          key('failing', { max_budget: 5, tpm_limit: 400 }),
          key('free', {}),
        ],
        limits: { in_flight_per_session_max: 1_000 },
      },
    ),
  });
  await serversSettled(gateway);
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await small?.[Symbol.asyncDispose]();
});

describe('a key over its requests per minute', () => {
  test.each(Object.keys(DIALECTS) as Dialect[])('is answered 429 in the words of %s', async (dialect) => {
    verifies('limits:answers');
    const alias = `rpm-${dialect}`;
    const first = await ask(gateway.url, keyOf(alias), 'priced', dialect);
    expect(first.status, first.text).toBe(200);
    expect(first.headers).toMatchObject({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
    });
    expect((await ask(gateway.url, keyOf(alias), 'priced', dialect)).status).toBe(200);
    const refused = await ask(gateway.url, keyOf(alias), 'priced', dialect);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
    expect(refused.headers).toMatchObject({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': expect.stringMatching(/^(1m\d+s|\d+s)$/) as unknown,
    });
    if (dialect === 'messages')
      expect(refused.headers).toMatchObject({
        'anthropic-ratelimit-requests-limit': '2',
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
      });
    const { error } = refused.json<{ error: Record<string, unknown> }>();
    expect(error['message']).toMatch(/^Rate limit exceeded of this key: at most 2 requests per minute/);
    const kinds = { chat: 'type', messages: 'type', responses: 'type', gemini: 'status' } as const;
    const words = {
      chat: 'rate_limit_error',
      messages: 'rate_limit_error',
      responses: 'rate_limit_error',
      gemini: 'RESOURCE_EXHAUSTED',
    } as const;
    expect(error[kinds[dialect]]).toBe(words[dialect]);
  });

  test('is recorded as denied, with the setting that decided', async () => {
    verifies('limits:recorded');
    const rows = await rowsOf(gateway, 'rpm-chat');
    const source = `virtual_keys[${keys.indexOf(keyOf('rpm-chat'))}]`;
    expect(rows.map(({ decision, status, rule }) => [decision, status, rule])).toEqual([
      ['denied', 'denied', `${source}.rpm_limit`],
      ['allowed', 'ok', expect.any(String)],
      ['allowed', 'ok', expect.any(String)],
    ]);
  });

  test('counts tokens no more often than it may ask', async () => {
    const count = () =>
      http(`${gateway.url}/v1/messages/count_tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${keyOf('rpm-count')}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'priced', messages: [{ role: 'user', content: 'Hi' }] }),
      });
    expect([(await count()).status, (await count()).status, (await count()).status]).toEqual([200, 200, 429]);
  });

  test('embeds no more often than it may ask', async () => {
    const embed = () =>
      http(`${gateway.url}/v1/embeddings`, {
        method: 'POST',
        headers: { authorization: `Bearer ${keyOf('rpm-embed')}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'priced', input: 'Hi' }),
      });
    expect([(await embed()).status, (await embed()).status]).toEqual([200, 429]);
  });

  test('hears of it from a tool as a result that its model can read, and as an error elsewhere', async () => {
    verifies('limits:mcp');
    const mine = keyOf('rpm-mcp');
    const before = server.calls;
    await callTool(gateway.url, mine, 'counting-cheap');
    await callTool(gateway.url, mine, 'counting-cheap');
    const refused = await callTool(gateway.url, mine, 'counting-cheap');
    expect(refused).toMatchObject({ http: 200, isError: true });
    expect(refused.text).toMatch(/Rate limit exceeded of this key: .* Try again in \d+ s\./);
    expect(server.calls - before).toBe(2);
    const prompt = await rpc(`${gateway.url}/mcp`, mine, {
      jsonrpc: '2.0',
      id: 1,
      method: 'prompts/get',
      params: { name: 'counting-ask' },
    });
    expect(prompt.status).toBe(200);
    expect(prompt.text).toMatch(/"code":1465.*"retryAfterSeconds":\d+/);
    const list = await rpc(`${gateway.url}/mcp`, mine, { jsonrpc: '2.0', id: 1, method: 'tools/list' });
    expect(list.text).toContain('counting-cheap');
  });
});

describe('limits of what requests go to', () => {
  test('a model group lets all keys together through no more often than it may be asked, under whatever name', async () => {
    verifies('limits:targets');
    const answers = [
      await ask(gateway.url, keyOf('free'), 'group'),
      await ask(gateway.url, gateway.key, 'other'),
      await ask(gateway.url, keyOf('free'), 'group'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    const [denied] = await rowsOf(gateway, 'free');
    expect(denied!.rule).toBe('router_settings.model_group_limits.group.rpm_limit');
  });

  test('so does a server', async () => {
    const answers = [];
    for (let count = 0; count < 4; count++)
      answers.push(await callTool(gateway.url, keyOf('free'), 'small-cheap'));
    expect(answers.map(({ isError }) => isError)).toEqual([false, false, false, true]);
    expect(small.calls).toBe(3);
  });

  test('a key has limits of single models', async () => {
    expect((await ask(gateway.url, keyOf('per-model'), 'priced')).status).toBe(200);
    expect((await ask(gateway.url, keyOf('per-model'), 'priced')).status).toBe(429);
    const [denied] = await rowsOf(gateway, 'per-model');
    expect(denied!.rule).toMatch(/^virtual_keys\[\d+\]\.model_rpm_limit\.priced$/);
  });
});

describe('a key whose budget is spent', () => {
  test.each(Object.keys(DIALECTS) as Dialect[])('is answered 400 in the words of %s', async (dialect) => {
    verifies('limits:budget-answer');
    const refused = await ask(gateway.url, keyOf(`poor-${dialect}`), 'priced', dialect);
    expect(refused.status).toBe(400);
    expect(refused.headers['retry-after']).toBeUndefined();
    const { error } = refused.json<{ error: Record<string, unknown> }>();
    expect(error['message']).toMatch(/^Budget has been exceeded! Current cost: 0, Max budget: 0/);
    if (dialect === 'chat' || dialect === 'responses')
      expect(error).toMatchObject({ type: 'budget_exceeded', code: '400' });
  });
});

describe('200 requests at once', () => {
  test('on 10 in flight: 10 at once, the others are refused, and 10 again afterwards', async () => {
    verifies('limits:parallel');
    const mine = keyOf('parallel');
    for (let round = 0; round < 2; round++) {
      const release = server.hold();
      const before = server.calls;
      const calls = Array.from({ length: 200 }, () => callTool(gateway.url, mine, 'counting-cheap'));
      let refused = 0;
      const others = new Promise<void>((resolve) => {
        for (const call of calls)
          void call.then(({ isError }) => {
            if (isError && ++refused === 190) resolve();
          });
      });
      await others;
      await server.called(before + 10);
      release();
      const answers = await Promise.all(calls);
      expect(answers.filter(({ isError }) => !isError)).toHaveLength(10);
    }
    expect(server.mostAtOnce).toBe(10);
    const rows = await rowsOf(gateway, 'parallel');
    expect(rows.filter(({ status }) => status === 'ok')).toHaveLength(20);
    expect(rows.filter(({ status }) => status === 'denied')).toHaveLength(380);
  }, 60_000);

  test('on a budget for 5 calls of a tool: 5 are made, and the ledger has their price', async () => {
    verifies('limits:budget');
    const before = server.calls;
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => callTool(gateway.url, keyOf('tools'), 'counting-dear')),
    );
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(5);
    expect(server.calls - before).toBe(5);
    const rows = await rowsOf(gateway, 'tools');
    expect(rows.reduce((sum, { cost = 0 }) => sum + cost, 0)).toBe(5);
    const late = await callTool(gateway.url, keyOf('tools'), 'counting-dear');
    expect(late).toMatchObject({ http: 200, isError: true });
    expect(late.text).toMatch(/^Budget has been exceeded! Current cost: 5, Max budget: 5/);
  }, 60_000);

  test('on a budget for 10 answers of a model: asked until it is spent, exactly 10 are given', async () => {
    verifies('limits:budget');
    const untilSpent = async (): Promise<number> => {
      for (;;) {
        const { status, text } = await ask(gateway.url, keyOf('money'), 'priced');
        if (status !== 429) return status;
        expect(text).toContain('reserved for requests in flight');
      }
    };
    const statuses = await Promise.all(Array.from({ length: 200 }, untilSpent));
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.filter((status) => status === 400)).toHaveLength(190);
    const rows = await rowsOf(gateway, 'money');
    expect(rows.reduce((sum, { cost = 0 }) => sum + Math.round(cost * 100), 0)).toBe(300);
  }, 120_000);

  test('on 300 tokens per minute: no more are used, and what was reserved too much is given back', async () => {
    verifies('limits:tokens');
    let given = 0;
    for (let round = 0; round < 20 && given < 10; round++) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => ask(gateway.url, keyOf('tokens'), 'priced')),
      );
      given += answers.filter(({ status }) => status === 200).length;
      expect(new Set(answers.map(({ status }) => status)).isSubsetOf(new Set([200, 429]))).toBe(true);
    }
    const rows = await rowsOf(gateway, 'tokens');
    const used = rows.reduce(
      (sum, { promptTokens = 0, completionTokens = 0 }) => sum + promptTokens + completionTokens,
      0,
    );
    expect(used).toBe(300);
  }, 120_000);
});

test('a request that fails before anything was used gives back what was reserved', async () => {
  verifies('limits:released');
  const failing = { mock_response: { error: { status: 400 } } };
  for (let round = 0; round < 20; round++)
    expect((await ask(gateway.url, keyOf('failing'), 'priced', 'chat', failing)).status).toBe(400);
  expect((await ask(gateway.url, keyOf('failing'), 'priced')).status).toBe(200);
});

test('a soft budget is a warning and no refusal', async () => {
  verifies('limits:soft-budget');
  for (let round = 0; round < 4; round++)
    expect((await ask(gateway.url, keyOf('soft'), 'priced')).status).toBe(200);
  const line = await gateway.logged(({ message }) => message === 'a soft budget is passed');
  expect(line).toMatchObject({ scope: 'key', spentUsd: 0.6, softBudgetUsd: 0.5 });
  expect(gateway.log.filter(({ message }) => message === 'a soft budget is passed')).toHaveLength(1);
  const metrics = await http(`${gateway.url}/metrics`, {
    headers: { authorization: `Bearer ${gateway.key}` },
  });
  expect(metrics.text).toContain('lanport_soft_budgets_passed_total 1');
  expect(metrics.text).toMatch(/lanport_limit_refusals_total\{kind="parallel",scope="key"\} 380/);
});

test('a request to a model has the only slot of its key, and its tools can be called all the same', async () => {
  verifies('limits:nested');
  const answer = await ask(gateway.url, keyOf('nested'), 'priced', 'chat', {
    tools: [{ type: 'mcp', server_label: 'c', server_url: 'litellm_proxy', require_approval: 'never' }],
    mock_response: { tool_calls: [{ name: 'counting-cheap', arguments: {} }] },
  });
  expect(answer.status, answer.text).toBe(200);
  const rows = await rowsOf(gateway, 'nested');
  expect(rows.map(({ operation, status }) => [operation, status])).toContainEqual(['tools/call', 'ok']);
});
