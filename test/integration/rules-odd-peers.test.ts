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

const INFO = 'io.modelcontextprotocol/serverInfo';
const TASKS = { tasks: { requests: { tools: { call: {} } } } };
const LOGGED = {
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level: 'error', data: 'in a batch' },
};

let gateway: TestGateway;
let old: ScriptedServer;
let second: ScriptedServer;
let fresh: ScriptedServer;
let url: string;

/** Answers with JSON text in place of a message. */
function text(one: Received, body: string, type = 'application/json'): undefined {
  one.response.writeHead(200, { 'content-type': type }).end(body);
  return undefined;
}

const ANSWERS: Readonly<Record<string, (one: Received) => Json | string | undefined>> = {
  batch: (one) => text(one, JSON.stringify([LOGGED, one.result(textResult('batched'))])),
  stream: (one) =>
    text(
      one,
      `data: ${JSON.stringify([LOGGED, one.result(textResult('batched'))])}\n\n`,
      'text/event-stream',
    ),
  members: () => '{"content":[],"ttlMs":5,"cacheScope":"mine","resultType":"odd","z":1.0}',
  empty: () => '{ }',
  hop: () => '{"ttlMs":5}',
  task: () => ({ task: { taskId: 'same', status: 'working' } }),
  ask: (one) => {
    const write = one.stream();
    const id = `q${one.id}`;
    write({
      jsonrpc: '2.0',
      id,
      method: 'sampling/createMessage',
      params: { messages: [], maxTokens: 1.0, _meta: { progressToken: 7, kept: true } },
    });
    void old
      .next('response', (reply) => reply.message['id'] === id)
      .then(() => write(one.result(textResult('asked'))));
    return undefined;
  },
};

beforeAll(async () => {
  const lists = {
    'resources/list': () => ({ resources: [{ uri: 'x:1', name: 'x' }] }),
    'resources/templates/list': () => ({ resourceTemplates: [] }),
  };
  old = await startScripted({
    revision: '2025-03-26',
    // The bound of instructions, 8,192, is in the middle of the character.
    instructions: `${'x'.repeat(8_191)}🙂`,
    capabilities: { tools: {}, resources: {}, ...TASKS },
    tools: [...Object.keys(ANSWERS), 'echo'].map((name) => plainTool(name)),
    answers: {
      ...lists,
      'tools/call': (one) =>
        ANSWERS[String(one.params['name'])]?.(one) ?? textResult(JSON.stringify(one.params)),
      'tasks/get': () => ({ taskId: 'same', status: 'working', who: 'old' }),
    },
  });
  second = await startScripted({
    capabilities: { tools: {}, ...TASKS },
    tools: [plainTool('task')],
    answers: {
      'tools/call': () => ({ task: { taskId: 'same', status: 'working' } }),
      'tasks/get': () => ({ taskId: 'same', status: 'working', who: 'second' }),
    },
  });
  fresh = await startScripted({
    era: 'modern',
    capabilities: { tools: {}, resources: {} },
    tools: [plainTool('named'), plainTool('only')],
    answers: {
      'resources/list': () => ({
        resultType: 'complete',
        resources: [{ uri: 'y:1', name: 'y' }],
        ttlMs: 0,
        cacheScope: 'private',
      }),
      'resources/templates/list': () => ({
        resultType: 'complete',
        resourceTemplates: [],
        ttlMs: 0,
        cacheScope: 'private',
      }),
      'tools/call': ({ params }) => ({
        resultType: 'complete',
        content: [],
        _meta: {
          [INFO]: { name: 'theirs', version: '9' },
          ...(params['name'] === 'named' ? { kept: 1 } : {}),
        },
      }),
    },
  });
  gateway = await startGateway({
    config: configWith(
      Object.fromEntries(
        Object.entries({ old, second, fresh }).map(([name, server]) => [
          name,
          { transport: 'http', url: server.url },
        ]),
      ),
      { limits: { first_list_wait_ms: '30s' } },
    ),
  });
  url = `${gateway.url}/mcp`;
  await rpc(url, MASTER_KEY, request('tools/list'));
}, 60_000);
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  for (const server of [old, second, fresh]) await server?.[Symbol.asyncDispose]();
});

