import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { ask } from '../support/limited.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { REDIS_MS, startRedis, type TestRedis } from '../support/redis.ts';
import { verifies } from '../support/verifies.ts';

let redis: TestRedis;
let postgres: TestPostgres;
const gateways: TestGateway[] = [];

beforeAll(async () => {
  [redis, postgres] = await Promise.all([startRedis(), startTestPostgres()]);
  const config = {
    general_settings: { master_key: MASTER_KEY, database_url: await postgres.createDatabase() },
    model_list: [{ model_name: 'm', litellm_params: { model: 'openai/m', mock_response: 'Hi' } }],
  };
  for (let at = 0; at < 2; at++) gateways.push(await startGateway({ config, env: { REDIS_URL: redis.url } }));
}, REDIS_MS);
afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
});

async function operate(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await http(`${gateways[0]!.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status, answer.text).toBe(200);
  return answer.json();
}

test('60 requests at once with two keys of a member on two processes: as many as the membership allows', async () => {
  verifies('limits:members', 'limits:shared');
  // Names that would be taken for each other if they were only put together.
  await operate('/team/new', { team_id: 'a:b' });
  await operate('/team/member_add', { team_id: 'a:b', member: { user_id: 'c' }, rpm_limit: 15 });
  await operate('/team/new', { team_id: 'a' });
  await operate('/team/member_add', { team_id: 'a', member: { user_id: 'b:c' }, rpm_limit: 15 });
  const newKey = async (user: string, team: string): Promise<string> =>
    String((await operate('/key/generate', { models: ['m'], user_id: user, team_id: team }))['key']);
  const keys = [await newKey('c', 'a:b'), await newKey('c', 'a:b')] as const;
  const other = await newKey('b:c', 'a');
  // The other process hears of the last key after those before it.
  await expect.poll(async () => (await ask(gateways[1]!.url, other, 'm')).status).toBe(200);
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, at) => ask(gateways[at % 2]!.url, keys[(at >> 1) % 2]!, 'm')),
  );
  const refused = answers.filter(({ status }) => status !== 200);
  expect(refused).toHaveLength(45);
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([429]));
  expect(refused[0]!.text).toContain('of user \\"c\\" in team \\"a:b\\": at most 15 requests per minute');
  expect((await ask(gateways[0]!.url, other, 'm')).status).toBe(200);
}, 60_000);
