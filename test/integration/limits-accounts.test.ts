import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { ask, rowsOf, PRICED_MODEL, operateOn } from '../support/limited.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

let postgres: TestPostgres;
let gateway: TestGateway;

beforeAll(async () => {
  postgres = await startTestPostgres();
  gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY, database_url: await postgres.createDatabase() },
      model_list: [PRICED_MODEL],
    },
  });
}, 90_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const operate = (path: string, body?: object): Promise<Record<string, unknown>> =>
  operateOn(gateway, path, body);

async function newKey(body: object): Promise<string> {
  return String((await operate('/key/generate', { models: ['priced'], ...body }))['key']);
}

const statuses = async (keys: readonly string[]): Promise<number[]> => {
  const list = [];
  for (const key of keys) list.push((await ask(gateway.url, key, 'priced')).status);
  return list;
};

test('keys of a team share its budget, and keys of a user its requests', async () => {
  verifies('limits:accounts');
  await operate('/team/new', { team_id: 'team-1', max_budget: 0.9, budget_duration: '30d' });
  const [a, b] = [
    await newKey({ team_id: 'team-1', key_alias: 'team-a' }),
    await newKey({ team_id: 'team-1', key_alias: 'team-b' }),
  ];
  expect(await statuses([a, b, a, b, a])).toEqual([200, 200, 200, 400, 400]);
  const [denied] = await rowsOf(gateway, 'team-a');
  expect(denied).toMatchObject({ status: 'denied', rule: 'teams.team-1.max_budget' });

  await operate('/user/new', { user_id: 'user-1', rpm_limit: 2, auto_create_key: false });
  const [c, d] = [await newKey({ user_id: 'user-1' }), await newKey({ user_id: 'user-1' })];
  expect(await statuses([c, d, c])).toEqual([200, 200, 429]);
}, 60_000);

test('a limit that is changed over the API counts at once, and so does what was spent when it is set', async () => {
  verifies('limits:accounts');
  const key = await newKey({ key_alias: 'changed', max_budget: 0.3 });
  expect(await statuses([key, key])).toEqual([200, 400]);
  await operate('/key/update', { key, max_budget: 0.6 });
  expect(await statuses([key, key])).toEqual([200, 400]);
  await operate('/key/update', { key, spend: 0 });
  expect(await statuses([key, key, key])).toEqual([200, 200, 400]);
}, 60_000);
