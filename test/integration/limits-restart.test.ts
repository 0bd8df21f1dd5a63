import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MASTER_KEY, startGateway } from '../support/gateway.ts';
import { ask, rowsOf, PRICED_MODEL } from '../support/limited.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
}, 60_000);

afterAll(() => postgres?.[Symbol.asyncDispose]());

const STORES: readonly (readonly [string, () => Promise<Record<string, unknown>>])[] = [
  ['a database', async () => ({ database_url: await postgres.createDatabase() })],
  ['files alone', () => Promise.resolve({ disable_database: true })],
];
const KEY = 'sk-limit-restart';

describe.each(STORES)('with %s', (_name, storeOf) => {
  test('what was spent counts after the gateway was killed and started again', async () => {
    verifies('limits:restart');
    await using gateway = await startGateway({
      config: {
        general_settings: { master_key: MASTER_KEY, ...(await storeOf()) },
        model_list: [PRICED_MODEL],
        virtual_keys: [
          { api_key: KEY, key_alias: 'saver', models: ['*'], max_budget: 1.5, budget_duration: '30d' },
        ],
      },
    });
    const statuses = async (count: number): Promise<number[]> => {
      const list = [];
      for (let one = 0; one < count; one++) list.push((await ask(gateway.url, KEY, 'priced')).status);
      return list;
    };
    expect(await statuses(3)).toEqual([200, 200, 200]);
    await gateway.kill();
    await gateway.restart();
    // The first two come at once, when it is not known yet what was spent.
    const [first, second] = await Promise.all([
      ask(gateway.url, KEY, 'priced'),
      ask(gateway.url, KEY, 'priced', 'messages'),
    ]);
    expect([first.status, second.status].filter((status) => status === 200).length).toBeGreaterThan(0);
    const late = await statuses(3);
    expect(late.slice(1)).toEqual([400, 400]);
    const rows = await rowsOf(gateway, 'saver');
    expect(rows.filter(({ status }) => status === 'ok')).toHaveLength(5);
    expect(rows.reduce((sum, { cost = 0 }) => sum + Math.round(cost * 100), 0)).toBe(150);
  }, 90_000);
});
