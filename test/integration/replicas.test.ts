import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LogLine, MASTER_KEY, type TestGateway } from '../support/gateway.ts';
import { type CountingServer, startCountingServer } from '../support/counting-server.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { ask, callTool } from '../support/limited.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { messagesOf, type RawMessage, type RawStream } from '../support/raw-stream.ts';
import { REDIS_MS } from '../support/redis.ts';
import { type Replicas, startReplicas } from '../support/replicas/replicas.ts';
import { initialize, type RawSession } from '../support/resume-client.ts';
import { type ScriptedServer, startScriptedServer } from '../support/resume-server.ts';
import { ModernRaw } from '../support/scripted/raw-client.ts';
import { verifies } from '../support/verifies.ts';

/** Until a gateway has heard of a change, which nothing tells to those outside. */
const HEARD = { timeout: 20_000, interval: 20 };
const LIST_CHANGED = 'notifications/tools/list_changed';
const LIMITED = 'sk-replicas-limited';

let scripted: ScriptedServer;
let held: ScriptedServer;
let counting: CountingServer;
let replicas: Replicas;
let one: TestGateway;
let other: TestGateway;
const streams: RawStream[] = [];

const config = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  mcp_servers: {
    scripted: { url: scripted.url },
    held: { url: held.url, on_tool_change: 'hold' },
    counting: { url: counting.url },
    ...more,
  },
  model_list: [
    {
      model_name: 'mocked',
      litellm_params: { model: 'mock/mocked', mock_response: 'Hello.', input_cost_per_token: 0.01 },
    },
  ],
  virtual_keys: [
    { api_key: LIMITED, key_alias: 'limited', models: ['*'], mcp_servers: ['*'], rpm_limit: 20 },
  ],
});

beforeAll(async () => {
  [scripted, held, counting] = await Promise.all([
    startScriptedServer(),
    startScriptedServer(),
    startCountingServer(),
  ]);
  replicas = await startReplicas(2, config());
  [one, other] = replicas.gateways as [TestGateway, TestGateway];
}, REDIS_MS);

afterEach(() => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
});

afterAll(async () => {
  await replicas?.[Symbol.asyncDispose]();
  await Promise.all([
    scripted?.[Symbol.asyncDispose](),
    held?.[Symbol.asyncDispose](),
    counting?.[Symbol.asyncDispose](),
  ]);
}, 60_000);

const kept = async (opening: Promise<RawStream>): Promise<RawStream> => {
  const stream = await opening;
  streams.push(stream);
  return stream;
};

/** One session, spoken to at each of the gateways. */
async function sessionAtBoth(capabilities = {}): Promise<readonly [RawSession, RawSession]> {
  const session = await initialize(`${one.url}/mcp`, MASTER_KEY, '2025-11-25', capabilities);
  return [session, session.with({ url: `${other.url}/mcp` })];
}

