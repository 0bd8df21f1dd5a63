import { afterAll, beforeAll, expect, it } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { verifies } from '../support/verifies.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    config: { general_settings: { master_key: MASTER_KEY }, mcp_servers: {} },
  });
}, 60_000);
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

function post(path: string, body: object): Promise<HttpAnswer> {
  return http(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** Requests that make or change an account, with what each needs besides. */
const WRITES = [
  ['/key/generate', {}],
  ['/key/update', { key: 'kept' }],
  ['/key/kept/regenerate', {}],
  ['/team/new', { team_id: 'never-made' }],
  ['/team/update', { team_id: 'kept' }],
  ['/user/new', { user_id: 'never-made' }],
] as const;

it('what would protect in LiteLLM and cannot here is refused with its field, and nothing is made', async () => {
  verifies('admin:protection');
  await post('/team/new', { team_id: 'kept' });
  const made = (await post('/key/generate', { key_alias: 'kept' })).json();
  for (const [path, more] of WRITES) {
    for (const [field, value, place] of [
      ['guardrails', ['pii'], 'guardrails'],
      ['metadata', { guardrails: ['pii'], env: 'prod' }, 'metadata.guardrails'],
      ['permissions', { pii_masking: true }, 'permissions'],
    ] as const) {
      if (field === 'permissions' && path.startsWith('/team')) continue;
      const answer = await post(path, { ...more, [field]: value });
      expect(answer.status, `${path} ${field}: ${answer.text}`).toBe(422);
      expect(answer.json()).toMatchObject({
        error: { param: place, message: expect.stringContaining('there are no guardrails here') },
      });
    }
    const empty = await post(path, { ...more, guardrails: [], metadata: { env: 'prod' } });
    expect(empty.status, empty.text).toBe(200);
    expect(empty.json()['warnings']).toBeUndefined();
  }
  const { info } = (
    await http(`${gateway.url}/key/info?key=kept`, { headers: { authorization: `Bearer ${MASTER_KEY}` } })
  ).json<{ info: object }>();
  expect(info).toMatchObject({ key_id: made['key_id'], metadata: { env: 'prod' }, permissions: {} });
}, 60_000);

it('what is kept and shown without effect is told in warnings, unless it bounds nothing that there is', async () => {
  verifies('admin:protection');
  const answer = await post('/key/generate', {
    permissions: { get_spend_routes: true },
    allowed_cache_controls: ['no-cache'],
    enforced_params: ['user'],
    object_permission: { vector_stores: ['v'], mcp_toolsets: [], agents: null },
  });
  expect(answer.json()).toMatchObject({
    permissions: { get_spend_routes: true },
    allowed_cache_controls: ['no-cache'],
    warnings: [
      'enforced_params has no effect here',
      'permissions is kept and shown, and has no effect here',
      'object_permission.vector_stores has no effect here',
    ],
  });
  const team = await post('/team/new', { organization_id: 'org' });
  expect(team.json()).toMatchObject({
    organization_id: 'org',
    warnings: ['organization_id is kept and shown, and has no effect here'],
  });
  const user = await post('/user/new', { permissions: { allow_pii_controls: true } });
  expect(user.json()['warnings']).toEqual(['permissions is kept and shown, and has no effect here']);
}, 60_000);
