import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CountingServer, startCountingServer } from '../support/counting-server.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { ask, callTool, rowsOf, type SpentRow, type ToolAnswer, PRICED_MODEL } from '../support/limited.ts';
import { REDIS_MS, startRedis, type TestRedis } from '../support/redis.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

let redis: TestRedis;
let server: CountingServer;
let gateways: readonly [TestGateway, TestGateway];

const keyOf = (alias: string): string => `sk-shared-${alias}`;
const key = (alias: string, limits: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
  api_key: keyOf(alias),
  key_alias: alias,
  models: ['*'],
  mcp_servers: ['*'],
  ...limits,
});

beforeAll(async () => {
  redis = await startRedis();
  server = await startCountingServer();
  const start = (): Promise<TestGateway> =>
    startGateway({
      config: configWith(
        {
          counting: {
            transport: 'http',
            url: server.url,
            mcp_info: { mcp_server_cost_info: { tool_name_to_cost_per_query: { dear: 1 } } },
          },
        },
        {
          model_list: [PRICED_MODEL],
          virtual_keys: [
            key('requests', { rpm_limit: 37 }),
            key('plenty', { rpm_limit: 5_000 }),
            key('tokens', { tpm_limit: 300 }),
            key('parallel', { max_parallel_requests: 10 }),
            key('killed', { max_parallel_requests: 10 }),
            key('tools', { max_budget: 10 }),
            key('money', { max_budget: 3 }),
            key('gone', { rpm_limit: 40, max_budget: 100 }),
          ],
        },
      ),
      env: { REDIS_URL: redis.url },
    });
  gateways = [await start(), await start()];
  for (const gateway of gateways) await serversSettled(gateway);
}, REDIS_MS);

