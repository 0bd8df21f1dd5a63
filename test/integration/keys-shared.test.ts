import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import { NO_MCP } from '../../src/keys/account-json.ts';
import { type OpenDirectory, openKeyDirectory } from '../../src/keys/open-directory.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store-ports.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { openRaw, type RawStream } from '../support/raw-stream.ts';
import { verifies } from '../support/verifies.ts';

const BY = 'test';
/** Until a gateway has heard of a change, which nothing tells to those outside. */
const HEARD = { timeout: 20_000, interval: 20 };

let postgres: TestPostgres;
let url: string;
let store: Store;
let directory: OpenDirectory;
const gateways: TestGateway[] = [];
const streams: RawStream[] = [];

const upstream = () => ({
  command: process.execPath,
  args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts')],
});

beforeAll(async () => {
  postgres = await startTestPostgres();
  url = await postgres.createDatabase();
  ({ store } = await openStore({ kind: 'external', url: new Secret(url) }, silentLog));
  directory = await openKeyDirectory({ table: store.accounts, clock: systemClock, log: silentLog });
  const config = {
    general_settings: { master_key: MASTER_KEY, database_url: url },
    mcp_servers: { one: upstream(), two: upstream() },
    model_list: ['small', 'large'].map((name) => ({
      model_name: name,
      litellm_params: { model: `mock/${name}`, mock_response: 'hello' },
    })),
    virtual_keys: [
      { api_key: 'sk-configured-of-core', key_alias: 'configured', team: 'core', models: ['*'] },
    ],
    limits: { first_list_wait_ms: 25_000 },
  };
  for (const one of await Promise.all([startGateway({ config }), startGateway({ config })]))
    gateways.push(one);
}, 120_000);

afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  await directory.catchUp();
  await directory.deleteKeys(
    directory.listKeys().items.map(({ id }) => id),
    BY,
  );
  await directory.deleteTeams(
    directory.listTeams().items.map(({ id }) => id),
    BY,
  );
});

afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
  await store?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
}, 60_000);

const mcp = (...servers: string[]) => ({ ...NO_MCP, servers });

const ask = (gateway: TestGateway, key: string, method: string, params: object = {}, headers = {}) =>
  rpc(`${gateway.url}/mcp`, key, { jsonrpc: '2.0', id: 1, method, params }, headers);

const status = async (gateway: TestGateway, key: string): Promise<number> =>
  (await ask(gateway, key, 'tools/list')).status;

/** The servers whose tools a key may use. */
async function usable(gateway: TestGateway, key: string): Promise<string[]> {
  const answer = await http(`${gateway.url}/v1/mcp/tools`, { headers: { authorization: `Bearer ${key}` } });
  if (answer.status !== 200) return [`HTTP ${answer.status}`];
  return [...new Set(answer.json<{ tools: { server: string }[] }>().tools.map(({ server }) => server))];
}

async function models(gateway: TestGateway, key: string): Promise<string[]> {
  const answer = await http(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  return answer.json<{ data: { id: string }[] }>().data.map(({ id }) => id);
}

const chat = async (gateway: TestGateway, key: string, model: string): Promise<number> =>
  (
    await http(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
    })
  ).status;

/** Asks for a WebSocket: 101, or the status of the refusal. */
const socket = (gateway: TestGateway, key: string): Promise<number> =>
  new Promise((resolve, reject) => {
    request(`${gateway.url}/v1/responses`, {
      headers: {
        authorization: `Bearer ${key}`,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
    })
      .on('upgrade', (_answer, taken) => {
        taken.destroy();
        resolve(101);
      })
      .on('response', (answer) => {
        answer.resume();
        resolve(answer.statusCode!);
      })
      .on('error', reject)
      .end();
  });

/** Resolves when every gateway answers as it should. */
const everywhere = (what: (gateway: TestGateway) => Promise<unknown>, expected: unknown): Promise<unknown> =>
  Promise.all(gateways.map((gateway) => expect.poll(() => what(gateway), HEARD).toEqual(expected)));

async function listen(gateway: TestGateway, key: string): Promise<RawStream> {
  const opened = await ask(gateway, key, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'keys-test', version: '1' },
  });
  const stream = await openRaw(`${gateway.url}/mcp`, {
    authorization: `Bearer ${key}`,
    'mcp-session-id': String(opened.headers['mcp-session-id']),
  });
  streams.push(stream);
  expect(stream.status).toBe(200);
  return stream;
}

