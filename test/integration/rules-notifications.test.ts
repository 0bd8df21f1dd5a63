import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { openModern, openSession, request, textOf, toolCall } from '../support/rules/raw-client.ts';
import { openRpc } from '../support/rules/rpc-stream.ts';
import {
  type Json,
  plainTool,
  type Received,
  type ScriptedServer,
  startScripted,
  textResult,
} from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const note = (method: string, params?: Json): Json => ({
  jsonrpc: '2.0',
  method: `notifications/${method}`,
  ...(params === undefined ? {} : { params }),
});
const WAIT = { first_list_wait_ms: '30s' };
const ELICIT: Json = { message: 'Well?', requestedSchema: { type: 'object', properties: {} } };

/** Writes to the stream on which a server may speak first, whichever was opened last. */
const speaker = (server: ScriptedServer) => server.next('GET').then((get) => get.stream());

describe('a change of the tools', () => {
  it('is told once to each session and to each listener that asked for it', async () => {
    verifies('rule:19-list-changed');
    let tools = [plainTool('t1')];
    await using server = await startScripted({
      capabilities: { tools: { listChanged: true } },
      answers: { 'tools/list': () => ({ tools }), GET: () => undefined },
    });
    await using gateway = await startGateway({
      config: configWith({ one: { transport: 'http', url: server.url } }, { limits: WAIT }),
    });
    const url = `${gateway.url}/mcp`;
    const speak = await speaker(server);
    const session = await openSession(url);
    await session.send(request('tools/list'));
    using get = await session.listen();
    const listen = (notifications: Json) => openModern(url, 'subscriptions/listen', { notifications });
    using asked = await listen({ toolsListChanged: true });
    using other = await listen({ promptsListChanged: true });
    await Promise.all([asked.saw('acknowledged'), other.saw('acknowledged')]);
    for (const round of [2, 3]) {
      tools = [plainTool('t1'), plainTool(`t${round}`)];
      const told = (stream: typeof get) =>
        stream.events.filter(({ data }) => data.includes('list_changed')).length;
      for (let at = 0; at < 5; at++) speak(note('tools/list_changed'));
      await expect
        .poll(() => [told(get), told(asked), told(other)], { timeout: 20_000 })
        .toEqual([round - 1, round - 1, 0]);
      expect((await session.send(request('tools/list'))).text).toContain(`"t${round}"`);
    }
    // A POST of the same session meanwhile carries none of it.
    using post = await session.open(toolCall('t1'));
    await post.ended;
    expect(post.messages).toHaveLength(1);
  });
});

describe('a watched resource', () => {
  it('is subscribed to once for all, again after a new connection, and no more after the last has gone', async () => {
    verifies('rule:20-resource-subscriptions');
    const uri = 'file:///a';
    const script = {
      capabilities: { tools: {}, resources: { subscribe: true } },
      answers: {
        'resources/list': () => ({ resources: [{ uri, name: 'a' }] }),
        'resources/templates/list': () => ({ resourceTemplates: [] }),
        'resources/subscribe': () => ({}),
        'resources/unsubscribe': () => ({}),
        GET: () => undefined,
      },
    };
    const server = await startScripted({ ...script, session: 'first' });
    await using gateway = await startGateway({
      config: configWith({ one: { transport: 'http', url: server.url } }, { limits: WAIT }),
    });
    const url = `${gateway.url}/mcp`;
    const [a, b] = [await openSession(url), await openSession(url)];
    using streamA = await a.listen();
    using streamB = await b.listen();
    await a.send(request('resources/list'));
    const subscribe = request('resources/subscribe', { uri });
    for (const session of [a, b, b])
      expect((await session.send(subscribe)).json()).toMatchObject({ result: {} });
    expect(server.all('resources/subscribe')).toHaveLength(1);
    (await speaker(server))(note('resources/updated', { uri }));
    await Promise.all([streamA.saw('resources/updated'), streamB.saw('resources/updated')]);

    await server[Symbol.asyncDispose]();
    await using again = await startScripted({
      ...script,
      port: server.port,
      session: 'second',
      answers: {
        ...script.answers,
        // The old session is unknown to it.
        'tools/call': (one: Received) => {
          if (one.headers['mcp-session-id'] === 'second') return textResult('new');
          one.fail(-32001, 'Session not found', undefined, 404);
          return undefined;
        },
      },
    });
    expect(textOf(await a.send(toolCall('echo')))).toBe('new');
    expect((await again.next('resources/subscribe')).params).toEqual({ uri });
    (await again.next('GET', (get) => get.headers['mcp-session-id'] === 'second')).stream()(
      note('resources/updated', { uri, second: true }),
    );
    await Promise.all([streamA.saw('"second":true'), streamB.saw('"second":true')]);

    await a.send(request('resources/unsubscribe', { uri }));
    expect(textOf(await a.send(toolCall('echo')))).toBe('new');
    expect(again.all('resources/unsubscribe')).toHaveLength(0);
    await b.end();
    expect((await again.next('resources/unsubscribe')).params).toEqual({ uri });
  });
});

