import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { messagesOf } from '../support/raw-stream.ts';
import { initialize, rawSession, type RawSession } from '../support/resume-client.ts';
import { type ScriptedServer, startScriptedServer } from '../support/resume-server.ts';
import { verifies } from '../support/verifies.ts';

const ANNA = 'sk-anna-0123456789abcdef';
const BERT = 'sk-bert-0123456789abcdef';
const FORM = {
  message: 'Who?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
};
const CLIENT = { name: 'old-client', version: '7.8' };

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

const keys = [ANNA, BERT].map((key) => ({ api_key: key, mcp_servers: ['one'] }));

async function start(
  config: object = {},
): Promise<{ gateway: TestGateway; server: ScriptedServer; mcp: string }> {
  const server = await startScriptedServer();
  opened.push(server);
  const gateway = await startGateway({
    config: configWith({ one: { url: server.url } }, { virtual_keys: keys, ...config }),
  });
  opened.push(gateway);
  return { gateway, server, mcp: `${gateway.url}/mcp` };
}

/** Makes a call in which the server asks the user something, answers it, and returns what the server heard. */
async function askedUser(session: RawSession, server: ScriptedServer): Promise<unknown> {
  const at = server.calls.length;
  const answering = session.stream('tools/call', { name: 'work' }, 'asked');
  const call = await server.call(at);
  const heard = call.ask('elicitation/create', FORM);
  using stream = await answering;
  await stream.until((one) => messagesOf(one).some(({ method }) => method === 'elicitation/create'));
  const question = messagesOf(stream).find(({ method }) => method === 'elicitation/create')!;
  const told = await session.say({ id: question.id, result: { action: 'accept', content: { name: 'Ada' } } });
  expect(told.status).toBe(202);
  const answer = await heard;
  call.answer('done');
  await stream.until((one) => messagesOf(one).some(({ id }) => id === 'asked'));
  return answer;
}

const clientsIn = async (gateway: TestGateway): Promise<unknown[]> =>
  (await http(`${gateway.url}/v1/ledger`, { headers: { authorization: `Bearer ${MASTER_KEY}` } }))
    .json<{ client?: string }[]>()
    .map(({ client }) => client);

const LISTS_CHANGED = ['tools', 'prompts', 'resources'].map((kind) => `notifications/${kind}/list_changed`);
const REVISIONS = ['2025-03-26', '2025-06-18', '2025-11-25'] as const;

describe.each(['SIGTERM', 'SIGKILL'] as const)('after %s and a new start', (signal) => {
  it('a session goes on with its revision, its client and what that can be asked', async () => {
    verifies('mcp:sealed-sessions', 'pain:13-session-not-found');
    const { gateway, server, mcp } = await start();
    const sessions = await Promise.all(
      REVISIONS.map((revision) => initialize(mcp, ANNA, revision, { elicitation: {} }, CLIENT)),
    );
    const mute = await initialize(mcp, ANNA, '2025-11-25', {});
    if (signal === 'SIGTERM') expect(await gateway.stop()).toBe(0);
    else await gateway.kill();
    await gateway.restart();
    for (const session of sessions)
      expect(await askedUser(session, server)).toEqual({ action: 'accept', content: { name: 'Ada' } });
    expect(await clientsIn(gateway)).toEqual(REVISIONS.map(() => 'old-client/7.8'));
    const streams = await Promise.all(sessions.map((session) => session.listen()));
    for (const [at, stream] of streams.entries()) {
      const heard = (): unknown[] => stream.events.map(({ message }) => message?.method);
      // What a client knows is not known after a restart, so that it is told to look at everything again.
      await stream.until(() => LISTS_CHANGED.every((method) => heard().includes(method)));
      // Only the newest of these revisions knows events without data.
      expect(heard()[0] === undefined).toBe(REVISIONS[at] === '2025-11-25');
    }
    const told = streams.map((stream) => stream.events.length);
    server.tools = ['work', 'more'];
    server.notify('notifications/tools/list_changed');
    for (const [at, stream] of streams.entries()) {
      await stream.until((one) => one.events.length > told[at]!);
      expect(stream.events.at(-1)?.message?.method).toBe('notifications/tools/list_changed');
      stream[Symbol.dispose]();
    }
    // What a client did not declare, it is not asked after a restart either.
    const answering = mute.ask('tools/call', { name: 'work' });
    const call = await server.call(REVISIONS.length);
    expect(await call.ask('elicitation/create', FORM)).toBeUndefined();
    call.answer('not asked');
    expect((await answering).json()).toMatchObject({ result: { content: [{ text: 'not asked' }] } });
  });
});

