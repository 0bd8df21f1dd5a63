import { afterAll, beforeAll, expect, it } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { ask } from '../support/limited.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

/** US dollars of one request: 30 tokens. */
const PRICE = 0.3;
const PRICED = {
  model: 'openai/priced',
  input_cost_per_token: 0.01,
  output_cost_per_token: 0.01,
  mock_response: { text: 'Hi', usage: { input: 20, output: 10 } },
};

let postgres: TestPostgres;
let gateway: TestGateway;
beforeAll(async () => {
  postgres = await startTestPostgres();
  gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY, database_url: await postgres.createDatabase() },
      model_list: ['small', 'large'].map((name) => ({ model_name: name, litellm_params: PRICED })),
    },
  });
}, 90_000);
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
});

type Answer = Record<string, unknown>;

const request = (path: string, body?: object, key = MASTER_KEY): Promise<HttpAnswer> =>
  http(`${gateway.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

async function done(path: string, body?: object, key?: string): Promise<Answer> {
  const answer = await request(path, body, key);
  expect(answer.status, answer.text).toBe(200);
  return answer.json();
}

const newKey = async (body: object): Promise<string> => String((await done('/key/generate', body))['key']);
const user = (id: string, more: object = {}): Promise<Answer> =>
  done('/user/new', { user_id: id, auto_create_key: false, ...more });

it('many become members at once, and of each it is said what became of it', async () => {
  verifies('admin:litellm');
  await user('ann');
  await user('bob', { user_email: 'bob@example.com' });
  await user('cas');
  await done('/team/new', { team_id: 'red', members_with_roles: [{ user_id: 'ann', role: 'admin' }] });
  const added = await done('/team/bulk_member_add', {
    team_id: 'red',
    members: [{ user_id: 'ann' }, { user_email: 'bob@example.com', role: 'admin' }, { user_email: 'x@y.z' }],
    max_budget_in_team: 7,
    rpm_limit: 3,
  });
  expect(added).toMatchObject({
    team_id: 'red',
    total_requested: 3,
    successful_additions: 1,
    failed_additions: 2,
    results: [
      { user_id: 'ann', success: false, error: expect.stringContaining('already') },
      {
        user_id: 'bob',
        success: true,
        error: null,
        updated_user: { user_id: 'bob', teams: ['red'] },
        updated_team_membership: { litellm_budget_table: { max_budget: 7, rpm_limit: 3 } },
      },
      { user_id: null, user_email: 'x@y.z', success: false, error: expect.stringContaining('x@y.z') },
    ],
    updated_team: { members_with_roles: [{ user_id: 'ann' }, { user_id: 'bob', role: 'admin' }] },
  });

  const admin = await newKey({ user_id: 'ann' });
  expect((await request('/team/bulk_member_add', { team_id: 'red', all_users: true }, admin)).status).toBe(
    403,
  );
  const all = await done('/team/bulk_member_add', { team_id: 'red', all_users: true });
  expect(all).toMatchObject({ successful_additions: 1, results: [{ user_id: 'cas', success: true }] });
  expect((await request('/team/bulk_member_add', { team_id: 'red', all_users: true })).status).toBe(422);
  expect((await request('/team/bulk_member_add', { team_id: 'red', members: [] })).status).toBe(422);
});

it('several keys are changed at once, and what one has spent is set back', async () => {
  verifies('admin:litellm');
  const key = await newKey({ key_alias: 'one', models: ['small'], max_budget: 2 * PRICE });
  await newKey({ key_alias: 'two' });
  const changed = await done('/key/bulk_update', {
    keys: [
      { key: 'one', max_budget: PRICE, tags: ['a'] },
      { key: 'two', team_id: 'nowhere' },
      { key: 'three', max_budget: 1 },
    ],
  });
  expect(changed).toMatchObject({
    total_requested: 3,
    successful_updates: [{ key: 'one', key_info: { max_budget: PRICE, tags: ['a'] } }],
    failed_updates: [
      { key: 'two', key_info: null, failed_reason: expect.stringContaining('nowhere') },
      { key: 'three', failed_reason: expect.stringContaining('three') },
    ],
  });
  expect((await ask(gateway.url, key, 'small')).status).toBe(200);
  expect((await ask(gateway.url, key, 'small')).status).toBe(400);
  const more = await request('/key/one/reset_spend', { reset_to: 1 });
  expect(more.status).toBe(400);
  expect(more.json()).toMatchObject({ error: { param: 'reset_to' } });
  const info = (await done('/key/info?key=one'))['info'] as Answer;
  expect(await done('/key/one/reset_spend', { reset_to: 0 })).toEqual({
    key_hash: info['token'],
    spend: 0,
    previous_spend: PRICE,
    max_budget: PRICE,
    budget_reset_at: null,
  });
  expect((await ask(gateway.url, key, 'small')).status).toBe(200);
});

it('several users are changed at once, or all of them', async () => {
  verifies('admin:litellm');
  await user('dan', { user_email: 'dan@example.com' });
  const some = await done('/user/bulk_update', {
    users: [
      { user_email: 'dan@example.com', max_budget: 5 },
      { user_id: 'nobody', max_budget: 5 },
    ],
  });
  expect(some).toMatchObject({
    total_requested: 2,
    successful_updates: 1,
    failed_updates: 1,
    results: [
      { user_id: 'dan', success: true, updated_user: { user_id: 'dan', max_budget: 5 } },
      { user_id: 'nobody', success: false, error: expect.stringContaining('nobody'), updated_user: null },
    ],
  });
  const all = await done('/user/bulk_update', { all_users: true, user_updates: { rpm_limit: 9 } });
  expect(all['failed_updates']).toBe(0);
  const { users, total } = await done('/user/list?page_size=100');
  expect(all['successful_updates']).toBe(total);
  expect((users as Answer[]).map((one) => one['rpm_limit'])).toEqual((users as Answer[]).map(() => 9));
  for (const body of [
    {},
    { all_users: true },
    { all_users: true, users: [{ user_id: 'dan' }], user_updates: {} },
  ])
    expect((await request('/user/bulk_update', body)).status).toBe(422);
});

it('teams are listed page by page; what was used on each day comes in one answer', async () => {
  verifies('admin:litellm');
  for (const id of ['list-a', 'list-b', 'list-c']) await done('/team/new', { team_id: id, team_alias: id });
  const page = await done('/v2/team/list?team_alias=LIST&page=2&page_size=2&sort_by=team_id&sort_order=asc');
  expect(page).toMatchObject({
    teams: [{ team_id: 'list-c', members_count: 0, keys_count: 0 }],
    total: 3,
    page: 2,
    total_pages: 2,
  });
  const own = await newKey({ team_id: 'list-b' });
  expect(await done('/v2/team/list', undefined, own)).toMatchObject({
    teams: [{ team_id: 'list-b', keys_count: 1 }],
    total: 1,
  });
  const today = new Date().toISOString().slice(0, 10);
  const paged = await done(`/user/daily/activity?start_date=2026-01-01&end_date=${today}`);
  const whole = await done(`/user/daily/activity/aggregated?start_date=2026-01-01&end_date=${today}`);
  expect(whole['results']).toEqual(paged['results']);
  expect(whole['metadata']).toMatchObject({ total_pages: 1, has_more: false });
});

it("members see the team's keys when the team says so, each in the way that it says", async () => {
  verifies('keys:member-permissions');
  await done('/team/new', {
    team_id: 'blue',
    members_with_roles: [{ user_id: 'eve' }, { user_id: 'fay', role: 'admin' }],
  });
  const eve = await newKey({ user_id: 'eve', team_id: 'blue' });
  const fay = await newKey({ user_id: 'fay' });
  const other = String((await done('/key/generate', { team_id: 'blue', key_alias: 'blue-job' }))['token']);
  const stranger = await newKey({ user_id: 'gus', team_id: 'blue' });
  const seen = async (key: string): Promise<readonly [number, boolean]> => {
    const info = await request('/key/info?key=blue-job', undefined, key);
    const { keys } = await done('/key/list?size=100', undefined, key);
    return [info.status, (keys as string[]).includes(other)];
  };
  expect(await seen(eve)).toEqual([404, false]);
  expect(await seen(fay)).toEqual([200, true]);
  expect(await done('/team/permissions_list?team_id=blue')).toEqual({
    team_id: 'blue',
    team_member_permissions: [],
    all_available_permissions: ['/key/info', '/key/list'],
  });
  const update = (permissions: readonly string[], key?: string) =>
    done('/team/permissions_update', { team_id: 'blue', team_member_permissions: permissions }, key);
  expect(await update(['/key/info'], fay)).toMatchObject({ team_member_permissions: ['/key/info'] });
  expect(await seen(eve)).toEqual([200, false]);
  await update(['/key/list']);
  expect(await seen(eve)).toEqual([404, true]);
  expect(await seen(stranger)).toEqual([404, false]);
  expect((await update(['/key/generate']))['warnings']).toEqual([
    '/key/generate in team_member_permissions grants nothing here',
  ]);
  expect((await request('/key/generate', {}, eve)).status).toBe(403);
  const body = { team_id: 'blue', team_member_permissions: ['/key/info'] };
  expect((await request('/team/permissions_update', body, eve)).status).toBe(403);
  expect(await done('/team/update', body)).toMatchObject({
    data: { team_member_permissions: ['/key/info'] },
  });
  expect(await seen(eve)).toEqual([200, false]);
});

it('without its last model, a team may use none, and not all', async () => {
  verifies('keys:shared-rights');
  await done('/team/new', { team_id: 'narrow', models: ['small'] });
  const key = await newKey({ team_id: 'narrow', models: ['*'] });
  expect((await ask(gateway.url, key, 'small')).status).toBe(200);
  const left = await done('/team/model/delete', { team_id: 'narrow', models: ['small'] });
  expect(left['models']).toEqual(['no-default-models']);
  expect((await ask(gateway.url, key, 'small')).status).toBe(404);
  expect((await ask(gateway.url, key, 'large')).status).toBe(404);
  const more = await done('/team/model/add', { team_id: 'narrow', models: ['large'] });
  expect(more['models']).toEqual(['large']);
  expect((await ask(gateway.url, key, 'large')).status).toBe(200);
  expect((await ask(gateway.url, key, 'small')).status).toBe(404);
});
