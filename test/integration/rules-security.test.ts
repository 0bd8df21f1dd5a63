import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import { messageIn, modern, openSession, request, toolCall } from '../support/rules/raw-client.ts';
import {
  type Json,
  plainTool,
  type ScriptedServer,
  startScripted,
  textResult,
} from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const OTHER_KEY = 'sk-another-0123456789abcdef';
const SECRET = 'quite-secret-words';
const ELICITATION = { elicitation: {} };

let gateway: TestGateway;
let server: ScriptedServer;
let stateless: ScriptedServer;
let schemas: ScriptedServer;
let one: string;
let all: string;

beforeAll(async () => {
  schemas = await startScripted();
  server = await startScripted({
    capabilities: { tools: {}, 'example.com': {} },
    tools: [
      plainTool('ask'),
      plainTool('echo', { inputSchema: { type: 'object', $ref: `${schemas.url}/schema.json` } }),
      plainTool('other'),
    ],
    answers: {
      'tools/call': async (call) => {
        if (call.params['name'] !== 'ask') return textResult('done');
        const write = call.stream();
        const id = `q${call.id}`;
        write({
          jsonrpc: '2.0',
          id,
          method: 'elicitation/create',
          params: { message: 'Password?', requestedSchema: { type: 'object', properties: {} } },
        });
        await server.next('response', (reply) => reply.message['id'] === id);
        write(call.result(textResult('asked')));
        return undefined;
      },
      'example.com/do': ({ params }) => ({ did: params }),
    },
  });
  stateless = await startScripted({
    era: 'modern',
    answers: { 'example.com/do': ({ params }) => ({ resultType: 'complete', did: params['x'] }) },
  });
  gateway = await startGateway({
    config: configWith(
      { one: { transport: 'http', url: server.url }, new: { transport: 'http', url: stateless.url } },
      {
        limits: { first_list_wait_ms: '30s' },
        virtual_keys: [{ api_key: OTHER_KEY, mcp_servers: ['one', 'new'] }],
      },
    ),
    env: { LANPORT_LOG_LEVEL: 'debug' },
  });
  one = `${gateway.url}/one/mcp`;
  all = `${gateway.url}/mcp`;
  await rpc(all, MASTER_KEY, request('tools/list'));
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  for (const each of [server, stateless, schemas]) await each?.[Symbol.asyncDispose]();
});

describe('handles', () => {
  it('a session id is random, and good for its own key alone', async () => {
    verifies('rule:38-bound-handles');
    const [a, b] = [await openSession(one), await openSession(one)];
    expect(a.id).not.toBe(b.id);
    expect(a.id.length).toBeGreaterThan(40);
    const changed = `${a.id.slice(0, -2)}${a.id.endsWith('AA') ? 'BB' : 'AA'}`;
    for (const [key, id, status] of [
      [MASTER_KEY, a.id, 200],
      [OTHER_KEY, a.id, 404],
      [MASTER_KEY, changed, 404],
    ] as const)
      expect((await rpc(one, key, request('ping'), { 'mcp-session-id': id })).status).toBe(status);
    const theirs = await openSession(one, { key: OTHER_KEY });
    expect((await rpc(one, MASTER_KEY, request('ping'), theirs.headers)).status).toBe(404);
  });

  it('the state of a call is good for its own key and call alone, and once', async () => {
    verifies('rule:38-bound-handles');
    const call = (params: Json, key = MASTER_KEY) =>
      modern(
        one,
        'tools/call',
        { name: 'ask', arguments: {}, ...params },
        { key, capabilities: ELICITATION },
      );
    const asked = messageIn((await call({})).text) as {
      result: { requestState: string; inputRequests: Json };
    };
    const { requestState } = asked.result;
    const [question] = Object.keys(asked.result.inputRequests);
    const answer = {
      requestState,
      inputResponses: { [question!]: { action: 'accept', content: { password: SECRET } } },
    };
    const refused = { error: { code: -32602 } };
    expect(messageIn((await call(answer, OTHER_KEY)).text)).toMatchObject(refused);
    expect(messageIn((await call({ ...answer, name: 'other' })).text)).toMatchObject(refused);
    expect(
      messageIn((await call({ ...answer, requestState: `${requestState.slice(0, -3)}AAA` })).text),
    ).toMatchObject(refused);
    expect(messageIn((await call(answer)).text)).toMatchObject({ result: { content: [{ text: 'asked' }] } });
    expect(messageIn((await call(answer)).text)).toMatchObject(refused);
  });
});