afterAll(async () => {
  for (const gateway of gateways ?? []) await gateway[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
});

/** 200 of something at once, one half at each gateway. */
function spread<T>(send: (gateway: TestGateway) => Promise<T>, count = 200): Promise<T>[] {
  return Array.from({ length: count }, (_, at) => send(gateways[at % 2]!));
}

async function allRowsOf(alias: string): Promise<readonly SpentRow[]> {
  return (await Promise.all(gateways.map((gateway) => rowsOf(gateway, alias)))).flat();
}

const centsOf = (rows: readonly SpentRow[]): number =>
  rows.reduce((sum, { cost = 0 }) => sum + Math.round(cost * 100), 0);

async function sharedState(gateway: TestGateway): Promise<Record<string, unknown>> {
  const health = await http(`${gateway.url}/health`, { headers: { authorization: `Bearer ${gateway.key}` } });
  const { status, limits } = health.json<{ status: string; limits: { shared: Record<string, unknown> } }>();
  return { status, ...limits.shared };
}

describe('200 requests at once on two processes that share a Redis', () => {
  test('on 37 requests per minute: 37 are made', async () => {
    verifies('limits:shared');
    const before = server.calls;
    const answers = await Promise.all(
      spread(({ url }) => callTool(url, keyOf('requests'), 'counting-cheap')),
    );
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(37);
    expect(server.calls - before).toBe(37);
    expect((await allRowsOf('requests')).filter(({ status }) => status === 'ok')).toHaveLength(37);
  }, 60_000);

  test('on more than enough: all of them are made, and what was acquired too much is given back', async () => {
    const answers = await Promise.all(spread(({ url }) => ask(url, keyOf('plenty'), 'priced')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(200);
  }, 60_000);

  test('on a budget for 10 calls of a tool: 10 are made, and the ledgers have their price', async () => {
    const before = server.calls;
    const answers = await Promise.all(spread(({ url }) => callTool(url, keyOf('tools'), 'counting-dear')));
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(10);
    expect(server.calls - before).toBe(10);
    expect(centsOf(await allRowsOf('tools'))).toBe(1_000);
  }, 60_000);

  test('on a budget for 10 answers of a model: asked until it is spent, exactly 10 are given', async () => {
    const untilSpent = async ({ url }: TestGateway): Promise<number> => {
      for (;;) {
        const { status } = await ask(url, keyOf('money'), 'priced');
        if (status !== 429) return status;
      }
    };
    const statuses = await Promise.all(spread(untilSpent));
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(centsOf(await allRowsOf('money'))).toBe(300);
  }, 120_000);

  test('on 300 tokens per minute: asked again and again, 300 are used', async () => {
    let given = 0;
    for (let round = 0; round < 100 && given < 10; round++) {
      const answers = await Promise.all(spread(({ url }) => ask(url, keyOf('tokens'), 'priced'), 20));
      given += answers.filter(({ status }) => status === 200).length;
    }
    const used = (await allRowsOf('tokens')).reduce(
      (sum, { promptTokens = 0, completionTokens = 0 }) => sum + promptTokens + completionTokens,
      0,
    );
    expect(used).toBe(300);
  }, 120_000);

  test('on 10 in flight: 10 at once, and 10 again afterwards', async () => {
    for (let round = 0; round < 2; round++) {
      const release = server.hold();
      const before = server.calls;
      const { calls, refused } = hammer('parallel', 190);
      await refused;
      await server.called(before + 10);
      release();
      expect((await Promise.all(calls)).filter(({ isError }) => !isError)).toHaveLength(10);
      expect(server.mostAtOnce).toBe(10);
      await untilFree('parallel');
    }
    expect(
      (await allRowsOf('parallel')).filter(({ status }) => status === 'ok').length,
    ).toBeGreaterThanOrEqual(20);
  }, 60_000);
});

/** 200 calls at once, and when so many of them are refused. */
function hammer(alias: string, refusals: number): { calls: Promise<ToolAnswer>[]; refused: Promise<void> } {
  const calls = spread(({ url }) => callTool(url, keyOf(alias), 'counting-cheap'));
  let count = 0;
  const refused = new Promise<void>((resolve) => {
    for (const call of calls)
      void call.then(({ isError }) => {
        if (isError && ++count === refusals) resolve();
      });
  });
  return { calls, refused };
}

/** Resolves when a call is let through again: slots are given back a moment after their answers. */
async function untilFree(alias: string): Promise<void> {
  for (const gateway of gateways)
    while ((await callTool(gateway.url, keyOf(alias), 'counting-cheap')).isError);
}

test('what a killed process had in flight is free for the others when its lease is over', async () => {
  verifies('limits:shared-killed');
  const [one, other] = gateways;
  const release = server.hold();
  const before = server.calls;
  const lost = Array.from({ length: 10 }, () =>
    callTool(one.url, keyOf('killed'), 'counting-cheap').catch(() => undefined),
  );
  await server.called(before + 10);
  expect((await callTool(other.url, keyOf('killed'), 'counting-cheap')).isError).toBe(true);
  await one.kill();
  await Promise.all(lost);
  release();
  while ((await callTool(other.url, keyOf('killed'), 'counting-cheap')).isError);
  await one.restart();
  await serversSettled(one);
}, 120_000);

describe('without its Redis', () => {
  test('a gateway goes on with its share, says so once and in /health, and counts together again by itself', async () => {
    verifies('limits:shared-gone');
    const [one, other] = gateways;
    expect(await sharedState(one)).toMatchObject({ status: 'healthy', isUp: true, processes: 2 });
    expect((await callTool(one.url, keyOf('gone'), 'counting-dear')).isError).toBe(false);
    await redis.kill();
    for (const gateway of gateways)
      await gateway.logged(({ message }) => message.startsWith('Redis is away'));
    expect(await sharedState(one)).toMatchObject({ status: 'degraded', isUp: false });
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => callTool(one.url, keyOf('gone'), 'counting-dear')),
    );
    // Its share is 20, of which 1 was used before.
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(19);
    await redis.restart();
    for (const gateway of gateways)
      await gateway.logged(({ message }) => message === 'limits are counted together through Redis again');
    expect(one.log.filter(({ message }) => message.startsWith('Redis is away'))).toHaveLength(1);
    expect(await sharedState(other)).toMatchObject({ status: 'healthy', isUp: true });
    expect((await callTool(other.url, keyOf('gone'), 'counting-dear')).isError).toBe(false);
  }, 60_000);

  test('a Redis that does not answer any more is as good as none', async () => {
    const [one] = gateways;
    const lost = one.log.filter(({ message }) => message.startsWith('Redis is away')).length;
    redis.pause();
    expect((await ask(one.url, keyOf('plenty'), 'priced')).status).toBe(200);
    await expect
      .poll(() => one.log.filter(({ message }) => message.startsWith('Redis is away')))
      .toHaveLength(lost + 1);
    expect((await ask(one.url, keyOf('plenty'), 'priced')).status).toBe(200);
    redis.resume();
    while ((await sharedState(one))['isUp'] !== true);
  }, 60_000);
});