it('a session belongs to its key, and its id cannot be changed', async () => {
  verifies('mcp:session-binding');
  const { gateway, mcp } = await start();
  const session = await initialize(mcp, ANNA);
  const middle = Math.floor(session.id.length / 2);
  const changed = session.id.split('');
  changed[middle] = changed[middle] === 'A' ? 'B' : 'A';
  const unknown = { error: { code: -32001, data: { lanport: 'session-unknown' } } };
  const others = [
    session.with({ key: BERT }),
    session.with({ id: changed.join('') }),
    session.with({ id: session.id.slice(0, -1) }),
    session.with({ id: `${session.id}A` }),
    session.with({ id: `${session.id}=` }),
  ];
  // Whether the process remembers the session makes no difference.
  for (const isRestarted of [false, true]) {
    if (isRestarted) {
      await gateway.kill();
      await gateway.restart();
    }
    for (const other of others) {
      const answer = await other.ask('ping');
      expect(answer.status).toBe(404);
      expect(answer.json()).toMatchObject(unknown);
      expect((await other.listen()).status).toBe(404);
      expect((await http(mcp, { method: 'DELETE', headers: other.headers })).status).toBe(404);
    }
    expect((await session.ask('ping')).json()).toMatchObject({ result: {} });
  }
});

it('a session that its client ended is gone, with its stream', async () => {
  verifies('mcp:session-binding');
  const { mcp } = await start();
  const session = await initialize(mcp, ANNA);
  const stream = await session.listen();
  expect((await http(mcp, { method: 'DELETE', headers: session.headers })).status).toBe(200);
  await stream.ended;
  expect((await session.ask('ping')).status).toBe(404);
  expect((await session.listen()).status).toBe(404);
  expect((await http(mcp, { method: 'DELETE', headers: session.headers })).status).toBe(404);
  expect((await (await initialize(mcp, ANNA)).ask('ping')).status).toBe(200);
});

describe('two gateways on one database', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres?.[Symbol.asyncDispose]());

  it('continue the sessions of each other', async () => {
    verifies('mcp:session-replicas', 'pain:33-affinity');
    const database = await postgres.createDatabase();
    const general = { general_settings: { master_key: MASTER_KEY, database_url: database } };
    const { gateway, server, mcp } = await start(general);
    const other = await startGateway({
      config: configWith({ one: { url: server.url } }, { virtual_keys: keys, ...general }),
    });
    opened.push(other);
    const here = await initialize(mcp, ANNA, '2025-11-25', { elicitation: {} }, CLIENT);
    const there = here.with({ url: `${other.url}/mcp` });
    for (const session of [there, here, there])
      expect(await askedUser(session, server)).toEqual({ action: 'accept', content: { name: 'Ada' } });
    expect((await there.with({ key: BERT }).ask('ping')).status).toBe(404);
    // The end of a session is known to the process that was told of it: docs/decisions/2026-11-21-sealed-session-ids.md.
    expect((await http(mcp, { method: 'DELETE', headers: here.headers })).status).toBe(200);
    expect((await here.ask('ping')).status).toBe(404);
    expect((await there.ask('ping')).status).toBe(200);
    await gateway.stop();
    expect((await there.ask('ping')).status).toBe(200);
  });

  it('record a call that ends on one while the other starts with how it really ended', async () => {
    verifies('mcp:session-replicas');
    const database = await postgres.createDatabase();
    const general = { general_settings: { master_key: MASTER_KEY, database_url: database } };
    const { gateway, server, mcp } = await start(general);
    const answering = rawSession(mcp, ANNA, (await initialize(mcp, ANNA)).id).ask('tools/call', {
      name: 'work',
    });
    const call = await server.call(0);
    const other = await startGateway({
      config: configWith({ one: { url: server.url } }, { virtual_keys: keys, ...general }),
    });
    opened.push(other);
    call.answer('in the end');
    expect((await answering).status).toBe(200);
    const rows = (
      await http(`${gateway.url}/v1/ledger`, { headers: { authorization: `Bearer ${MASTER_KEY}` } })
    ).json<{ status: string }[]>();
    expect(rows).toMatchObject([{ status: 'ok' }]);
  });
});
