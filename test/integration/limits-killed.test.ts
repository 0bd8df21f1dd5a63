import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { type Report, SharedCounters } from '../../src/limits/shared/shared-counters.ts';
import type { TestGateway } from '../support/gateway.ts';
import { ask, PRICED_MODEL } from '../support/limited.ts';
import { REDIS_MS, startRedis } from '../support/redis.ts';
import { type Replicas, startReplicas } from '../support/replicas/replicas.ts';
import { verifies } from '../support/verifies.ts';

const KEY = 'sk-limits-killed';
/** Redis counts in 10^-12 dollars. */
const PICO_PER_CENT = 1e10;
/** Of one call of the priced model. */
const CENTS = 30;
/** A lease of 10 s, a look every 10 s, and a start. */
const COUNTED = { timeout: 45_000, interval: 100 };
const PAUSE_MS = 20_000;
const CALLS = 5;

function replicas(): Promise<Replicas> {
  return startReplicas(2, {
    model_list: [PRICED_MODEL],
    virtual_keys: [
      {
        api_key: KEY,
        key_alias: 'killed',
        models: ['*'],
        max_budget: 1_000,
        model_max_budget: { priced: { budget_limit: 500, time_period: '30d' } },
      },
    ],
  });
}

/** What Redis counts as spent, by budget: cents. */
async function spentIn(redis: Redis): Promise<readonly number[]> {
  const names = (await redis.keys('{lanport-limits}:key:*')).filter((name) => name.includes(':budget:'));
  const spent = await Promise.all(names.sort().map((name) => redis.hget(name, 'spent')));
  return spent.map((one) => Number(one) / PICO_PER_CENT);
}

async function spentInLedger({ postgres, databaseUrl }: Replicas): Promise<{ calls: number; cents: number }> {
  const [row] = await postgres.query(
    databaseUrl,
    `SELECT count(*)::int AS calls, round(100 * sum(cost))::int AS cents FROM ledger_calls WHERE key_alias = 'killed' AND status = 'ok'`,
  );
  return row as { calls: number; cents: number };
}

/** Lets a gateway spend what it cannot tell Redis any more, and kills it. */
async function spendAndDie(
  gateway: TestGateway,
  redis: Redis,
  beforeItDies: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  expect((await ask(gateway.url, KEY, 'priced')).status).toBe(200);
  await expect.poll(() => spentIn(redis)).toEqual([CENTS, CENTS]);
  const clients = async (): Promise<number> =>
    ((await redis.client('LIST')) as string).split('\n').filter((line) => line.includes('evalsha')).length;
  const before = await clients();
  await redis.client('PAUSE', PAUSE_MS, 'WRITE');
  const answers = await Promise.all(Array.from({ length: CALLS }, () => ask(gateway.url, KEY, 'priced')));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: CALLS }, () => 200));
  await beforeItDies();
  await gateway.kill();
  // What it had sent is not done any more once Redis has noticed.
  await expect.poll(clients).toBeLessThan(before);
  await redis.client('UNPAUSE');
  expect(await spentIn(redis)).toEqual([CENTS, CENTS]);
}

const everything = CENTS * (1 + CALLS);

test('what a gateway had spent and not told when it was killed is counted when it is started again', async () => {
  verifies('limits:shared-killed');
  await using all = await replicas();
  await using redis = disposable(new Redis(all.redis.url));
  const [gateway] = all.gateways as [TestGateway];
  await spendAndDie(gateway, redis.client);
  await gateway.restart();
  await expect.poll(() => spentIn(redis.client), COUNTED).toEqual([everything, everything]);
  expect(await spentInLedger(all)).toEqual({ calls: 1 + CALLS, cents: everything });
  const line = await gateway.logged(({ message }) => message.includes('had told nobody'));
  expect(Number(line['spentUsd'])).toBeCloseTo((CENTS * CALLS) / 100);
  // It is known to have ended, and counted once.
  await expect.poll(() => redis.client.zcard('{lanport-limits}:runs'), COUNTED).toBe(2);
  await gateway.kill();
  await gateway.restart();
  await expect.poll(() => redis.client.zcard('{lanport-limits}:runs'), COUNTED).toBe(2);
  expect(await spentIn(redis.client)).toEqual([everything, everything]);
}, 180_000);