describe('two gateways on one database', () => {
  it('serve a key that was made elsewhere, and refuse it once it is blocked; its streams end', async () => {
    verifies('keys:everywhere');
    const { key, record } = await directory.createKey({ alias: 'shared', mcp: mcp('one') }, BY);
    const value = key.reveal();
    await everywhere((gateway) => usable(gateway, value), ['one']);
    const open = await Promise.all(gateways.map((gateway) => listen(gateway, value)));
    await directory.setBlocked(record.id, true, BY);
    await Promise.all(open.map((stream) => stream.ended));
    for (const gateway of gateways) {
      const refused = await ask(gateway, value, 'tools/list');
      expect([refused.status, refused.text]).toEqual([401, expect.stringContaining('blocked')]);
    }
    await directory.setBlocked(record.id, false, BY);
    await everywhere((gateway) => status(gateway, value), 200);
    await directory.deleteKeys([value], BY);
    await everywhere((gateway) => status(gateway, value), 401);
  });

  it('know what was made at the other one as soon as that has answered', async () => {
    verifies('keys:everywhere');
    const post = (gateway: TestGateway, path: string, body: object) =>
      http(`${gateway.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${MASTER_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    for (let round = 0; round < 20; round++) {
      const [here, there] = round % 2 === 0 ? gateways : gateways.toReversed();
      const name = `made-${round}`;
      const { key } = (await post(here!, '/key/generate', { key_alias: name, models: ['small'] })).json<{
        key: string;
      }>();
      const used = round % 4 < 2 ? chat(there!, key, 'small') : socket(there!, key);
      expect([200, 101], `the key of round ${round}`).toContain(await used);
      expect((await post(here!, '/team/new', { team_id: name })).status).toBe(200);
      const added = await post(there!, '/team/member_add', { team_id: name, member: { user_id: 'ann' } });
      expect(added.status, added.text).toBe(200);
      expect((await post(there!, '/key/update', { key: name, max_budget: 5 })).status).toBe(200);
      const shown = await http(`${here!.url}/key/info?key=${name}`, {
        headers: { authorization: `Bearer ${MASTER_KEY}` },
      });
      expect(shown.json(), `round ${round}`).toMatchObject({ info: { max_budget: 5 } });
    }
    expect(await chat(gateways[0]!, 'sk-of-nobody-0123456789abcdef', 'small')).toBe(401);
    expect(await socket(gateways[0]!, 'sk-of-nobody-0123456789abcdef')).toBe(401);
  });

  it('tell open streams that a key may see more now', async () => {
    const { key, record } = await directory.createKey({ mcp: mcp('one') }, BY);
    await everywhere((gateway) => usable(gateway, key.reveal()), ['one']);
    const stream = await listen(gateways[1]!, key.reveal());
    await directory.updateKey(record.id, { mcp: mcp('one', 'two') }, BY);
    await stream.saw('notifications/tools/list_changed');
    expect(await usable(gateways[1]!, key.reveal())).toEqual(['one', 'two']);
  });

  it('end the streams of a key when it expires', async () => {
    const { key, record } = await directory.createKey({ mcp: mcp('one') }, BY);
    await everywhere((gateway) => usable(gateway, key.reveal()), ['one']);
    const open = await Promise.all(gateways.map((gateway) => listen(gateway, key.reveal())));
    await directory.updateKey(record.id, { expires: Date.now() + 1_000 }, BY);
    await Promise.all(open.map((stream) => stream.ended));
    for (const gateway of gateways)
      expect((await ask(gateway, key.reveal(), 'tools/list')).text).toContain('expired');
  });

  it('serve what key and team share, in lists and in calls, keys of the configuration too', async () => {
    verifies('keys:shared-rights');
    await directory.createTeam({ id: 'core', models: ['small'], mcp: mcp('two') }, BY);
    const { key } = await directory.createKey({ team: 'core', models: ['*'], mcp: mcp('one', 'two') }, BY);
    const value = key.reveal();
    await everywhere((gateway) => usable(gateway, value), ['two']);
    for (const gateway of gateways) {
      expect(await models(gateway, value)).toEqual(['small']);
      expect(await chat(gateway, value, 'small')).toBe(200);
      expect(await chat(gateway, value, 'large')).toBe(404);
      expect(await models(gateway, 'sk-configured-of-core')).toEqual(['small']);
    }
    await directory.updateTeam('core', { blocked: true }, BY);
    await everywhere((gateway) => status(gateway, value), 401);
    await everywhere((gateway) => status(gateway, 'sk-configured-of-core'), 401);
    await expect
      .poll(() => postgres.query(url, `SELECT rule FROM ledger_calls WHERE model = 'large'`), HEARD)
      .toEqual(gateways.map(() => ({ rule: 'teams.core.models' })));
  });

  it('hear of what was changed while they were cut off', async () => {
    const { key, record } = await directory.createKey({ mcp: mcp('one') }, BY);
    await everywhere((gateway) => usable(gateway, key.reveal()), ['one']);
    await postgres.query(
      url,
      `ALTER TABLE keys DISABLE TRIGGER USER; UPDATE keys SET record = record || '{"blocked": true}' WHERE id = '${record.id}';
       ALTER TABLE keys ENABLE TRIGGER USER`,
    );
    for (const gateway of gateways) expect(await status(gateway, key.reveal())).toBe(200);
    await postgres.query(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'lanport%' AND datname = current_database()`,
    );
    await everywhere((gateway) => status(gateway, key.reveal()), 401);
  });

  it('go on with the keys that they know while the database is away, and hear of the rest when it is back', async () => {
    verifies('keys:store-away');
    const { key, record } = await directory.createKey({ mcp: mcp('one') }, BY);
    await everywhere((gateway) => usable(gateway, key.reveal()), ['one']);
    const name = new URL(url).pathname.slice(1);
    await postgres.query(postgres.url, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await postgres.query(
      postgres.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
    );
    await expect(directory.setBlocked(record.id, true, BY)).rejects.toMatchObject({
      code: 'store-unavailable',
    });
    for (const gateway of gateways) {
      expect(await usable(gateway, key.reveal())).toEqual(['one']);
      expect(await status(gateway, 'sk-never-seen-before')).toBe(401);
    }
    await postgres.query(postgres.url, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await directory.setBlocked(record.id, true, BY);
    await everywhere((gateway) => status(gateway, key.reveal()), 401);
  });

  it('keep the keys of the store over a reload of the configuration', async () => {
    const { key } = await directory.createKey({ mcp: mcp('one') }, BY);
    await everywhere((gateway) => usable(gateway, key.reveal()), ['one']);
    const [gateway] = gateways;
    const stream = await listen(gateway!, key.reveal());
    const reloaded = await http(`${gateway!.url}/config/reload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${MASTER_KEY}` },
    });
    expect(reloaded.status).toBe(200);
    expect(await usable(gateway!, key.reveal())).toEqual(['one']);
    expect(stream.isOpen).toBe(true);
  });

  it('keep no value of a key in the database, in no table', async () => {
    const { key } = await directory.createKey({ alias: 'hidden', mcp: mcp('one') }, BY);
    const value = key.reveal();
    await everywhere((gateway) => usable(gateway, value), ['one']);
    const renewed = await directory.regenerateKey('hidden', { graceMs: 60_000 }, BY);
    await everywhere((gateway) => usable(gateway, renewed.key.reveal()), ['one']);
    await everywhere((gateway) => usable(gateway, value), ['one']);
    const tables = await postgres.query(
      url,
      `SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    );
    let dump = '';
    for (const { name } of tables)
      dump += JSON.stringify(await postgres.query(url, `SELECT t::text FROM "${String(name)}" t`));
    expect(dump).toContain(renewed.record.digest);
    for (const secret of [value, renewed.key.reveal(), MASTER_KEY, 'sk-configured-of-core'])
      expect(dump).not.toContain(secret);
  });

  it('know the names that a key and its team have for models', async () => {
    await directory.createTeam({ id: 'core', modelAliases: { mine: 'large', theirs: 'small' } }, BY);
    const { key } = await directory.createKey(
      { team: 'core', models: ['small'], modelAliases: { mine: 'small', hidden: 'large' } },
      BY,
    );
    await everywhere((gateway) => chat(gateway, key.reveal(), 'small'), 200);
    const [gateway] = gateways;
    const statuses = ['mine', 'theirs', 'hidden', 'nothing', 'toString'].map((name) =>
      chat(gateway!, key.reveal(), name),
    );
    expect(await Promise.all(statuses)).toEqual([200, 200, 404, 404, 404]);
  });

  it('keep a key to its routes', async () => {
    verifies('keys:routes');
    const { key } = await directory.createKey(
      { models: ['small'], mcp: mcp('one'), allowedRoutes: ['/v1/chat/*', 'info_routes'] },
      BY,
    );
    const value = key.reveal();
    await everywhere((gateway) => chat(gateway, value, 'small'), 200);
    expect(await models(gateways[0]!, value)).toEqual(['small']);
    const refused = await ask(gateways[0]!, value, 'tools/list');
    expect([refused.status, refused.text]).toEqual([
      403,
      expect.stringContaining('This key may not call /mcp. It may call: /v1/chat/*, info_routes'),
    ]);
  });
});