describe('a server', () => {
  it.each(['batch', 'stream'])('may answer in a batch: as a %s', async (name) => {
    verifies('rule:06-batches');
    const session = await openSession(url);
    using stream = await session.open(toolCall(`old-${name}`));
    await stream.ended;
    expect(stream.messages).toEqual([LOGGED, { jsonrpc: '2.0', id: 1, result: textResult('batched') }]);
  });

  it('of the handshake era may have members of its own that are called like those of the other', async () => {
    verifies('rule:10-unknown-members', 'rule:25-between-the-eras');
    const legacy = await rpc(url, MASTER_KEY, toolCall('old-members'));
    expect(legacy.text).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"content":[],"ttlMs":5,"cacheScope":"mine","resultType":"odd","z":1.0}}',
    );
    const answer = await modern(url, 'tools/call', { name: 'old-members', arguments: {} });
    expect(answer.text).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[],"z":1.0}}',
    );
  });

  it('of the handshake era may answer with nothing but that, or with nothing', async () => {
    verifies('rule:25-between-the-eras');
    for (const [name, sent] of [
      ['empty', '{ }'],
      ['hop', '{"ttlMs":5}'],
    ] as const) {
      expect((await rpc(url, MASTER_KEY, toolCall(`old-${name}`))).text).toContain(`"result":${sent}}`);
      const answer = await modern(url, 'tools/call', { name: `old-${name}`, arguments: {} });
      expect(answer.json()).toEqual({ jsonrpc: '2.0', id: 1, result: { resultType: 'complete' } });
    }
  });

  it('of the stateless era gives its name to the gateway alone', async () => {
    verifies('rule:17-instructions');
    for (const [name, meta] of [
      ['named', { _meta: { kept: 1 } }],
      ['only', {}],
    ] as const) {
      const session = await openSession(url);
      expect((await session.send(toolCall(`fresh-${name}`))).json()).toEqual({
        jsonrpc: '2.0',
        id: 1,
        result: { content: [], ...meta },
      });
      expect((await modern(url, 'tools/call', { name: `fresh-${name}`, arguments: {} })).json()).toEqual({
        jsonrpc: '2.0',
        id: 1,
        result: { resultType: 'complete', content: [], ...meta },
      });
    }
  });

  it('hears of the progress of what it asked, under its own token', async () => {
    verifies('rule:08-progress-tokens');
    const able = { capabilities: { sampling: {} } };
    const [a, b] = [await openSession(url, able), await openSession(url, able)];
    using mine = await a.open(toolCall('old-ask', {}, 'a'));
    using theirs = await b.open(toolCall('old-ask', {}, 'b'));
    const questions = [];
    for (const stream of [mine, theirs])
      questions.push(
        JSON.parse((await stream.saw('sampling/createMessage')).data) as { id: string; params: Json },
      );
    const tokens = questions.map(({ params }) => (params['_meta'] as Json)['progressToken']);
    expect(new Set(tokens).size).toBe(2);
    expect(questions[0]!.params).toEqual({
      messages: [],
      maxTokens: 1,
      _meta: { progressToken: tokens[0], kept: true },
    });
    const progress = (progressToken: unknown, value: number): Json => ({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken, progress: value, total: 2 },
    });
    // The server's own token is nobody's here.
    for (const [token, value] of [
      [7, 99],
      [tokens[0], 1],
      [tokens[0], 2],
    ] as const) {
      expect((await a.send(progress(token, value))).status).toBe(202);
      if (token !== 7) await old.next('notifications/progress');
    }
    const answer = { role: 'assistant', content: { type: 'text', text: 'x' }, model: 'm' };
    await a.send({ jsonrpc: '2.0', id: questions[0]!.id, result: answer });
    await mine.saw('asked');
    expect((await a.send(progress(tokens[0], 3))).status).toBe(202);
    await b.send({ jsonrpc: '2.0', id: questions[1]!.id, result: answer });
    await theirs.saw('asked');
    expect(old.all('notifications/progress').map((one) => one.params)).toEqual([
      { progressToken: 7, progress: 1, total: 2 },
      { progressToken: 7, progress: 2, total: 2 },
    ]);
  });

  it('that tells of no changes of its resources is not said to, and refuses to be watched by itself', async () => {
    verifies('rule:13-capabilities', 'rule:20-resource-subscriptions', 'rule:21-listen');
    const session = await openSession(url);
    expect(session.initialized['capabilities']).toMatchObject({ resources: { listChanged: true } });
    expect(session.initialized['capabilities']).not.toHaveProperty('resources.subscribe');
    for (const uri of ['x:1', 'y:1'])
      expect((await session.send(request('resources/subscribe', { uri }))).json()).toMatchObject({
        error: { code: -32602, message: expect.stringContaining('refuses to have this resource watched') },
      });
    const notifications = { toolsListChanged: true, resourceSubscriptions: ['x:1', 'y:1'] };
    using stream = await openModern(url, 'subscriptions/listen', { notifications });
    const acknowledged = JSON.parse((await stream.saw('acknowledged')).data) as { params: Json };
    expect(acknowledged.params['notifications']).toEqual({ toolsListChanged: true });
  });

  it('that chose the id of a task of another server does not get what is meant for that one', async () => {
    verifies('rule:26-errors-and-tasks-of-an-era');
    const session = await openSession(url);
    const get = request('tasks/get', { taskId: 'same' });
    await session.send(request('tools/call', { name: 'old-task', arguments: {}, task: {} }));
    expect((await session.send(get)).json()).toMatchObject({ result: { who: 'old' } });
    await session.send(request('tools/call', { name: 'second-task', arguments: {}, task: {} }));
    expect((await session.send(get)).json()).toMatchObject({
      error: { code: -32602, message: expect.stringContaining('"old" and "second" both have a task') },
    });
    for (const who of ['old', 'second'])
      expect((await rpc(`${gateway.url}/${who}/mcp`, MASTER_KEY, get)).json()).toMatchObject({
        result: { who },
      });
  });

  it('that answers a ping with nothing is not hung', async () => {
    verifies('rule:30-deadlines');
    await using server = await startScripted({
      tools: [plainTool('hold'), plainTool('echo')],
      answers: {
        'tools/call': (one) => (one.params['name'] === 'hold' ? undefined : textResult('echoed')),
        ping: () => 'null',
      },
    });
    await using own = await startGateway({
      config: configWith(
        { one: { transport: 'http', url: server.url, timeout: 5 } },
        { limits: { first_list_wait_ms: '30s' } },
      ),
    });
    const session = await openSession(`${own.url}/mcp`);
    expect(messageIn((await session.send(toolCall('hold'))).text)).toMatchObject({
      result: { isError: true, _meta: { 'lanport/error': 'call-timeout' } },
    });
    await server.next('ping');
    expect(textOf(await session.send(toolCall('echo')))).toBe('echoed');
    expect(server.all('initialize')).toHaveLength(1);
  });
});

