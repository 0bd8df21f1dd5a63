import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import {
  messageIn,
  modern,
  openModern,
  openSession,
  request,
  textOf,
  toolCall,
} from '../support/rules/raw-client.ts';
import {
  type Json,
  plainTool,
  type Received,
  type ScriptedServer,
  startScripted,
  textResult,
} from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const QUESTION: Json = {
  message: 'Name?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
};
const ANSWER: Json = { action: 'accept', content: { name: 'Ada' } };
const OTHER_KEY = 'sk-another-0123456789abcdef';
const ELICITATION = { elicitation: {} };

let gateway: TestGateway;
let old: ScriptedServer;
let stateless: ScriptedServer;

const RESOURCES = {
  'resources/list': () => ({ resources: [{ uri: 'a:1', name: 'one' }] }),
  'resources/templates/list': () => ({ resourceTemplates: [] }),
};

beforeAll(async () => {
  old = await startScripted({
    capabilities: {
      tools: {},
      resources: {},
      tasks: { requests: { tools: { call: {} } }, cancel: {}, list: {} },
    },
    tools: [plainTool('ask'), plainTool('need'), plainTool('work')],
    answers: {
      ...RESOURCES,
      'resources/read': (one) => {
        if (one.params['uri'] === 'a:1') return { contents: [{ uri: 'a:1', text: 'x' }] };
        one.fail(-32002, 'Resource not found', { uri: one.params['uri'] });
        return undefined;
      },
      'tools/call': async (one) => {
        if (one.params['name'] === 'work') return { task: { taskId: 'task-1', status: 'working' } };
        const write = one.stream();
        const id = `q${one.id}`;
        write({ jsonrpc: '2.0', id, method: 'elicitation/create', params: QUESTION });
        const { message } = await old.next('response', (reply) => reply.message['id'] === id);
        const isAnswered = message['result'] !== undefined;
        write(
          one.result({
            ...textResult(JSON.stringify(message['result'] ?? message['error'])),
            isError: !isAnswered,
          }),
        );
        return undefined;
      },
      'tasks/get': ({ params }) => ({ taskId: params['taskId'], status: 'working', who: 'old' }),
    },
  });
  stateless = await startScripted({
    era: 'modern',
    capabilities: { tools: {}, resources: {} },
    tools: [plainTool('ask'), plainTool('need')],
    answers: {
      'resources/list': () => ({
        ...RESOURCES['resources/list'](),
        resultType: 'complete',
        ttlMs: 5_000,
        cacheScope: 'public',
      }),
      'resources/templates/list': () => ({
        resourceTemplates: [],
        resultType: 'complete',
        ttlMs: 5_000,
        cacheScope: 'public',
      }),
      'resources/read': ({ params }) => ({
        contents: [{ uri: params['uri'], text: 'x' }],
        resultType: 'complete',
        ttlMs: 7,
        cacheScope: 'public',
      }),
      'tools/call': (one) => {
        const { inputResponses, requestState } = one.params as {
          inputResponses?: Json;
          requestState?: string;
        };
        const meta = one.params['_meta'] as Json;
        const capabilities = meta['io.modelcontextprotocol/clientCapabilities'] as Json;
        if (capabilities['elicitation'] === undefined) {
          one.fail(-32021, 'Missing capability', { requiredCapabilities: ELICITATION }, 400);
          return undefined;
        }
        if (inputResponses === undefined)
          return {
            resultType: 'input_required',
            inputRequests: { first: { method: 'elicitation/create', params: { mode: 'form', ...QUESTION } } },
            requestState: 'state-1',
          };
        return {
          ...textResult(JSON.stringify(inputResponses['first'])),
          structuredContent: requestState,
          resultType: 'complete',
        };
      },
    },
  });
  gateway = await startGateway({
    config: configWith(
      { old: { transport: 'http', url: old.url }, new: { transport: 'http', url: stateless.url } },
      {
        limits: { first_list_wait_ms: '30s' },
        virtual_keys: [{ api_key: OTHER_KEY, mcp_servers: ['old', 'new'] }],
      },
    ),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  for (const server of [old, stateless]) await server?.[Symbol.asyncDispose]();
});

describe.each(['old', 'new'])('a question of the %s server', (name) => {
  it('is a request on the stream of a legacy client, whose answer continues the call', async () => {
    verifies('rule:25-between-the-eras');
    const url = `${gateway.url}/${name}/mcp`;
    const session = await openSession(url, { capabilities: ELICITATION });
    using stream = await session.open(toolCall('ask'));
    const asked = JSON.parse((await stream.saw('elicitation/create')).data) as { id: string; params: Json };
    expect(asked.params).toMatchObject(QUESTION);
    await session.send({ jsonrpc: '2.0', id: asked.id, result: ANSWER });
    await stream.ended;
    const last = stream.messages.at(-1) as { result: Json };
    expect(textOf(last)).toBe(JSON.stringify(ANSWER));
    for (const member of ['resultType', 'ttlMs', 'cacheScope', 'requestState'])
      expect(last.result).not.toHaveProperty(member);
  });

  it('is the answer to a modern client, whose next request continues the call', async () => {
    verifies('rule:25-between-the-eras');
    const url = `${gateway.url}/${name}/mcp`;
    const before = (name === 'old' ? old : stateless).all('tools/call').length;
    const call = (params: Json, id: number) =>
      modern(url, 'tools/call', { name: 'ask', arguments: {}, ...params }, { capabilities: ELICITATION, id });
    const { result } = (await call({}, 1)).json<{
      result: { resultType: string; requestState: string; inputRequests: Record<string, Json> };
    }>();
    expect(result.resultType).toBe('input_required');
    const [[key, asked]] = Object.entries(result.inputRequests) as [[string, Json]];
    expect(asked).toMatchObject({ method: 'elicitation/create', params: QUESTION });
    const done = await call({ requestState: result.requestState, inputResponses: { [key]: ANSWER } }, 2);
    expect(textOf(messageIn(done.text))).toBe(JSON.stringify(ANSWER));
    expect(messageIn(done.text)).toMatchObject({ id: 2, result: { resultType: 'complete' } });
    // The handshake era has one request for the whole, the stateless one a request for each turn.
    const calls = (name === 'old' ? old : stateless).all('tools/call').slice(before);
    expect(calls).toHaveLength(name === 'old' ? 1 : 2);
  });

  it('reads resources in the words of each era', async () => {
    verifies('rule:25-between-the-eras');
    const url = `${gateway.url}/${name}/mcp`;
    const legacy = (await rpc(url, MASTER_KEY, request('resources/read', { uri: 'a:1' }))).json<{
      result: Json;
    }>();
    expect(legacy.result).toEqual({ contents: [{ uri: 'a:1', text: 'x' }] });
    const fresh = (await modern(url, 'resources/read', { uri: 'a:1' })).json<{ result: Json }>();
    expect(fresh.result).toMatchObject(
      name === 'old'
        ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }
        : { resultType: 'complete', ttlMs: 7, cacheScope: 'public' },
    );
  });
});

describe('errors', () => {
  it('of the handshake era are translated', async () => {
    verifies('rule:25-between-the-eras');
    const url = `${gateway.url}/old/mcp`;
    const uri = 'a:none';
    expect((await rpc(url, MASTER_KEY, request('resources/read', { uri }))).json()).toMatchObject({
      error: { code: -32002 },
    });
    expect((await modern(url, 'resources/read', { uri })).json()).toMatchObject({
      error: { code: -32602, data: { uri } },
    });
  });

  it.each(['old', 'new'])(
    'name the capability that a modern client lacks for the %s server',
    async (name) => {
      verifies('rule:26-errors-and-tasks-of-an-era');
      const answer = await modern(`${gateway.url}/${name}/mcp`, 'tools/call', {
        name: 'need',
        arguments: {},
      });
      expect([answer.status, messageIn(answer.text)]).toMatchObject([
        400,
        { error: { code: -32021, data: { requiredCapabilities: { elicitation: {} } } } },
      ]);
    },
  );

  it('tell a legacy client in a legacy code what it lacks for a modern server', async () => {
    verifies('rule:26-errors-and-tasks-of-an-era');
    const session = await openSession(`${gateway.url}/new/mcp`);
    const { error } = messageIn((await session.send(toolCall('need'))).text) as { error: { code: number } };
    expect(error).toMatchObject({ message: expect.stringMatching(/capability/i) });
    expect(error.code < -32_099 || error.code > -32_020, String(error.code)).toBe(true);
  });
});

describe('a task', () => {
  it("is its owner's alone, and of its own era", async () => {
    verifies('rule:26-errors-and-tasks-of-an-era');
    const url = `${gateway.url}/mcp`;
    const mine = await openSession(url);
    const theirs = await openSession(url, { key: OTHER_KEY });
    const created = await mine.send(
      request('tools/call', { name: 'old-work', arguments: {}, task: { ttl: 1_000 } }),
    );
    expect(created.json()).toMatchObject({ result: { task: { taskId: 'task-1' } } });
    const get = request('tasks/get', { taskId: 'task-1' });
    expect((await mine.send(get)).json()).toMatchObject({ result: { who: 'old' } });
    expect((await theirs.send(get)).json()).toMatchObject({ error: { code: -32602 } });
    expect((await modern(url, 'tasks/get', { taskId: 'task-1' })).json()).toMatchObject({
      error: { code: -32602 },
    });
    expect(old.all('tasks/get')).toHaveLength(1);
    expect(mine.initialized['capabilities']).toHaveProperty('tasks');
    expect(mine.initialized['capabilities']).not.toHaveProperty('tasks.list');
    const discovered = (await modern(url, 'server/discover')).json<{ result: Json }>().result;
    expect(discovered['capabilities']).not.toHaveProperty('tasks');
  });
});

describe('the revision', () => {
  it('is the client’s own where it is known, else the latest legacy one, and has nothing to do with the server’s', async () => {
    verifies('rule:27-versions-per-hop');
    await using early = await startScripted({ revision: '2025-03-26' });
    await using own = await startGateway({
      config: configWith(
        { one: { transport: 'http', url: early.url } },
        { limits: { first_list_wait_ms: '30s' } },
      ),
    });
    const url = `${own.url}/mcp`;
    for (const [asked, given] of [
      ['2024-11-05', '2024-11-05'],
      ['2025-06-18', '2025-06-18'],
      ['2025-11-25', '2025-11-25'],
      ['2019-01-01', '2025-11-25'],
      ['2026-07-28', '2025-11-25'],
    ] as const) {
      const session = await openSession(url, { revision: asked });
      expect(session.revision).toBe(given);
      expect(textOf(await session.send(toolCall('echo', { asked })))).toContain(asked);
    }
    expect((await modern(url, 'tools/call', { name: 'echo', arguments: {} })).status).toBe(200);
    expect(early.all('initialize')).toHaveLength(1);
    expect(early.all('initialize')[0]?.params['protocolVersion']).toBe('2025-11-25');
    // The header came with 2025-06-18.
    const called = early.all('tools/call').map((one: Received) => one.headers['mcp-protocol-version']);
    expect(new Set(called)).toEqual(new Set([undefined]));
    using stream = await openModern(url, 'tools/list');
    await stream.ended;
    expect(stream.status).toBe(200);
  });
});
