import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { ask } from '../support/limited.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const DAY_MS = 86_400_000;
const SETTINGS = {
  default_key_generate_params: {
    models: ['small'],
    max_budget: 5,
    budget_duration: '30d',
    metadata: { env: 'prod' },
    user_id: 'somebody',
  },
  upperbound_key_generate_params: { max_budget: 10, rpm_limit: 2, duration: '30d' },
  default_internal_user_params: {
    user_role: 'internal_user',
    max_budget: 2,
    models: ['small'],
    teams: [{ team_id: 'everybody', max_budget_in_team: 1 }],
  },
  max_internal_user_budget: 77,
  internal_user_budget_duration: '7d',
  default_team_settings: [{ team_id: 'any', max_budget: 100, budget_duration: '1d' }],
};

let postgres: TestPostgres;
let gateway: TestGateway;
let general: object;

const config = (settings: object) => ({
  general_settings: general,
  litellm_settings: settings,
  model_list: [{ model_name: 'small', litellm_params: { model: 'openai/small', mock_response: 'Hi' } }],
});

beforeAll(async () => {
  postgres = await startTestPostgres();
  general = { master_key: MASTER_KEY, database_url: await postgres.createDatabase() };
  gateway = await startGateway({ config: config(SETTINGS), args: ['--no-watch'] });
}, 90_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const post = (path: string, body: object = {}): Promise<HttpAnswer> =>
  http(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function made(path: string, body: object = {}): Promise<Record<string, unknown>> {
  const answer = await post(path, body);
  expect(answer.status, answer.text).toBe(200);
  return answer.json();
}

async function refused(path: string, body: object, param: string, words: string): Promise<void> {
  const answer = await post(path, body);
  expect(answer.status, answer.text).toBe(400);
  expect(answer.json()).toMatchObject({
    error: { param, code: '400', message: expect.stringContaining(words) },
  });
}

test('a key gets what the configuration says where the request says nothing, and no more than it allows', async () => {
  verifies('keys:defaults');
  const before = Date.now();
  // As LiteLLM's clients send what they do not set.
  const key = await made('/key/generate', { models: [], metadata: {}, max_budget: null, rpm_limit: null });
  expect(key).toMatchObject({
    models: ['small'],
    max_budget: 5,
    budget_duration: '30d',
    metadata: { env: 'prod' },
    user_id: 'somebody',
    rpm_limit: 2,
    tpm_limit: null,
  });
  const expires = Date.parse(String(key['expires']));
  expect(expires).toBeGreaterThanOrEqual(before + 30 * DAY_MS);
  expect(expires).toBeLessThanOrEqual(Date.now() + 30 * DAY_MS);
  const statuses = [];
  for (let at = 0; at < 3; at++) statuses.push((await ask(gateway.url, String(key['key']), 'small')).status);
  expect(statuses).toEqual([200, 200, 429]);

  expect(await made('/key/generate', { max_budget: 10, duration: '1d', user_id: 'ann' })).toMatchObject({
    max_budget: 10,
    user_id: 'ann',
  });
  await made('/team/new', { team_id: 'nightly' });
  const service = await made('/key/service-account/generate', { team_id: 'nightly' });
  expect(service).toMatchObject({ max_budget: 5, rpm_limit: 2, user_id: null, team_id: 'nightly' });
});

test('no key gets more than the upper bounds, neither when it is made nor by a change', async () => {
  verifies('keys:defaults');
  const { token } = await made('/key/generate', { key_alias: 'bounded' });
  const over = 'over max limit set in config - user_value=10.5; max_value=10';
  await refused('/key/generate', { max_budget: 10.5 }, 'max_budget', over);
  await refused('/key/generate', { duration: '31d' }, 'duration', 'user_value=31d; max_value=30d');
  await refused('/key/update', { key: token, max_budget: 10.5 }, 'max_budget', over);
  await refused('/key/update', { key: token, rpm_limit: null }, 'rpm_limit', 'user_value=none; max_value=2');
  await refused('/key/update', { key: token, duration: null }, 'duration', 'user_value=none');
  await refused(`/key/${String(token)}/regenerate`, { rpm_limit: 3 }, 'rpm_limit', 'user_value=3');
  expect(await made('/key/update', { key: token, max_budget: 9, tpm_limit: 50 })).toMatchObject({
    max_budget: 9,
    tpm_limit: 50,
    rpm_limit: 2,
  });
});

test('users and teams get theirs; a key that is made with a user has the bounds of every key', async () => {
  verifies('keys:defaults');
  expect((await post('/user/new', { user_id: 'early' })).status).toBe(404); // The team of the defaults is not there.
  expect(await made('/team/new', { team_id: 'everybody' })).toMatchObject({
    max_budget: 100,
    budget_duration: '1d',
  });
  expect(await made('/team/new', { max_budget: 3, budget_duration: '7d' })).toMatchObject({
    max_budget: 3,
    budget_duration: '7d',
  });
  const ann = await made('/user/new', { user_id: 'ann' });
  expect(ann).toMatchObject({
    user_role: 'internal_user',
    max_budget: 2,
    budget_duration: '7d',
    models: ['small'],
    teams: ['everybody'],
    key: expect.any(String),
  });
  const { info } = (
    await http(`${gateway.url}/key/info`, { headers: { authorization: `Bearer ${String(ann['key'])}` } })
  ).json<{ info: object }>();
  expect(info).toMatchObject({ rpm_limit: 2, max_budget: 10, expires: expect.any(String) });
  expect(await made('/user/new', { user_id: 'bob', max_budget: 40, teams: ['nightly'] })).toMatchObject({
    max_budget: 40,
    teams: ['nightly'],
  });
  expect(await made('/user/new', { user_id: 'chief', user_role: 'proxy_admin' })).toMatchObject({
    max_budget: null,
    models: [],
    teams: [],
  });
});

test('a reload changes them', async () => {
  verifies('keys:defaults');
  const next = { ...SETTINGS, upperbound_key_generate_params: { max_budget: 20 } };
  await writeFile(join(gateway.folder, 'config.yaml'), JSON.stringify(config(next)));
  expect((await post('/config/reload')).json()).toMatchObject({
    settings: ['litellm_settings.upperbound_key_generate_params'],
  });
  expect(await made('/key/generate', { max_budget: 20 })).toMatchObject({ max_budget: 20, rpm_limit: null });
  await refused('/key/generate', { max_budget: 21 }, 'max_budget', 'max_value=20');
});