describe('what is meant for the gateway', () => {
  it('reaches no server and no log', async () => {
    verifies('rule:39-hop-headers-and-logs');
    const session = await openSession(one, { capabilities: ELICITATION });
    const hop = {
      cookie: `id=${SECRET}`,
      'last-event-id': SECRET,
      'mcp-param-region': SECRET,
      'x-forwarded-for': '10.9.8.7',
      forwarded: `for=${SECRET}`,
      'proxy-authorization': `Basic ${SECRET}`,
      'x-api-key': SECRET,
    };
    await session.send(toolCall('echo', { password: SECRET }, 'traced'), hop);
    using stream = await session.open(toolCall('ask', { token: SECRET }));
    const { id } = JSON.parse((await stream.saw('elicitation/create')).data) as { id: string };
    await session.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: { password: SECRET } } });
    await stream.saw('asked');
    const calls = server.all('tools/call');
    expect(calls.length).toBeGreaterThan(1);
    for (const { headers } of server.received) {
      const text = JSON.stringify(headers);
      for (const secret of [SECRET, MASTER_KEY, OTHER_KEY, session.id, '10.9.8.7'])
        expect(text).not.toContain(secret);
      expect(headers).not.toHaveProperty('cookie');
      expect(headers).not.toHaveProperty('authorization');
    }
    await gateway.logged(
      (line) => line.message === 'call' && line['tool'] === 'ask' && line['status'] === 'ok',
    );
    expect(gateway.log.some((line) => line.level === 'debug')).toBe(true);
    const logged = gateway.log.map((line) => JSON.stringify(line)).join('\n');
    for (const secret of [SECRET, MASTER_KEY, OTHER_KEY, session.id]) expect(logged).not.toContain(secret);
    expect(schemas.received).toEqual([]);
  });
});

describe('a method that nobody here knows', () => {
  it('goes to the only server in scope, in the era of that server', async () => {
    verifies('rule:41-unknown-methods');
    expect((await rpc(one, MASTER_KEY, request('example.com/do', { x: [1] }))).json()).toMatchObject({
      result: { did: { x: [1] } },
    });
    expect((await modern(`${gateway.url}/new/mcp`, 'example.com/do', { x: [2] })).json()).toMatchObject({
      result: { did: [2] },
    });
  });

  it('is -32601 where several servers are in scope, and where the server does not know it either', async () => {
    verifies('rule:41-unknown-methods');
    for (const [url, method] of [
      [all, 'example.com/do'],
      [one, 'example.com/none'],
    ] as const) {
      const legacy = await rpc(url, MASTER_KEY, request(method));
      expect([legacy.status, legacy.json()]).toMatchObject([200, { id: 1, error: { code: -32601 } }]);
    }
    for (const path of ['/mcp', '/new/mcp', '/one/mcp']) {
      const fresh = await modern(`${gateway.url}${path}`, 'example.com/none');
      expect([fresh.status, fresh.json()]).toMatchObject([404, { id: 1, error: { code: -32601 } }]);
    }
  });

  it('is passed on as a notification to the only server in scope, and is no error elsewhere', async () => {
    verifies('rule:41-unknown-methods');
    const session = await openSession(one);
    const note = (method: string, n: number) => ({
      jsonrpc: '2.0',
      method,
      params: { n, _meta: { 'example.com/k': 1.5 } },
    });
    expect((await session.send(note('example.com/news', 1))).status).toBe(202);
    const heard = await server.next('example.com/news');
    expect(heard.message).toEqual(note('example.com/news', 1));
    const wide = await openSession(all);
    expect((await wide.send(note('example.com/news', 2))).status).toBe(202);
    // What is about the client's own hop ends here, whoever listens.
    for (const method of [
      'notifications/initialized',
      'notifications/progress',
      'notifications/roots/list_changed',
    ])
      expect((await session.send(note(method, 3))).status).toBe(202);
    expect((await session.send(note('example.com/last', 4))).status).toBe(202);
    await server.next('example.com/last');
    const passed = server.received
      .filter((each) => each.params['n'] !== undefined)
      .map((each) => each.params['n']);
    expect(passed).toEqual([1, 4]);
  });
});