const post = (gateway: { readonly url: string }, path: string, body: object, key = MASTER_KEY) =>
  http(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const get = (gateway: { readonly url: string }, path: string, key = MASTER_KEY): Promise<HttpAnswer> =>
  http(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
const toolsOf = async (gateway: TestGateway): Promise<string[]> =>
  (await get(gateway, '/v1/mcp/tools')).json<{ tools: { name: string }[] }>().tools.map(({ name }) => name);
const text = (value: string) => ({ content: [{ type: 'text', text: value }] });

/** Begins a call: its stream, and the call as the server got it. */
async function begin(session: RawSession) {
  const at = scripted.calls.length;
  const answering = kept(session.stream('tools/call', { name: 'scripted-work' }, 'call'));
  const call = await scripted.call(at);
  return { answering, call };
}

describe('through a load balancer that gives every request to the next one', () => {
  it('a session goes on, lists and calls are answered, and both have had their part', async () => {
    verifies('replicas:one');
    const session = await initialize(`${replicas.balancer.url}/mcp`, MASTER_KEY);
    for (let at = 0; at < 6; at++) {
      const listed = (await session.ask('tools/list')).json<RawMessage>().result as {
        tools: { name: string }[];
      };
      expect(listed.tools.map(({ name }) => name)).toContain('counting-cheap');
      const called = await session.ask('tools/call', { name: 'counting-cheap' });
      expect(called.json<RawMessage>().result).toEqual(text('counted'));
    }
    const modern = new ModernRaw({ url: replicas.balancer.url, key: MASTER_KEY } as TestGateway);
    for (let at = 0; at < 4; at++)
      expect((await modern.ask('tools/call', { name: 'counting-cheap' })).result).toMatchObject(
        text('counted'),
      );
    expect(replicas.balancer.passed.map((count) => count >= 5)).toEqual([true, true]);
  });

  it('answers of models are referred to by previous_response_id, kept and deleted', async () => {
    verifies('replicas:one');
    const { url } = replicas.balancer;
    let previous: string | undefined;
    for (let turn = 0; turn < 4; turn++) {
      const body = { model: 'mocked', input: `Turn ${turn}`, previous_response_id: previous };
      const answer = await post({ url }, '/v1/responses', body);
      expect(answer.status, answer.text).toBe(200);
      previous = answer.json<{ id: string }>().id;
      // It is stored just after it was answered; how long the next turn would wait for it has an end.
      const path = `/v1/responses/${previous}`;
      for (const gateway of [one, other])
        await expect.poll(async () => (await get(gateway, path)).status, HEARD).toBe(200);
    }
    const items = await get({ url }, `/v1/responses/${previous}/input_items`);
    for (let turn = 0; turn < 4; turn++) expect(items.text).toContain(`Turn ${turn}`);
    const path = `/v1/responses/${previous}`;
    await http(`${one.url}${path}`, { method: 'DELETE', headers: { authorization: `Bearer ${MASTER_KEY}` } });
    expect((await get(other, path)).status).toBe(404);
  });

  it('a key is good as soon as it is made, and no more once it is blocked', async () => {
    verifies('replicas:one');
    const made = (await post(one, '/key/generate', { models: ['mocked'] })).json<{ key: string }>().key;
    await expect.poll(async () => (await ask(other.url, made, 'mocked')).status, HEARD).toBe(200);
    await post(other, '/key/block', { key: made });
    await expect.poll(async () => (await ask(one.url, made, 'mocked')).status, HEARD).toBe(401);
    expect((await ask(other.url, made, 'mocked')).status).toBe(401);
  });

  it('a limit counts what goes through either', async () => {
    verifies('replicas:one');
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => ask(replicas.balancer.url, LIMITED, 'mocked')),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    expect((await callTool(replicas.balancer.url, LIMITED, 'counting-cheap')).isError).toBe(true);
  });
});

describe('two replicas', () => {
  it('both notice that a server has other tools, and tell whoever listens', async () => {
    verifies('replicas:one');
    const [here, there] = await sessionAtBoth();
    const listening = [await kept(here.listen()), await kept(there.listen())];
    await expect.poll(() => toolsOf(other), HEARD).toContain('scripted-work');
    scripted.tools = ['work', 'more'];
    scripted.notify(LIST_CHANGED);
    await Promise.all(listening.map((stream) => stream.saw(LIST_CHANGED)));
    for (const gateway of [one, other])
      await expect.poll(() => toolsOf(gateway), HEARD).toContain('scripted-more');
    scripted.tools = ['work'];
    scripted.notify(LIST_CHANGED);
    for (const gateway of [one, other])
      await expect.poll(() => toolsOf(gateway), HEARD).not.toContain('scripted-more');
  });

  it('take the changed file, each by itself', async () => {
    verifies('replicas:one');
    await replicas.configure(config({ again: { url: counting.url } }));
    for (const gateway of [one, other]) {
      await expect.poll(() => toolsOf(gateway), HEARD).toContain('again-cheap');
    }
    await replicas.configure(config());
    for (const gateway of [one, other])
      await expect.poll(() => toolsOf(gateway), HEARD).not.toContain('again-cheap');
  });

  it('say in /health how each of them is, and how many count together', async () => {
    verifies('replicas:one');
    for (const gateway of [one, other]) {
      expect((await get(gateway, '/health/readiness')).status).toBe(200);
      const health = (await get(gateway, '/health')).json();
      expect(health).toMatchObject({ store: { ok: true }, limits: { shared: { isUp: true, processes: 2 } } });
    }
  });

  it('have one ledger, with the calls of both, and its chains are whole', async () => {
    verifies('replicas:one');
    const ids = [];
    for (const gateway of [one, other]) {
      const answer = await ask(gateway.url, MASTER_KEY, 'mocked');
      ids.push(answer.headers['x-request-id']);
    }
    for (const gateway of [one, other])
      await expect
        .poll(async () => (await ledgerRows(gateway)).map(({ id }) => id), HEARD)
        .toEqual(expect.arrayContaining(ids));
    const checked = await lanport(
      [
        'ledger',
        'verify',
        '--data',
        join(one.folder, 'data'),
        '--config',
        join(one.folder, 'config.yaml'),
        '--json',
      ],
      { env: replicas.env },
    );
    expect(checked, checked.stdout).toMatchObject({ stderr: '' });
    expect(JSON.parse(checked.stdout)).toMatchObject({ findings: [], withoutKey: [] });
  });
});

describe('what a client says to the other replica', () => {
  it('answers a question that one of them put', async () => {
    verifies('replicas:words');
    const [here, there] = await sessionAtBoth({ elicitation: {} });
    const { answering, call } = await begin(here);
    const params = { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } };
    const asked = call.ask('elicitation/create', params);
    const stream = await answering;
    await stream.saw('elicitation/create');
    const { id } = messagesOf(stream).find(({ method }) => method === 'elicitation/create')!;
    await there.say({ id, result: { action: 'accept', content: {} } });
    expect(await asked).toEqual({ action: 'accept', content: {} });
    call.answer('done');
    await stream.saw('done');
  });

  it('cancels a call that one of them makes', async () => {
    verifies('replicas:words');
    const [here, there] = await sessionAtBoth();
    const { answering, call } = await begin(here);
    await there.say({ method: 'notifications/cancelled', params: { requestId: 'call', reason: 'enough' } });
    await call.closed;
    expect((await answering).status).toBe(202);
  });

  it('answers what a stateless client was asked by one of them', async () => {
    verifies('replicas:words');
    const clients = [one, other].map(
      (gateway) => new ModernRaw(gateway, { capabilities: { elicitation: {} } }),
    );
    const at = scripted.calls.length;
    const first = clients[0]!.ask('tools/call', { name: 'scripted-work' });
    const call = await scripted.call(at);
    const params = { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } };
    const asked = call.ask('elicitation/create', params);
    const { inputRequests, requestState } = (await first).result as {
      inputRequests: object;
      requestState: string;
    };
    const [key] = Object.keys(inputRequests);
    const retried = clients[1]!.ask('tools/call', {
      name: 'scripted-work',
      inputResponses: { [key!]: { action: 'accept', content: {} } },
      requestState,
    });
    expect(await asked).toEqual({ action: 'accept', content: {} });
    call.answer('done');
    expect((await retried).result).toMatchObject(text('done'));
  });

  it('watches a resource for a stream at one of them', async () => {
    verifies('replicas:words');
    const [here, there] = await sessionAtBoth();
    const stream = await kept(here.listen());
    await there.ask('resources/subscribe', { uri: scripted.resource });
    scripted.notify('notifications/resources/updated', { uri: scripted.resource });
    await stream.saw('notifications/resources/updated');
    await here.ask('resources/unsubscribe', { uri: scripted.resource });
    // Lists that change are told after it: what was not told by then is not told.
    await expect
      .poll(async () => {
        const before = stream.events.length;
        const since = (what: string): number =>
          stream.events.slice(before).filter((event) => event.text.includes(what)).length;
        scripted.notify('notifications/resources/updated', { uri: scripted.resource });
        scripted.tools = scripted.tools.length === 1 ? ['work', 'mark'] : ['work'];
        scripted.notify(LIST_CHANGED);
        await stream.until(() => since(LIST_CHANGED) > 0);
        return since('resources/updated');
      }, HEARD)
      .toBe(0);
    scripted.tools = ['work'];
    scripted.notify(LIST_CHANGED);
  });

  it('is nothing that another one on that Redis could say or read', async () => {
    verifies('replicas:words');
    await using redis = disposable(new Redis(replicas.redis.url));
    const heard: string[] = [];
    await redis.client.subscribe('lanport-words');
    redis.client.on('message', (_channel, said: string) => heard.push(said));
    const [here, there] = await sessionAtBoth();
    const { answering, call } = await begin(here);
    await using forger = disposable(new Redis(replicas.redis.url));
    const forged = { k: 'cancel', s: here.id, p: 'master', id: '"call"', reason: 'forged' };
    for (const word of [JSON.stringify(forged), `x\n${JSON.stringify(forged)}`, 'null', ''])
      expect(await forger.client.publish('lanport-words', word)).toBe(3);
    await there.say({
      method: 'notifications/cancelled',
      params: { requestId: 'other', reason: 'readable' },
    });
    await expect.poll(() => heard.length, HEARD).toBeGreaterThanOrEqual(5);
    expect(heard.slice(4).join()).not.toMatch(/readable|cancel|call/);
    call.answer('not cancelled');
    expect((await answering).status).toBe(200);
  });

  it('ends a session at both', async () => {
    verifies('replicas:words');
    const [here, there] = await sessionAtBoth();
    expect((await there.ask('ping')).status).toBe(200);
    await http(`${one.url}/mcp`, { method: 'DELETE', headers: here.headers });
    await expect.poll(async () => (await there.ask('ping')).status, HEARD).toBe(404);
  });
});

