import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import type { TestGateway } from '../support/gateway.ts';
import { startCountingServer } from '../support/counting-server.ts';
import { http } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { callTool } from '../support/limited.ts';
import { type Replicas, startReplicas } from '../support/replicas/replicas.ts';
import { type Seen, storm } from '../support/replicas/stormy-clients.ts';
import { verifies } from '../support/verifies.ts';

/** The whole of it on demand: `LANPORT_REPLICA_STORM=1 npx vitest run test/integration/replicas-killed.test.ts`. */
const IS_WHOLE = process.env['LANPORT_REPLICA_STORM'] !== undefined;
const STORM = IS_WHOLE
  ? { ms: 120_000, killEveryMs: 20_000, clients: 100 }
  : { ms: 25_000, killEveryMs: 9_000, clients: 30 };
/** Until the ledgers of both have stored everything, and each process has told Redis what it used. */
const SETTLED = { timeout: 60_000, interval: 100 };
/** 10^-12 dollars, which Redis counts in. */
const PICO = 1e12;
const PRICE = 0.01;
const CAPPED_CALLS = 400;
const PACED_PER_MINUTE = 250;
const KEYS = ['plenty', 'capped', 'paced'] as const;

const keyOf = (alias: string): string => `sk-killed-${alias}`;

interface Row {
  readonly id: string;
  readonly key: string;
  readonly status: string | null;
  readonly code: string | null;
  readonly decision: string;
  readonly cost: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

async function rowsOf({ postgres, databaseUrl }: Replicas): Promise<readonly Row[]> {
  const rows = await postgres.query(
    databaseUrl,
    `SELECT id::text, key_alias AS key, status, error_code AS code, decision, coalesce(cost, 0)::float AS cost,
       (extract(epoch FROM started_at) * 1000)::float AS at FROM ledger_calls WHERE key_alias IS NOT NULL ORDER BY started_at`,
  );
  return rows as unknown as readonly Row[];
}

/** Kills one after the other, and starts each again at once. */
async function killInTurn(gateways: readonly TestGateway[], isOver: () => boolean): Promise<number> {
  let kills = 0;
  let next = setTimeout(STORM.killEveryMs);
  for (;;) {
    await next;
    if (isOver()) return kills;
    next = setTimeout(STORM.killEveryMs);
    const gateway = gateways[kills++ % gateways.length]!;
    await gateway.kill();
    await gateway.restart();
  }
}

const cents = (rows: readonly Row[]): number =>
  rows.reduce((sum, { cost }) => sum + Math.round(cost * 100), 0);

/** The most that began within a minute, whenever it began. */
function mostInAMinute(rows: readonly Row[]): number {
  let most = 0;
  for (let from = 0, to = 0; to < rows.length; to++) {
    while (rows[to]!.at - rows[from]!.at > 60_000) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

it(
  `two replicas of which one is killed every ${STORM.killEveryMs / 1_000} s under ${STORM.clients} clients lose no call and count rightly`,
  async () => {
    verifies('replicas:killed');
    await using server = await startCountingServer();
    await using replicas = await startReplicas(2, {
      mcp_servers: {
        counting: {
          transport: 'http',
          url: server.url,
          mcp_info: { mcp_server_cost_info: { default_cost_per_query: PRICE } },
        },
      },
      model_list: [
        {
          model_name: 'priced',
          litellm_params: {
            model: 'openai/priced',
            input_cost_per_token: PRICE / 4,
            output_cost_per_token: PRICE / 4,
            mock_response: { text: 'Hi', usage: { input: 2, output: 2 } },
          },
        },
      ],
      virtual_keys: KEYS.map((alias) => ({
        api_key: keyOf(alias),
        key_alias: alias,
        models: ['*'],
        mcp_servers: ['*'],
        max_budget: alias === 'capped' ? CAPPED_CALLS * PRICE : 1e6,
        ...(alias === 'paced' ? { rpm_limit: PACED_PER_MINUTE } : {}),
      })),
    });
    const { gateways } = replicas;
    let over = false;
    const isOver = (): boolean => over;
    const storming = storm({
      url: replicas.balancer.url,
      clients: STORM.clients,
      keys: KEYS.map(keyOf),
      tool: 'counting-cheap',
      model: 'priced',
      isOver,
    });
    const killing = killInTurn(gateways, isOver);
    await setTimeout(STORM.ms);
    over = true;
    const [seen, kills] = await Promise.all([storming, killing]);
    expect(seen.lost).toEqual([]);
    expect(kills).toBeGreaterThanOrEqual(2);
    await expectWhole(replicas, seen, kills);
  },
  STORM.ms + 300_000,
);

async function expectWhole(replicas: Replicas, seen: Seen, kills: number): Promise<void> {
  const { gateways } = replicas;
  await expect
    .poll(async () => {
      const rows = new Map((await rowsOf(replicas)).map((row) => [row.id, row]));
      return {
        missing: seen.answered.filter(({ id }) => !rows.has(id)).length,
        open: [...rows.values()].filter(({ status }) => status === null).length,
      };
    }, SETTLED)
    .toEqual({ missing: 0, open: 0 });
  const rows = await rowsOf(replicas);
  const byId = new Map(rows.map((row) => [row.id, row]));
  if (IS_WHOLE)
    process.stdout.write(
      `${JSON.stringify({
        kills,
        answered: seen.answered.length,
        refused: seen.answered.filter(({ outcome }) => outcome === 'refused').length,
        resent: seen.resent,
        rows: rows.length,
        unknown: rows.filter(({ status }) => status === 'unknown').length,
        answeredAndUnknown: seen.answered.filter(({ id }) => byId.get(id)?.status === 'unknown').length,
      })}\n`,
    );
  // What was answered is in the ledger as it was answered.
  const unlike = seen.answered.filter(({ id, outcome }) => {
    const row = byId.get(id)!;
    if (outcome === 'refused') return row.decision !== 'denied';
    return row.status !== 'ok' || row.cost !== PRICE;
  });
  expect(unlike).toEqual([]);
  // And nothing else is, but requests that were sent again because no answer came.
  expect(byId.size).toBe(rows.length);
  expect(rows.length - seen.answered.length).toBeLessThanOrEqual(seen.resent);

  const of = (alias: string): readonly Row[] => rows.filter(({ key }) => key === alias);
  expect(cents(of('capped')) / 100).toBeLessThanOrEqual(CAPPED_CALLS * PRICE);
  expect(cents(of('capped')) / 100).toBeGreaterThanOrEqual(CAPPED_CALLS * PRICE - 1e-6);
  const paced = of('paced').filter(({ decision }) => decision === 'allowed');
  expect(mostInAMinute(paced)).toBeLessThanOrEqual(PACED_PER_MINUTE);

  // The sums, what keys are told, and what limits count are the ledger's.
  await using redis = disposable(new Redis(replicas.redis.url));
  for (const alias of KEYS) {
    const spent = cents(of(alias)) / 100;
    for (const gateway of gateways) {
      const info = await http(`${gateway.url}/key/info`, {
        headers: { authorization: `Bearer ${keyOf(alias)}` },
      });
      expect(info.json<{ info: { spend: number } }>().info.spend, alias).toBeCloseTo(spent, 6);
    }
    const name = (await redis.client.keys('*')).find(
      (one) => one.includes(accountOf(alias)) && one.includes('budget'),
    );
    // What a gateway had not told when it was killed is counted a moment after its next start.
    await expect
      .poll(async () => Number(await redis.client.hget(name ?? alias, 'spent')) / PICO, {
        ...SETTLED,
        message: `${alias} in Redis (${name})`,
      })
      .toBeCloseTo(spent, 6);
  }
  for (const { url } of gateways)
    expect((await callTool(url, keyOf('capped'), 'counting-cheap')).isError).toBe(true);

  const folders = gateways.map(({ folder }) => join(folder, 'data', 'ledger'));
  const checked = await lanport(
    [
      ...['ledger', 'verify', '--json', '--config', join(gateways[0]!.folder, 'config.yaml')],
      ...['--data', join(gateways[0]!.folder, 'data'), '--ledger-folder', folders[1]!],
    ],
    { env: replicas.env },
  );
  expect(checked, checked.stdout).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(checked.stdout)).toMatchObject({ findings: [], withoutKey: [], withoutAnchor: [] });
}

const accountOf = (alias: string): string =>
  createHash('sha256').update(keyOf(alias)).digest('hex').slice(0, 8);

function disposable(client: Redis): AsyncDisposable & { readonly client: Redis } {
  return { client, [Symbol.asyncDispose]: async () => void (await client.quit()) };
}