it('texts are cut between characters: strict readers refuse half a surrogate pair', async () => {
  verifies('rule:17-instructions');
  const HALF = /\\u[dD][89a-fA-F]/;
  const described = await rpc(
    `${gateway.url}/old/mcp`,
    MASTER_KEY,
    request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    }),
  );
  expect(described.text).toContain('xxx\ufffd"');
  expect(described.text).not.toMatch(HALF);
  const name = `${'n'.repeat(99)}🙂`;
  for (const answer of [
    await rpc(url, MASTER_KEY, toolCall(name)),
    await rpc(url, MASTER_KEY, request(name)),
    await rpc(url, MASTER_KEY, request('resources/read', { uri: `q:${'n'.repeat(297)}🙂` })),
    await rpc(url, MASTER_KEY, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud83d"}}`),
  ]) {
    expect(answer.json()).toHaveProperty('error');
    expect(answer.text).not.toMatch(HALF);
  }
});

describe('a client', () => {
  it.each(['{}', 'null', 'true', '[1]'])('asks for no progress with the token %s', async (token) => {
    verifies('rule:08-progress-tokens');
    const message = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"old-echo","_meta":{"progressToken":${token}}}}`;
    expect(textOf(await rpc(url, MASTER_KEY, message))).toBe('{"name":"echo"}');
  });

  it('may write null for a cursor and for params that it does not have', async () => {
    verifies('rule:11-pages');
    const { result } = (await rpc(url, MASTER_KEY, request('tools/list'))).json<{ result: Json }>();
    for (const params of [null, { cursor: null }])
      expect(
        (await rpc(url, MASTER_KEY, { jsonrpc: '2.0', id: 2, method: 'tools/list', params })).json(),
      ).toEqual({
        jsonrpc: '2.0',
        id: 2,
        result,
      });
  });
});
