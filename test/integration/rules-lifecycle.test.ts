import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import { messageIn, openSession, request, textOf, toolCall } from '../support/rules/raw-client.ts';
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

const WAIT = { first_list_wait_ms: '30s' };
const over = (server: ScriptedServer, more: Json = {}): Json => ({
  transport: 'http',
  url: server.url,
  ...more,
});

describe('a session that a server lost', () => {
  it.each([
    ['404', 404, -32001, 'Session not found'],
    ['400 that says so', 400, -32600, 'Bad Request: Session not found'],
  ])(
    'with %s is opened anew once for all, and every call goes through',
    async (_name, status, code, words) => {
      verifies('rule:28-lost-sessions', 'pain:12-half-alive-sessions', 'pain:14-loss-told-by-words');
      const CALLS = 5;
      const lost: Received[] = [];
      let sessions = 0;
      await using server = await startScripted({
        answers: {
          initialize: (one) => {
            one.response.setHeader('mcp-session-id', `s${++sessions}`);
            return {
              protocolVersion: '2025-11-25',
              capabilities: { tools: {} },
              serverInfo: { name: 's', version: '1' },
            };
          },
          'tools/call': (one) => {
            if (one.headers['mcp-session-id'] === 's2')
              return textResult(JSON.stringify(one.params['arguments']));
            // All of them are under way before the first is refused.
            lost.push(one);
            if (lost.length === CALLS) for (const call of lost) call.fail(code, words, undefined, status);
            return undefined;
          },
        },
      });
      await using good = await startScripted();
      await using gateway = await startGateway({
        config: configWith({ one: over(server), good: over(good) }, { limits: WAIT }),
      });
      const url = `${gateway.url}/mcp`;
      const session = await openSession(url);
      const answers = await Promise.all(
        Array.from({ length: CALLS }, (_, n) => session.send(toolCall('one-echo', { n }, n))),
      );
      expect(answers.map((answer) => textOf(answer))).toEqual(
        Array.from({ length: CALLS }, (_, n) => JSON.stringify({ n })),
      );
      expect(sessions).toBe(2);
      expect(server.all('tools/call')).toHaveLength(2 * CALLS);
      // The other server of the same client has noticed nothing.
      expect(textOf(await session.send(toolCall('good-echo', { x: 1 })))).toContain('"x":1');
      expect(good.all('initialize')).toHaveLength(1);
      await gateway.stop();
      const ended = server.all('DELETE').map((one) => one.headers['mcp-session-id']);
      expect(ended).toContain('s2');
    },
  );

  it('that cannot be opened again is an error of that server alone', async () => {
    verifies('rule:28-lost-sessions');
    let isBroken = false;
    await using server = await startScripted({
      answers: {
        initialize: (one) => {
          if (isBroken) {
            one.response.writeHead(500).end('out of order');
            return undefined;
          }
          one.response.setHeader('mcp-session-id', 's1');
          return {
            protocolVersion: '2025-11-25',
            capabilities: { tools: {} },
            serverInfo: { name: 's', version: '1' },
          };
        },
        'tools/call': (one) => {
          isBroken = true;
          one.response.writeHead(404).end();
          return undefined;
        },
      },
    });
    await using good = await startScripted();
    await using gateway = await startGateway({
      config: configWith({ one: over(server), good: over(good) }, { limits: WAIT }),
    });
    const session = await openSession(`${gateway.url}/mcp`);
    expect(messageIn((await session.send(toolCall('one-echo'))).text)).toMatchObject({
      result: { isError: true, _meta: { 'lanport/error': 'server-down' } },
    });
    expect(textOf(await session.send(toolCall('good-echo', { x: 1 })))).toContain('"x":1');
    expect((await session.send(request('tools/list'))).text).toContain('one-echo');
  });
});

