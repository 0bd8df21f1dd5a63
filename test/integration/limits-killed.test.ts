import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { ledgerRuns } from '../../src/app/spend-history.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createIdSource } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import type { LedgerBounds } from '../../src/ledger/ledger-bounds.ts';
import type { CallEnd, CallStart, Ledger, LedgerRun } from '../../src/ledger/ledger-ports.ts';
import { createLedger } from '../../src/ledger/ledger.ts';
import { DepartedRuns } from '../../src/limits/shared/departed-runs.ts';
import { LEASE_MS, type Report, SharedCounters } from '../../src/limits/shared/shared-counters.ts';
import { openStore } from '../../src/store/open-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart } from '../support/ledger-fakes.ts';
import { startTestPostgres } from '../support/postgres.ts';
import { type CountingServer, startCountingServer } from '../support/counting-server.ts';
import type { TestGateway } from '../support/gateway.ts';
import { ask, callTool, PRICED_MODEL } from '../support/limited.ts';
import { REDIS_MS, startRedis } from '../support/redis.ts';
import { type Replicas, startReplicas } from '../support/replicas/replicas.ts';
import { verifies } from '../support/verifies.ts';

const KEY = 'sk-limits-killed';
/** Redis counts in 10^-12 dollars. */
const PICO_PER_CENT = 1e10;
/** Cents: a request to each of the two models, and a call of the tool. */
const COSTS = { model: 30, tool: 5 } as const;
/** A lease of 10 s, looks 10 and 20 s apart, and a start. */
const COUNTED = { timeout: 60_000, interval: 100 };
const PAUSE_MS = 120_000;
const SILENT_MS = 3_000;
const TURNS = 3;
/** Of a gateway to Redis: limits, what it tells the others, and what they tell it. */
const CONNECTIONS = 3;