describe('a modern listener', () => {
  it('is acknowledged once and first, in its own URIs, tagged, and sees the end of the gateway as a result', async () => {
    verifies('rule:21-listen');
    const uri = 'file:///a';
    const modernServer = (name: string) =>
      startScripted({
        era: 'modern',
        name,
        capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
        answers: {
          'resources/list': () => ({
            resultType: 'complete',
            resources: [{ uri, name }],
            ttlMs: 0,
            cacheScope: 'private',
          }),
          'resources/templates/list': () => ({
            resultType: 'complete',
            resourceTemplates: [],
            ttlMs: 0,
            cacheScope: 'private',
          }),
          'subscriptions/listen': () => undefined,
        },
      });
    await using x = await modernServer('x');
    await using y = await modernServer('y');
    await using gateway = await startGateway({
      config: configWith(
        { x: { transport: 'http', url: x.url }, y: { transport: 'http', url: y.url } },
        { limits: WAIT },
      ),
    });
    const url = `${gateway.url}/mcp`;
    const acknowledge = (listen: Received): ((...messages: readonly Json[]) => void) => {
      const write = listen.stream();
      write(
        note('subscriptions/acknowledged', {
          notifications: listen.params['notifications'],
          _meta: { 'io.modelcontextprotocol/subscriptionId': listen.id },
        }),
      );
      return write;
    };
    acknowledge(await x.next('subscriptions/listen'));
    const first = acknowledge(await y.next('subscriptions/listen'));
    await openSession(url).then((session) => session.send(request('resources/list')));
    const wanted = { resourcesListChanged: true, resourceSubscriptions: [`y+${uri}`, 'file:///nobody'] };
    using stream = await openModern(url, 'subscriptions/listen', { notifications: wanted }, { id: 'L' });
    const isFor = (one: Received): boolean => JSON.stringify(one.params).includes('resourceSubscriptions');
    const watching = acknowledge(await y.next('subscriptions/listen', isFor));
    const updated = note('resources/updated', {
      uri,
      _meta: { 'io.modelcontextprotocol/subscriptionId': 99, kept: 1 },
    });
    watching(updated);
    await stream.saw('resources/updated');

    // The server ends its stream, and with it the subscription: it is listened to again.
    const ended = y.all('subscriptions/listen').at(-1)!;
    watching(ended.result({ resultType: 'complete' }));
    void first;
    const again = acknowledge(await y.next('subscriptions/listen', (one) => isFor(one) && one !== ended));
    again({ ...updated, params: { uri, round: 2 } });
    await stream.saw('"round":2');

    await gateway.stop();
    await stream.ended;
    const tag = { 'io.modelcontextprotocol/subscriptionId': 'L' };
    expect(stream.messages).toEqual([
      note('subscriptions/acknowledged', {
        notifications: { resourcesListChanged: true, resourceSubscriptions: [`y+${uri}`] },
        _meta: tag,
      }),
      note('resources/updated', { uri: `y+${uri}`, _meta: { kept: 1, ...tag } }),
      note('resources/updated', { uri: `y+${uri}`, round: 2, _meta: tag }),
      { jsonrpc: '2.0', id: 'L', result: { resultType: 'complete', _meta: tag } },
    ]);
    expect(x.all('subscriptions/listen').some(isFor)).toBe(false);
  });
});