describe('a call', () => {
  let server: ScriptedServer;
  let stateless: ScriptedServer;
  let gateway: TestGateway;
  let url: string;
  const isHold = (one: Received): boolean => one.params['name'] === 'hold';
  const held = (at: ScriptedServer, n: number): Promise<Received> =>
    at.next('tools/call', (one) => isHold(one) && (one.params['arguments'] as { n?: number }).n === n);
  const cancellationOf = (call: Received): Promise<Received> =>
    server.next('notifications/cancelled', (one) => one.params['requestId'] === call.id);

  beforeAll(async () => {
    const script = {
      tools: [plainTool('hold'), plainTool('echo')],
      answers: {
        'tools/call': (one: Received) =>
          isHold(one) ? undefined : { ...textResult('echoed'), resultType: 'complete' },
      },
    };
    server = await startScripted({ ...script, session: 'of-the-server' });
    stateless = await startScripted({ ...script, era: 'modern' });
    gateway = await startGateway({
      config: configWith(
        { one: over(server), new: over(stateless), hasty: over(server, { timeout: 3 }) },
        { limits: { ...WAIT, call_total_ms: '12s', keep_alive_ms: '200ms' } },
      ),
    });
    url = `${gateway.url}/mcp`;
    await rpc(url, MASTER_KEY, request('tools/list'));
  }, 60_000);
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    for (const one of [server, stateless]) await one?.[Symbol.asyncDispose]();
  });

  it('that is cancelled is cancelled at the server, under the id that it knows, and its late answer goes to nobody', async () => {
    verifies('rule:29-cancellation');
    const session = await openSession(url);
    const first = session.open(toolCall('one-hold', { n: 1 }, 'mine'));
    const call = await held(server, 1);
    const kept = session.open(toolCall('one-hold', { n: 2 }, 'kept'));
    const other = await held(server, 2);
    await session.send({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'never', reason: 'x' },
    });
    await session.send({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'mine', reason: 'x' },
    });
    await cancellationOf(call);
    call.reply(textResult('too late'));
    using answer = await first;
    await answer.ended;
    expect(answer.messages).toEqual([]);
    other.reply(textResult('in time'));
    using second = await kept;
    await second.saw('in time');
    expect(server.all('notifications/cancelled').map((one) => one.params['requestId'])).toEqual([call.id]);
  });

  it('goes on when a legacy client goes away, and is cancelled when a modern one does', async () => {
    verifies('rule:29-cancellation');
    const session = await openSession(url);
    const opening = session.open(toolCall('one-hold', { n: 3 }, 3));
    const call = await held(server, 3);
    let isClosed = false;
    void call.closed.then(() => {
      isClosed = true;
    });
    // A stream that was begun is there to be dropped.
    call.stream()({
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { level: 'error', data: 'begun' },
    });
    (await opening)[Symbol.dispose]();

    using gone = openingModern(url, 'one-hold', 4);
    const cancelled = await held(server, 4);
    gone[Symbol.dispose]();
    await cancellationOf(cancelled);
    const before = server.all('notifications/cancelled').length;

    using away = openingModern(url, 'new-hold', 5);
    const aborted = await held(stateless, 5);
    away[Symbol.dispose]();
    await aborted.closed;
    expect(stateless.all('notifications/cancelled')).toEqual([]);
    expect(isClosed).toBe(false);
    expect(server.all('notifications/cancelled')).toHaveLength(before);
  });

  it('that is not answered ends, and the server is told', async () => {
    verifies('rule:30-deadlines');
    const answer = rpc(`${gateway.url}/hasty/mcp`, MASTER_KEY, toolCall('hold', { n: 6 }));
    const call = await held(server, 6);
    await cancellationOf(call);
    expect(messageIn((await answer).text)).toMatchObject({
      result: { isError: true, _meta: { 'lanport/error': 'call-timeout' } },
    });
  });

  it('lives on progress, up to its total', async () => {
    verifies('rule:30-deadlines');
    const ticking = async (n: number, ticks: number) => {
      const opening = openRpc(`${gateway.url}/hasty/mcp`, MASTER_KEY, {
        message: toolCall('hold', { n }, n, { progressToken: 't' }),
      });
      const call = await held(server, n);
      const write = call.stream();
      const token = (call.params['_meta'] as Json)['progressToken'];
      let tick = 0;
      const timer = setInterval(() => {
        write({
          jsonrpc: '2.0',
          method: 'notifications/progress',
          params: { progressToken: token, progress: ++tick },
        });
        if (tick === ticks) write(call.result(textResult('in the end')));
      }, 250);
      using stream = await opening;
      await stream.ended;
      clearInterval(timer);
      return stream.messages.at(-1)!;
    };
    // More than the three seconds without progress, and more than the twelve in all.
    const [long, endless] = await Promise.all([ticking(7, 14), ticking(8, 1_000)]);
    expect(textOf(long)).toBe('in the end');
    expect(endless).toMatchObject({ result: { isError: true, _meta: { 'lanport/error': 'call-timeout' } } });
  });

  it('that takes long, and a stream on which nothing happens, are kept open with comments', async () => {
    verifies('rule:30-deadlines');
    const session = await openSession(url);
    using get = await session.listen();
    const opening = session.open(toolCall('one-hold', { n: 9 }));
    const call = await held(server, 9);
    using post = await opening;
    await Promise.all([get.commented(), post.commented()]);
    // No message came, only the events without data that streams begin with.
    expect([...get.events, ...post.events].map(({ data }) => data)).toEqual(['', '']);
    call.reply(textResult('slow'));
    await post.saw('slow');
  });

  it('a second GET of a session takes over from the first', async () => {
    verifies('rule:31-second-listening-stream');
    let tools = [plainTool('a')];
    await using changing = await startScripted({
      capabilities: { tools: { listChanged: true } },
      answers: { 'tools/list': () => ({ tools }), GET: () => undefined },
    });
    await using own = await startGateway({ config: configWith({ one: over(changing) }, { limits: WAIT }) });
    const speak = (await changing.next('GET')).stream();
    const session = await openSession(`${own.url}/mcp`);
    await session.send(request('tools/list'));
    const streams = [];
    for (let at = 0; at < 5; at++) streams.push(await session.listen());
    expect(streams.map((stream) => stream.status)).toEqual([200, 200, 200, 200, 200]);
    await Promise.all(streams.slice(0, -1).map((stream) => stream.ended));
    tools = [plainTool('b')];
    speak({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    await streams.at(-1)!.saw('list_changed');
    expect(streams.flatMap((stream) => stream.messages)).toHaveLength(1);
    streams.at(-1)![Symbol.dispose]();
  });
});

/** A modern call whose answer has not begun: to be dropped. */
function openingModern(url: string, name: string, n: number): Disposable {
  const controller = new AbortController();
  const sent = fetch(url, {
    method: 'POST',
    signal: controller.signal,
    headers: {
      authorization: `Bearer ${MASTER_KEY}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': name,
    },
    body: JSON.stringify(
      request('tools/call', {
        name,
        arguments: { n },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      }),
    ),
  });
  sent.catch(() => undefined);
  return { [Symbol.dispose]: () => controller.abort() };
}