test('when it does not come back, another gateway counts it', async () => {
  verifies('limits:shared-killed');
  await using all = await replicas();
  await using redis = disposable(new Redis(all.redis.url));
  const [gateway, other] = all.gateways as [TestGateway, TestGateway];
  // Its folder keeps nothing that the database does not have.
  await spendAndDie(gateway, redis.client, () =>
    expect.poll(() => spentInLedger(all), COUNTED).toEqual({ calls: 1 + CALLS, cents: everything }),
  );
  // Its last words would be a minute old before it was given up.
  await all.postgres.query(
    all.databaseUrl,
    `UPDATE ledger_writers SET alive_at = now() - interval '2 minutes' WHERE writer = (SELECT end_writer FROM ledger_calls WHERE cost > 0 LIMIT 1)`,
  );
  await expect.poll(() => spentIn(redis.client), COUNTED).toEqual([everything, everything]);
  const line = await other.logged(({ message }) => message.includes('had told nobody'));
  expect(Number(line['spentUsd'])).toBeCloseTo((CENTS * CALLS) / 100);
  // When it comes back after all, that is not counted again.
  await gateway.restart();
  await expect.poll(() => redis.client.zcard('{lanport-limits}:runs'), COUNTED).toBe(2);
  expect(await spentIn(redis.client)).toEqual([everything, everything]);
}, 180_000);

test(
  'what others have counted from the ledger of a process that was held for dead is not counted again when it tells it',
  async () => {
    verifies('limits:shared-killed');
    await using server = await startRedis();
    await using redis = disposable(new Redis(server.url));
    const name = 'key:b:budget:ever::';
    const counters = async (process: string): Promise<SharedCounters> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const one = new SharedCounters(server.url, process, { onConnected: resolve, onLost: () => undefined });
      await promise;
      return one;
    };
    await using mine = await counters('mine');
    await using other = await counters('other');
    const told = (number: number, used: number, before: number, through: number): Promise<unknown> => {
      const list: Report['list'] = [{ name, kind: 'b', back: 0, second: 0, used, from: 1, holds: undefined }];
      return mine.report({ number, list, before, through, isLast: false });
    };
    const spent = async (): Promise<number> =>
      Number(await redis.client.hget(`{lanport-limits}:${name}`, 'spent'));
    await mine.acquire([
      { name, kind: 'b', max: 1_000, need: 10, want: 0, from: 1, spent: 100, label: '{"account":{}}' },
    ]);
    await told(1, 10, 0, 4);
    expect(await spent()).toBe(110);
    const left = (amount: number): readonly { name: string; from: number; amount: number }[] => [
      { name, from: 1, amount },
    ];
    expect(await other.runs()).toMatchObject([{ name: 'mine', isLive: true }]);
    expect(await other.stateOf('mine')).toEqual({
      position: 4,
      budgets: [{ name, label: '{"account":{}}', from: 1 }],
    });
    expect(await other.countLeft('mine', { position: 4, through: 8, isWhole: false }, left(20))).toBe(true);
    expect(await spent()).toBe(130);
    // Who looked it up before that has come too late.
    expect(await other.countLeft('mine', { position: 4, through: 8, isWhole: false }, left(20))).toBe(false);
    await told(2, 20, 4, 8);
    expect(await spent()).toBe(130);
    await told(3, 5, 8, 9);
    expect(await spent()).toBe(135);
    // The same report again, and the money of another period.
    await told(3, 5, 8, 9);
    expect(
      await other.countLeft('mine', { position: 9, through: 12, isWhole: true }, [
        { name, from: 2, amount: 7 },
      ]),
    ).toBe(true);
    expect(await spent()).toBe(135);
    expect(await redis.client.keys('*mine*')).toEqual([]);
    expect(await other.runs()).toEqual([]);
  },
  REDIS_MS,
);

function disposable(client: Redis): AsyncDisposable & { readonly client: Redis } {
  return { client, [Symbol.asyncDispose]: async () => void (await client.quit()) };
}