it('a notification that nobody here knows passes within its era alone, to the connection of its own client', async () => {
  verifies('rule:41-unknown-methods');
  await using alone = await startScripted({ session: 'of-one-client' });
  await using own = await startGateway({
    config: configWith(
      {
        new: { transport: 'http', url: stateless.url },
        alone: { transport: 'http', url: alone.url, isolation: 'session' },
      },
      { limits: { first_list_wait_ms: '30s' } },
    ),
  });
  await rpc(`${own.url}/mcp`, MASTER_KEY, request('tools/list'));
  const note = (n: number): Json => ({ jsonrpc: '2.0', method: 'example.com/era', params: { n } });
  const legacy = await openSession(`${own.url}/new/mcp`);
  expect((await legacy.send(note(1))).status).toBe(202);
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'example.com/era' };
  expect((await rpc(`${own.url}/new/mcp`, MASTER_KEY, note(2), headers)).status).toBe(202);
  const passed = await stateless.next('example.com/era');
  expect(passed.params).toEqual({ n: 2 });
  expect(passed.headers).toMatchObject(headers);

  const [a, b] = [await openSession(`${own.url}/alone/mcp`), await openSession(`${own.url}/alone/mcp`)];
  // The one that has called has a connection of its own; there is none for the other.
  await a.send(toolCall('echo'));
  expect((await b.send(note(3))).status).toBe(202);
  expect((await a.send(note(4))).status).toBe(202);
  expect((await alone.next('example.com/era')).params).toEqual({ n: 4 });
});

describe('the trace context of a request', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  it('reaches the server as it is, as headers too, and none is made up', async () => {
    verifies('rule:42-trace-context');
    const traced = { traceparent, tracestate: 'a=1,b=2', baggage: 'user=x' };
    await rpc(one, MASTER_KEY, toolCall('echo', { trace: 1 }, 1, traced));
    const legacy = await server.next('tools/call', (call) => call.text.includes('"trace":1'));
    expect(legacy.params['_meta']).toEqual(traced);
    expect(legacy.headers).toMatchObject(traced);
    await modern(
      `${gateway.url}/new/mcp`,
      'tools/call',
      { name: 'echo', arguments: { trace: 2 } },
      { meta: traced },
    );
    const fresh = await stateless.next('tools/call', (call) => call.text.includes('"trace":2'));
    expect(fresh.params['_meta']).toMatchObject(traced);
    expect(fresh.headers).toMatchObject(traced);
    await rpc(one, MASTER_KEY, toolCall('echo', { trace: 3 }));
    const without = await server.next('tools/call', (call) => call.text.includes('"trace":3'));
    expect(without.text).not.toContain('traceparent');
    expect(without.headers).not.toHaveProperty('traceparent');
    // What the client says to this server in a header of its own wins.
    const own = { 'x-mcp-one-traceparent': traceparent.replace('-01', '-00') };
    await rpc(one, MASTER_KEY, toolCall('echo', { trace: 5 }, 1, traced), own);
    const given = await server.next('tools/call', (call) => call.text.includes('"trace":5'));
    expect(given.headers).toMatchObject({ ...traced, traceparent: own['x-mcp-one-traceparent'] });
  });

  it('that no header can carry stays in the message', async () => {
    verifies('rule:42-trace-context');
    const odd = { traceparent: 'a\r\nx-evil: 1', tracestate: 'grüße' };
    await rpc(one, MASTER_KEY, toolCall('echo', { trace: 4 }, 1, odd));
    const call = await server.next('tools/call', (each) => each.text.includes('"trace":4'));
    expect(call.params['_meta']).toEqual(odd);
    for (const name of ['traceparent', 'tracestate', 'x-evil']) expect(call.headers).not.toHaveProperty(name);
  });
});