describe('what an operator says to one replica', () => {
  it('accepts a tool that both hold back', async () => {
    verifies('replicas:one');
    held.tools = ['work', 'extra'];
    held.notify(LIST_CHANGED);
    const holding = async (gateway: TestGateway): Promise<string[]> =>
      (await get(gateway, '/v1/mcp/tools/held'))
        .json<{ tools: { tool: string }[] }>()
        .tools.map(({ tool }) => tool);
    for (const gateway of [one, other]) await expect.poll(() => holding(gateway), HEARD).toEqual(['extra']);
    await post(one, '/v1/mcp/tools/accept', { server: 'held', tool: 'extra' });
    for (const gateway of [one, other]) {
      await expect.poll(() => toolsOf(gateway), HEARD).toContain('held-extra');
      expect(await holding(gateway)).toEqual([]);
    }
  });

  it('is said to both, when it is to read the configuration again', async () => {
    verifies('replicas:one');
    const isAsked = (line: LogLine): boolean => line['trigger'] === 'neighbour';
    await post(one, '/config/reload', {});
    await other.logged(isAsked);
    expect(one.log.some(isAsked)).toBe(false);
  });
});

function disposable(client: Redis): AsyncDisposable & { readonly client: Redis } {
  return { client, [Symbol.asyncDispose]: async () => void (await client.quit()) };
}
