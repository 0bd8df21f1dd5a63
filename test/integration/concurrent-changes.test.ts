import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

let postgres: TestPostgres;
/** Two on one database. */
const gateways: TestGateway[] = [];
beforeAll(async () => {
  postgres = await startTestPostgres();
  const config = {
    general_settings: { master_key: MASTER_KEY, database_url: await postgres.createDatabase() },
  };
  for (let at = 0; at < 2; at++) gateways.push(await startGateway({ config }));
}, 120_000);
afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

const post = (path: string, body: object, at = 0): Promise<HttpAnswer> =>
  http(`${gateways[at]!.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** Sends all at once, in turn to both gateways; the statuses. */
async function atOnce(path: string, named: object, changes: readonly object[]): Promise<number[]> {
  const answers = await Promise.all(changes.map((one, at) => post(path, { ...named, ...one }, at % 2)));
  return answers.map(({ status }) => status);
}

async function shown(gateway: TestGateway, path: string, member: string): Promise<unknown> {
  const answer = await http(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${MASTER_KEY}` } });
  return answer.json()[member];
}

/** Every gateway shows it, whichever of them made the changes. */
async function allShow(path: string, member: string, expected: object, when: string): Promise<void> {
  for (const gateway of gateways) expect(await shown(gateway, path, member), when).toMatchObject(expected);
}

const LIMITS = [
  { max_budget: 5 },
  { rpm_limit: 6 },
  { tpm_limit: 7 },
  { budget_duration: '30d' },
  { max_parallel_requests: 8 },
] as const;
const ALL = Object.assign({}, ...LIMITS) as object;
const DONE = LIMITS.map(() => 200);

test('changes of one account that come at once each change what they name, and nothing of the others', async () => {
  verifies('keys:everywhere');
  await post('/key/generate', { key_alias: 'one' });
  await post('/user/new', { user_id: 'ann', auto_create_key: false });
  await post('/team/new', { team_id: 'red' });
  await post('/team/member_add', { team_id: 'red', member: { user_id: 'ann' } });
  for (let round = 0; round < 5; round++) {
    const none = Object.fromEntries(Object.keys(ALL).map((name) => [name, null]));
    for (const [path, named, info, member] of [
      ['/key/update', { key: 'one' }, '/key/info?key=one', 'info'],
      ['/user/update', { user_id: 'ann' }, '/user/info?user_id=ann', 'user_info'],
      ['/team/update', { team_id: 'red' }, '/team/info?team_id=red', 'team_info'],
    ] as const) {
      expect((await post(path, { ...named, ...none })).status).toBe(200);
      expect(await atOnce(path, named, LIMITS), path).toEqual(DONE);
      await allShow(info, member, ALL, `${path}, round ${round}`);
    }
  }
}, 60_000);

test('so do changes of the members and models of one team', async () => {
  verifies('keys:everywhere');
  await post('/team/new', { team_id: 'blue', models: ['m'], members_with_roles: [{ user_id: 'ann' }] });
  const limits = [{ max_budget_in_team: 5 }, { rpm_limit: 6 }, { tpm_limit: 7 }, { role: 'admin' }];
  const named = { team_id: 'blue', user_id: 'ann' };
  expect(await atOnce('/team/member_update', named, limits)).toEqual([200, 200, 200, 200]);
  const models = ['a', 'b', 'c', 'd'].map((name) => ({ models: [name] }));
  expect(await atOnce('/team/model/add', { team_id: 'blue' }, models)).toEqual([200, 200, 200, 200]);
  const bob = { team_id: 'blue', member: { user_id: 'bob' } };
  const added = await atOnce('/team/member_add', bob, [
    { max_budget_in_team: 1 },
    { max_budget_in_team: 1 },
    { max_budget_in_team: 1 },
  ]);
  expect(added.toSorted((one, other) => one - other)).toEqual([200, 400, 400]);
  const info = '/team/info?team_id=blue';
  await allShow(
    info,
    'team_info',
    { members_with_roles: [{ user_id: 'ann', role: 'admin' }, { user_id: 'bob' }] },
    'members',
  );
  const limitsOfAnn = { max_budget: 5, rpm_limit: 6, tpm_limit: 7 };
  await allShow(
    info,
    'team_memberships',
    [{ user_id: 'ann', litellm_budget_table: limitsOfAnn }, {}],
    'limits of members',
  );
  for (const gateway of gateways) {
    const team = (await shown(gateway, info, 'team_info')) as { models: string[] };
    expect(team.models.toSorted()).toEqual(['a', 'b', 'c', 'd', 'm']);
  }
}, 60_000);