async function replicas(): Promise<Replicas & { readonly server: CountingServer }> {
  const server = await startCountingServer();
  const all = await startReplicas(2, {
    mcp_servers: {
      counting: {
        transport: 'http',
        url: server.url,
        mcp_info: { mcp_server_cost_info: { default_cost_per_query: COSTS.tool / 100 } },
      },
    },
    model_list: [PRICED_MODEL, { ...PRICED_MODEL, model_name: 'priced-too' }],
    virtual_keys: [
      {
        api_key: KEY,
        key_alias: 'killed',
        models: ['*'],
        mcp_servers: ['*'],
        max_budget: 1_000,
        model_max_budget: { priced: { budget_limit: 500, time_period: '30d' } },
      },
    ],
  });
  return {
    ...all,
    server,
    [Symbol.asyncDispose]: async () => {
      await all[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Of the key, and of the key with one of the models, after so many turns. */
const spentAfter = (turns: number): readonly number[] => [
  turns * (2 * COSTS.model + COSTS.tool),
  turns * COSTS.model,
];
const everything = spentAfter(1 + TURNS);

/** Calls that are of several kinds in the ledger, and count on one budget. */
async function spend({ url }: TestGateway): Promise<void> {
  const [one, other, tool] = await Promise.all([
    ask(url, KEY, 'priced'),
    ask(url, KEY, 'priced-too'),
    callTool(url, KEY, 'counting-cheap'),
  ]);
  expect([one.status, other.status, tool.isError ?? false]).toEqual([200, 200, false]);
}

/** What Redis counts as spent, by budget: cents. */
async function spentIn(redis: Redis): Promise<readonly number[]> {
  const names = (await redis.keys('{lanport-limits}:key:*')).filter((name) => name.includes(':budget:'));
  const spent = await Promise.all(names.sort().map((name) => redis.hget(name, 'spent')));
  return spent.map((one) => Number(one) / PICO_PER_CENT);
}

async function spentInLedger({ postgres, databaseUrl }: Replicas): Promise<number> {
  const [row] = await postgres.query(
    databaseUrl,
    `SELECT round(100 * sum(cost))::int AS cents FROM ledger_calls WHERE key_alias = 'killed' AND status = 'ok'`,
  );
  return Number(row?.['cents']);
}

/** Names of the processes that have not said that they ended. */
const runsOf = (redis: Redis): Promise<string[]> => redis.zrange('{lanport-limits}:runs', '0', '-1');

/** Lets a gateway spend what it cannot tell Redis any more, and kills it. */
async function spendAndDie(gateway: TestGateway, redis: Redis): Promise<void> {
  await spend(gateway);
  await expect.poll(() => spentIn(redis), COUNTED).toEqual(spentAfter(1));
  const clients = async (): Promise<readonly string[]> =>
    ((await redis.client('LIST')) as string).split('\n').map((line) => line.split(' ')[0] ?? '');
  await redis.client('PAUSE', PAUSE_MS, 'WRITE');
  await Promise.all(Array.from({ length: TURNS }, () => spend(gateway)));
  const before = await clients();
  await gateway.kill();
  // What it had sent is not done any more once Redis has noticed that its connections are gone.
  const gone = async (): Promise<number> => {
    const left = await clients();
    return before.filter((id) => !left.includes(id)).length;
  };
  await expect.poll(gone, COUNTED).toBe(CONNECTIONS);
  await redis.client('UNPAUSE');
  expect(await spentIn(redis)).toEqual(spentAfter(1));
}

test('what a gateway had spent and not told when it was killed is counted when it is started again', async () => {
  verifies('limits:shared-killed');
  await using all = await replicas();
  await using redis = disposable(new Redis(all.redis.url));
  const [gateway] = all.gateways as [TestGateway];
  await spendAndDie(gateway, redis.client);
  const before = await runsOf(redis.client);
  await gateway.restart();
  await expect.poll(() => spentIn(redis.client), COUNTED).toEqual(everything);
  expect(await spentInLedger(all)).toBe(everything[0]);
  const line = await gateway.logged(({ message }) => message.includes('told nobody when it ended'));
  expect(line).toMatchObject({ budgets: 2 });
  expect(Number(line['mostUsd'])).toBeCloseTo(spentAfter(TURNS)[0]! / 100);
  // It is known to have ended, and counted once.
  const after = await runsOf(redis.client);
  expect(after).toHaveLength(2);
  expect(after).not.toEqual(before);
  await gateway.kill();
  await gateway.restart();
  await expect
    .poll(async () => (await runsOf(redis.client)).filter((run) => !after.includes(run)), COUNTED)
    .toHaveLength(1);
  await expect.poll(() => runsOf(redis.client), COUNTED).toHaveLength(2);
  expect(await spentIn(redis.client)).toEqual(everything);
}, 180_000);

test('when it does not come back, another gateway counts it from what the ledger has, once nobody hears of it any more', async () => {
  verifies('limits:shared-killed');
  await using postgres = await startTestPostgres();
  await using server = await startRedis();
  await using redis = disposable(new Redis(server.url));
  const url = await postgres.createDatabase();
  const { store } = await openStore({ kind: 'external', url: new Secret(url) }, silentLog);
  await using _store = store;
  const folder = await mkdtemp(join(tmpdir(), 'limits-killed-'));
  const open = (writer: string, home: string, bounds: Partial<LedgerBounds>): Promise<Ledger & LedgerRun> =>
    createLedger({
      ...{ store: store.ledger, folder: join(folder, home), writer, clock: systemClock, log: silentLog },
      bounds,
    });

  // One process says once that it lives, and then no more.
  const dead = await open('dead', 'one', { beatMs: 3_600_000 });
  const newId = createIdSource();
  const call = async (start: Partial<CallStart>, end: Partial<CallEnd>): Promise<void> => {
    const id = newId();
    await dead.begin(callStart(id, { startedAt: Date.now(), keyId: 'k', team: 't', user: 'u', ...start }));
    dead.end(callEnd(id, { endedAt: Date.now(), ...end }));
  };
  await call({ model: 'm' }, { cost: 64 });
  const told = dead.position;
  await call({ kind: 'llm', model: 'm', server: undefined }, { cost: 1 });
  await call({ kind: 'llm', model: 'm', server: undefined }, { cost: 2 });
  await call({ kind: 'llm', model: 'other', server: undefined }, { cost: 4 });
  await call({ server: 'db' }, { cost: 8 });
  await call({ keyId: 'k2', server: 'db' }, { cost: 16 });
  await call({ keyId: 'k3', team: 't2', user: 'u2' }, { cost: 32, status: 'error' });
  const midway = Date.now() + 1;
  await expect.poll(() => Date.now()).toBeGreaterThan(midway);
  await call({ keyId: 'k', server: 'db' }, { cost: 128 });
  await dead.flush();
  await postgres.query(
    url,
    `UPDATE ledger_writers SET alive_at = now() - interval '2 minutes' WHERE writer = 'dead'`,
  );

  const account = { key: { scope: 'key', id: 'k' }, team: { scope: 'team', id: 't' } } as const;
  const budgets = {
    key: { account: account.key },
    model: { account: account.key, model: 'm' },
    team: { account: account.team },
    member: { account: { scope: 'team-member', id: 'u', team: 't' } },
    server: { account: { scope: 'server', id: 'db' } },
    'set by hand': { account: account.team, baseAt: midway },
    stranger: { account: { scope: 'key', id: 'nobody' } },
  };
  const counters = (process: string): Promise<SharedCounters> => connected(server.url, process);
  await using his = await counters('dead');
  await his.acquire(
    Object.entries(budgets).map(([name, label]) => ({
      ...{ name, kind: 'b', max: 1e15, need: 1, want: 0, from: 5, spent: 0, label: JSON.stringify(label) },
    })),
  );
  await his.report({ number: 1, list: [], through: told, isLast: false });

  const other = await open('other', 'two', { beatMs: 1_000, silentMs: SILENT_MS });
  await using mine = await counters('other');
  await mine.report({ number: 1, list: [], through: 0, isLast: false });
  const runs = ledgerRuns(store.runs, other, SILENT_MS)!;
  // As long as one was not there to hear it, its silence says nothing.
  expect(other.isSteady).toBe(false);
  expect(await runs.ended(['dead'])).toEqual([]);
  await expect.poll(() => other.isSteady, COUNTED).toBe(true);
  expect(await runs.ended(['dead', 'unheard of'])).toEqual([
    { name: 'dead', position: dead.position, isPredecessor: false, isWhole: false },
  ]);
  let nowMs = 0;
  const seen: unknown[] = [];
  const clock = { now: () => Date.now(), monotonicMs: () => nowMs };
  const departed = new DepartedRuns(
    mine,
    runs,
    { leftCounted: (run, count, usd) => seen.push({ run, count, usd }) },
    clock,
  );
  const spent = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      await Promise.all(
        Object.keys(budgets).map(async (name) => [
          name,
          Number(await redis.client.hget(`{lanport-limits}:${name}`, 'spent')) / (100 * PICO_PER_CENT),
        ]),
      ),
    );
  const nothing = Object.fromEntries(Object.keys(budgets).map((name) => [name, 0]));
  // It lives for Redis; then its lease is over, but it may not have found back to a Redis that has just come.
  await departed.begin();
  await redis.client.zrem('{lanport-limits}:processes', 'dead');
  nowMs += LEASE_MS;
  await departed.begin();
  expect(await spent()).toEqual(nothing);
  const lookAgain = (): Promise<Record<string, number>> => {
    nowMs += 100 * LEASE_MS;
    departed.heard(1);
    return spent();
  };
  await expect.poll(lookAgain, COUNTED).toEqual({
    ...{
      key: 1 + 2 + 4 + 8 + 128,
      model: 1 + 2,
      team: 1 + 2 + 4 + 8 + 16 + 128,
      member: 1 + 2 + 4 + 8 + 16 + 128,
    },
    ...{ server: 8 + 16 + 128 + 32, 'set by hand': 128, stranger: 0 },
  });
  await expect.poll(() => seen, COUNTED).toEqual([{ run: 'dead', count: 6, usd: 184 }]);

  // Its data folder comes back, with a call that it had not stored: that one alone is added, and it is forgotten.
  await call({ keyId: 'k', server: 'db' }, { cost: 256 });
  await dead[Symbol.asyncDispose]();
  const next = await open('next', 'one', {});
  await using its = await counters('next');
  await its.report({ number: 1, list: [], through: 0, isLast: false });
  await new DepartedRuns(its, ledgerRuns(store.runs, next)!, { leftCounted: () => undefined }, clock).begin();
  expect(await spent()).toMatchObject({ key: 143 + 256, model: 3, 'set by hand': 128 + 256 });
  expect((await its.runs()).map(({ name }) => name)).toEqual(['other']);
  await other[Symbol.asyncDispose]();
  await next[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
}, 120_000);

test(
  'what others have counted from the ledger of a process that was held for dead is not counted again when it tells it',
  async () => {
    verifies('limits:shared-killed');
    await using server = await startRedis();
    await using redis = disposable(new Redis(server.url));
    const name = 'key:b:budget:ever::';
    const label = '{"account":{}}';
    await using mine = await connected(server.url, 'mine');
    await using other = await connected(server.url, 'other');
    const told = (number: number, used: number, through: number, period = 1): Promise<unknown> => {
      const rest = { back: 0, second: 0, holds: undefined, label: undefined } as const;
      const list: Report['list'] = [{ name, kind: 'b', used, from: period, ...rest }];
      return mine.report({ number, list, through, isLast: false });
    };
    const spent = async (): Promise<number> =>
      Number(await redis.client.hget(`{lanport-limits}:${name}`, 'spent'));
    const countLeft = (position: number, through: number, amount: number, from = 1): Promise<boolean> =>
      other.countLeft('mine', { position, through, isWhole: false }, [{ name, from, amount }]);

    await mine.acquire([{ name, kind: 'b', max: 1_000, need: 10, want: 0, from: 1, spent: 100, label }]);
    await told(1, 10, 4);
    expect(await spent()).toBe(110);
    expect(await other.runs()).toMatchObject([{ name: 'mine', isLive: true }]);
    expect(await other.positionOf('mine')).toBe(4);
    expect(await other.budgetsOf('mine')).toEqual([{ name, label, from: 1 }]);
    expect(await countLeft(4, 8, 20)).toBe(true);
    expect(await spent()).toBe(130);
    // Who looked it up before that has come too late.
    expect(await countLeft(4, 8, 20)).toBe(false);
    expect(await spent()).toBe(130);
    // It lives: what was counted comes first, in as many reports as there are; the last of them has 3 besides.
    await told(2, 15, 6);
    expect(await spent()).toBe(130);
    await told(3, 8, 9);
    expect(await spent()).toBe(133);
    await told(4, 5, 10);
    expect(await spent()).toBe(138);
    // The same report again, and the money of another period.
    await told(4, 5, 10);
    expect(await countLeft(10, 12, 7, 2)).toBe(true);
    await told(5, 7, 12, 2);
    expect(await spent()).toBe(138);

    const done = { position: 12, through: 14, isWhole: true };
    expect(await other.countLeft('mine', done, [{ name, from: 1, amount: 2 }])).toBe(true);
    // It is dead and forgotten, and what of it was still on its way changes nothing.
    await told(6, 2, 14);
    expect(await spent()).toBe(140);
    expect(await other.runs()).toEqual([]);
    expect(await redis.client.keys('*budgets:mine')).toEqual([]);
  },
  REDIS_MS,
);

async function connected(url: string, process: string): Promise<SharedCounters> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const one = new SharedCounters(url, process, { onConnected: resolve, onLost: () => undefined });
  await promise;
  return one;
}

function disposable(client: Redis): AsyncDisposable & { readonly client: Redis } {
  return { client, [Symbol.asyncDispose]: async () => void (await client.quit()) };
}
