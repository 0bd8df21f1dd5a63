import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { ask, rowsOf, PRICED_MODEL, operateOn } from '../support/limited.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

/** US dollars of one request: 30 tokens. */
const PRICE = 0.3;
const CONFIGURED = 'sk-configured-of-eve';

let postgres: TestPostgres;
let gateway: TestGateway;

beforeAll(async () => {
  postgres = await startTestPostgres();
  gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY, database_url: await postgres.createDatabase() },
      virtual_keys: [
        { api_key: CONFIGURED, key_alias: 'configured', models: ['priced'], user: 'eve', team: 'common' },
      ],
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

async function keyOf(user: string, team: string, alias: string): Promise<string> {
  const body = { models: ['priced'], user_id: user, team_id: team, key_alias: alias };
  return String((await operate('/key/generate', body))['key']);
}

const statuses = async (keys: readonly string[]): Promise<number[]> => {
  const list = [];
  for (const key of keys) list.push((await ask(gateway.url, key, 'priced')).status);
  return list;
};

test("a member spends of the team's what its membership allows, whichever of its keys it uses, and others go on", async () => {
  verifies('limits:members');
  await operate('/team/new', { team_id: 'red', max_budget: 100, budget_duration: '30d' });
  await operate('/team/new', { team_id: 'blue' });
  const added = await operate('/team/member_add', {
    team_id: 'red',
    member: [{ user_id: 'ann' }, { user_id: 'bob', role: 'admin' }],
    max_budget_in_team: 2 * PRICE,
  });
  expect(added['updated_team_memberships']).toMatchObject([
    {
      user_id: 'ann',
      spend: 0,
      litellm_budget_table: { max_budget: 2 * PRICE, budget_duration: '30d', rpm_limit: null },
    },
    { user_id: 'bob', litellm_budget_table: { max_budget: 2 * PRICE } },
  ]);
  const ann = [await keyOf('ann', 'red', 'ann-1'), await keyOf('ann', 'red', 'ann-2')] as const;
  const [bob, elsewhere] = [await keyOf('bob', 'red', 'bob'), await keyOf('ann', 'blue', 'ann-blue')];
  expect(await statuses([elsewhere, elsewhere, ann[0], ann[1], ann[0]])).toEqual([200, 200, 200, 200, 400]);
  expect(await statuses([bob, elsewhere])).toEqual([200, 200]);

  const refused = await ask(gateway.url, ann[1], 'priced');
  expect(refused.json()).toMatchObject({
    error: {
      type: 'budget_exceeded',
      code: '400',
      message: expect.stringMatching(
        /^Budget has been exceeded! User=ann in Team=red Current cost: 0\.6, Max budget: 0\.6 /,
      ),
    },
  });
  const [denied] = await rowsOf(gateway, 'ann-2');
  expect(denied).toMatchObject({ status: 'denied', rule: 'teams.red.members.ann.max_budget' });
  expect((await operate('/team/info?team_id=red'))['team_memberships']).toMatchObject([
    { user_id: 'ann', team_id: 'red', spend: 2 * PRICE },
    { user_id: 'bob', team_id: 'red', spend: PRICE },
  ]);
}, 60_000);

test('a change of a membership counts at once; what it does not name stays, and null takes a limit away', async () => {
  verifies('limits:members');
  await operate('/team/new', { team_id: 'green', members_with_roles: [{ user_id: 'cas' }] });
  const cas = await keyOf('cas', 'green', 'cas');
  expect(await statuses([cas, cas])).toEqual([200, 200]);
  const update = (limits: object) =>
    operate('/team/member_update', { team_id: 'green', user_id: 'cas', ...limits });

  // What was spent before there was a limit counts, by the ledger.
  await update({ max_budget_in_team: 3 * PRICE });
  expect(await statuses([cas, cas])).toEqual([200, 400]);
  expect(await update({ rpm_limit: 4, max_budget_in_team: 100 * PRICE })).toMatchObject({
    max_budget_in_team: 100 * PRICE,
    rpm_limit: 4,
    tpm_limit: null,
  });
  expect(await update({ role: 'admin' })).toMatchObject({ max_budget_in_team: 100 * PRICE, rpm_limit: 4 });
  expect(await statuses([cas, cas, cas, cas, cas])).toEqual([200, 200, 200, 200, 429]);
  const limited = await ask(gateway.url, cas, 'priced');
  expect(limited.headers['retry-after']).toMatch(/^\d+$/);
  expect(limited.text).toContain('of user \\"cas\\" in team \\"green\\": at most 4 requests per minute');
  expect(await update({ rpm_limit: null, tpm_limit: 10 })).toMatchObject({ rpm_limit: null, tpm_limit: 10 });
  expect((await ask(gateway.url, cas, 'priced')).text).toContain('at most 10 tokens per minute');
  await update({ tpm_limit: null, max_budget_in_team: null });
  expect(await statuses([cas])).toEqual([200]);
  expect((await operate('/team/info?team_id=green'))['team_memberships']).toEqual([]);
}, 60_000);

test('what a team says of each of its users holds where a membership says nothing, also for keys of the configuration', async () => {
  verifies('limits:members');
  await operate('/team/new', {
    team_id: 'common',
    team_member_budget: PRICE,
    team_member_budget_duration: '7d',
    members_with_roles: [{ user_id: 'dan' }, { user_id: 'eve' }],
  });
  await operate('/team/member_update', { team_id: 'common', user_id: 'dan', max_budget_in_team: 2 * PRICE });
  const dan = await keyOf('dan', 'common', 'dan');
  const stranger = await keyOf('fay', 'common', 'fay');
  expect(await statuses([dan, dan, dan])).toEqual([200, 200, 400]);
  expect(await statuses([CONFIGURED, CONFIGURED])).toEqual([200, 400]);
  expect(await statuses([stranger, stranger])).toEqual([200, 400]);
  const { team_info, team_memberships } = await operate('/team/info?team_id=common');
  expect(team_info).toMatchObject({
    team_member_budget_table: { max_budget: PRICE, budget_duration: '7d' },
  });
  expect(team_memberships).toMatchObject([
    { user_id: 'eve', spend: PRICE, litellm_budget_table: { max_budget: PRICE, budget_duration: '7d' } },
    { user_id: 'dan', spend: 2 * PRICE, litellm_budget_table: { max_budget: 2 * PRICE } },
  ]);

  await operate('/team/update', { team_id: 'common', team_member_budget: 2 * PRICE });
  expect(await statuses([CONFIGURED, CONFIGURED, dan])).toEqual([200, 400, 400]);
  const left = await operate('/team/member_delete', { team_id: 'common', user_id: 'dan' });
  expect(left['warnings']).toEqual([expect.stringContaining('1 keys of this user belong to the team still')]);
  expect(await statuses([dan])).toEqual([400]);
  await operate('/team/update', { team_id: 'common', team_member_budget: null });
  expect(await statuses([CONFIGURED, dan, stranger])).toEqual([200, 200, 200]);
}, 60_000);