describe('while a call is under way', () => {
  let server: ScriptedServer;
  let gateway: TestGateway;
  let url: string;
  const isHold = (one: Received): boolean => one.params['name'] === 'hold';
  const held = (n: number): Promise<Received> =>
    server.next('tools/call', (one) => isHold(one) && (one.params['arguments'] as { n?: number }).n === n);

  beforeAll(async () => {
    server = await startScripted({
      capabilities: { tools: {}, logging: {} },
      tools: [plainTool('hold'), plainTool('echo')],
      answers: {
        'tools/call': (one) => (isHold(one) ? undefined : textResult('echoed')),
        'logging/setLevel': () => ({}),
        GET: () => undefined,
      },
    });
    gateway = await startGateway({
      config: configWith({ one: { transport: 'http', url: server.url } }, { limits: WAIT }),
    });
    url = `${gateway.url}/mcp`;
  }, 60_000);
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  it('log messages go to the client of the call, as far as it wants them', async () => {
    verifies('rule:22-logging');
    const [severe, chatty] = [await openSession(url), await openSession(url)];
    await severe.send(request('logging/setLevel', { level: 'error' }));
    await chatty.send(request('logging/setLevel', { level: 'debug' }));
    const opening = [
      severe.open(toolCall('hold', { n: 10 })),
      chatty.open(toolCall('hold', { n: 11 })),
      openModern(url, 'tools/call', { name: 'hold', arguments: { n: 12 } }),
      openModern(
        url,
        'tools/call',
        { name: 'hold', arguments: { n: 13 } },
        { meta: { 'io.modelcontextprotocol/logLevel': 'warning' } },
      ),
    ];
    for (const n of [10, 11, 12, 13]) {
      const call = await held(n);
      call.stream()(
        ...['debug', 'info', 'warning', 'error'].map((level) => note('message', { level, data: { n } })),
        call.result(textResult('done')),
      );
    }
    const levels = [];
    for (const stream of await Promise.all(opening)) {
      await stream.ended;
      levels.push(stream.messages.slice(0, -1).map((message) => (message['params'] as Json)['level']));
    }
    expect(levels).toEqual([['error'], ['debug', 'info', 'warning', 'error'], [], ['warning', 'error']]);
    // The server was asked for more as more was wanted, and never for less.
    const asked = () => server.all('logging/setLevel').map((one) => one.params['level']);
    expect(asked().at(-1)).toBe('debug');
    const before = asked().length;
    await severe.send(toolCall('echo'));
    expect(asked()).toHaveLength(before);
  });

  it('a question goes to the client of that call alone, and only where it can be answered', async () => {
    verifies('rule:23-questions-to-the-right-client');
    const able = { capabilities: { elicitation: {}, roots: {} } };
    const [a, b, unable] = [
      await openSession(url, able),
      await openSession(url, able),
      await openSession(url),
    ];
    using getA = await a.listen();
    using getB = await b.listen();
    const opening = [
      a.open(toolCall('hold', { n: 20 })),
      b.open(toolCall('hold', { n: 21 })),
      unable.open(toolCall('hold', { n: 22 })),
    ];
    const calls = [await held(20), await held(21), await held(22)];
    const writes = calls.map((call) => call.stream());
    for (const [at, write] of writes.entries())
      write({
        jsonrpc: '2.0',
        id: `q${at}`,
        method: at === 1 ? 'roots/list' : 'elicitation/create',
        params: at === 1 ? {} : { ...ELICIT, at },
      });
    const refused = await server.next('response');
    expect(refused.message).toMatchObject({ id: 'q2', error: { code: -32601 } });
    writes[2]!(calls[2]!.result(textResult('done')));
    const [streamA, streamB, streamC] = await Promise.all(opening);
    const question = async (stream: typeof streamA, text: string) =>
      JSON.parse((await stream!.saw(text)).data) as { id: string };
    const qa = await question(streamA, 'elicitation/create');
    const qb = await question(streamB, 'roots/list');
    // Another client cannot answer for it: with the same key it could, but not with an id that it cannot know.
    await b.send({ jsonrpc: '2.0', id: 'q0', result: { action: 'decline' } });
    await b.send({ jsonrpc: '2.0', id: qb.id, result: { roots: [{ uri: 'file:///b' }] } });
    await a.send({ jsonrpc: '2.0', id: qa.id, result: { action: 'accept', content: { by: 'a' } } });
    const answers = [await server.next('response'), await server.next('response')].map((one) => one.message);
    expect(answers).toContainEqual({ jsonrpc: '2.0', id: 'q1', result: { roots: [{ uri: 'file:///b' }] } });
    expect(answers).toContainEqual({
      jsonrpc: '2.0',
      id: 'q0',
      result: { action: 'accept', content: { by: 'a' } },
    });
    for (const at of [0, 1]) writes[at]!(calls[at]!.result(textResult('done')));
    for (const stream of [streamA!, streamB!, streamC!]) {
      await stream.ended;
      expect(textOf(stream.messages.at(-1)!)).toBe('done');
    }
    expect(streamC!.messages).toHaveLength(1);
    expect([getA.messages, getB.messages]).toEqual([[], []]);
  });

  it('pings are answered on the spot, on both sides', async () => {
    verifies('rule:23-questions-to-the-right-client');
    const session = await openSession(url);
    const opening = session.open(toolCall('hold', { n: 30 }));
    const call = await held(30);
    const write = call.stream();
    write({ jsonrpc: '2.0', id: 'ping-1', method: 'ping' });
    const pong = await server.next('response', (one) => one.message['id'] === 'ping-1');
    expect(pong.message).toEqual({ jsonrpc: '2.0', id: 'ping-1', result: {} });
    const before = server.received.length;
    expect((await session.send(request('ping', {}, 'p'))).json()).toEqual({
      jsonrpc: '2.0',
      id: 'p',
      result: {},
    });
    expect(server.received.length).toBe(before);
    write(call.result(textResult('done')));
    using stream = await opening;
    await stream.ended;
    expect(stream.messages).toHaveLength(1);
  });

  it('an answer is JSON until something comes before it, which is passed on at once', async () => {
    verifies('rule:24-streams-on-demand');
    for (const n of [40, 41]) {
      const plain = openRpc(url, MASTER_KEY, { message: toolCall('hold', { n }, n, { progressToken: 'p' }) });
      const call = await held(n);
      if (n === 40) {
        call.reply(textResult('whole'));
        using answer = await plain;
        await answer.ended;
        expect(answer.type).toContain('application/json');
        continue;
      }
      const write = call.stream();
      const token = (call.params['_meta'] as Json)['progressToken'];
      write(note('progress', { progressToken: token, progress: 1 }));
      using answer = await plain;
      expect(answer.type).toContain('text/event-stream');
      await answer.saw('"progress":1');
      expect(answer.messages.some((message) => 'result' in message)).toBe(false);
      write(call.result(textResult('late')));
      await answer.saw('late');
    }
  });
});
