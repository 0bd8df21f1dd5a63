import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { messageIn, modern, openSession, request, textOf, toolCall } from '../support/rules/raw-client.ts';
import {
  type Json,
  plainTool,
  type Received,
  type ScriptedServer,
  startScripted,
} from '../support/rules/scripted-server.ts';
import { serverReady } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const over = (server: { readonly url: string }, more: Json = {}): Json => ({
  transport: 'http',
  url: server.url,
  ...more,
});
const PATIENT = { limits: { first_list_wait_ms: '30s' } };
const HASTY = { limits: { first_list_wait_ms: '100ms' } };
const INITIALIZED: Json = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: { listChanged: true } },
  serverInfo: { name: 's', version: '1' },
};

/** Something that others wait for. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('a server', () => {
  it('whose tools cannot be read is not ready, and is tried until they can', async () => {
    verifies('pain:08-connected-without-tools');
    let isBroken = true;
    await using server = await startScripted({
      answers: {
        'tools/list': (one) => {
          if (!isBroken) return { tools: [plainTool('echo')] };
          one.fail(-32603, 'out of order');
          return undefined;
        },
      },
    });
    await using gateway = await startGateway({ config: configWith({ one: over(server) }) });
    const line = await gateway.logged((one) => one.message === 'a server could not be started');
    expect(line['reason']).toContain('out of order');
    const health = await http(`${gateway.url}/health`, {
      headers: { authorization: `Bearer ${MASTER_KEY}` },
    });
    expect(health.json<{ servers: { state: string }[] }>().servers[0]!.state).toMatch(/^(down|starting)$/);
    const session = await openSession(`${gateway.url}/mcp`);
    using stream = await session.listen();
    isBroken = false;
    await stream.saw('tools/list_changed');
    expect((await session.send(request('tools/list'))).text).toContain('"echo"');
  });

  it('that refuses our credentials is not asked again by itself, nor by every call', async () => {
    verifies('pain:09-retry-storms', 'pain:28-their-refusal-as-ours');
    let isRefusing = false;
    const refuse = (one: Received): undefined => {
      one.response.writeHead(401, { 'www-authenticate': 'Bearer realm="theirs"' }).end();
      return undefined;
    };
    await using server = await startScripted({
      answers: {
        initialize: (one) => (isRefusing ? refuse(one) : INITIALIZED),
        'server/discover': (one) => {
          if (isRefusing) return refuse(one);
          one.fail(-32601, 'no such method');
          return undefined;
        },
      },
    });
    await using gateway = await startGateway({ config: configWith({ one: over(server) }, PATIENT) });
    const url = `${gateway.url}/mcp`;
    await rpc(url, MASTER_KEY, request('tools/list'));
    await gateway.stop();
    isRefusing = true;
    await gateway.restart();
    await gateway.logged((line) => line.message === 'a server refuses the credentials it is called with');
    const before = server.received.length;
    const session = await openSession(url);
    for (let at = 0; at < 25; at++)
      for (const answer of [
        await session.send(toolCall('echo', {}, at)),
        await modern(url, 'tools/call', { name: 'echo', arguments: {} }),
      ]) {
        expect(answer.status).toBe(200);
        expect(answer.headers).not.toHaveProperty('www-authenticate');
        expect(messageIn(answer.text)).toMatchObject({
          result: { isError: true, _meta: { 'lanport/error': 'server-auth' } },
        });
      }
    expect((await session.send(request('tools/list'))).text).toContain('"echo"');
    expect(server.received.length).toBe(before);
  });

  it.each([
    ['starts', 'initialize'],
    ['gives its tools', 'tools/list'],
  ])('that %s late is told to those who asked before', async (_what, method) => {
    verifies('pain:11-slow-start', 'pain:22-list-taken-too-early');
    const late = gate();
    const answers = {
      initialize: async () => {
        if (method === 'initialize') await late.opened;
        return INITIALIZED;
      },
      'tools/list': async () => {
        if (method === 'tools/list') await late.opened;
        return { tools: [plainTool('late')] };
      },
    };
    await using slow = await startScripted({ answers });
    await using good = await startScripted();
    await using gateway = await startGateway({
      config: configWith({ slow: over(slow), good: over(good) }, HASTY),
    });
    await serverReady(gateway, 'good');
    const session = await openSession(`${gateway.url}/mcp`);
    using stream = await session.listen();
    const first = (await session.send(request('tools/list'))).text;
    expect(first).toContain('good-echo');
    expect(first).not.toContain('slow-late');
    late.open();
    await stream.saw('tools/list_changed');
    expect((await session.send(request('tools/list'))).text).toContain('slow-late');
    expect(textOf(await session.send(toolCall('slow-late', { x: 1 })))).toContain('"x":1');
  });

  it('that has become slow delays neither a handshake nor a list, nor calls to others', async () => {
    verifies('pain:18-slow-server-at-the-handshake');
    let isSlow = false;
    const never = (): Promise<Json> => new Promise(() => undefined);
    await using slow = await startScripted({
      capabilities: { tools: {}, resources: {} },
      answers: {
        'tools/list': () => (isSlow ? never() : { tools: [plainTool('echo')] }),
        'resources/list': () => (isSlow ? never() : { resources: [] }),
        'resources/templates/list': () => (isSlow ? never() : { resourceTemplates: [] }),
        'tools/call': never,
        ping: never,
      },
    });
    await using good = await startScripted();
    await using gateway = await startGateway({
      config: configWith(
        { slow: over(slow), good: over(good) },
        { limits: { ...PATIENT.limits, shutdown_drain_ms: '200ms' } },
      ),
    });
    const url = `${gateway.url}/mcp`;
    const before = (await rpc(url, MASTER_KEY, request('tools/list'))).text;
    isSlow = true;
    const hanging = await openSession(url);
    const calls = Array.from({ length: 20 }, (_, id) => hanging.send(toolCall('slow-echo', {}, id)));
    for (const call of calls) call.catch(() => undefined);
    await slow.next('tools/call');
    const session = await openSession(url);
    expect((await session.send(request('tools/list'))).text).toBe(before);
    expect((await session.send(request('resources/list'))).json()).toMatchObject({
      result: { resources: [] },
    });
    expect(textOf(await session.send(toolCall('good-echo', { x: 1 })))).toContain('"x":1');
    expect((await modern(url, 'server/discover')).status).toBe(200);
  });

  it('that is back is used by clients that were there all the time, who hear of its news', async () => {
    verifies('pain:35-back-but-invisible');
    const script = (tools: readonly Json[], port?: number) =>
      startScripted({
        capabilities: { tools: { listChanged: true } },
        tools,
        ...(port === undefined ? {} : { port }),
      });
    const first = await script([plainTool('a')]);
    await using gateway = await startGateway({ config: configWith({ one: over(first) }, PATIENT) });
    const session = await openSession(`${gateway.url}/mcp`);
    using stream = await session.listen();
    await session.send(request('tools/list'));
    await first[Symbol.asyncDispose]();
    expect(messageIn((await session.send(toolCall('a'))).text)).toMatchObject({ result: { isError: true } });
    await using second = await script([plainTool('a'), plainTool('b')], first.port);
    await stream.saw('tools/list_changed');
    expect((await session.send(request('tools/list'))).text).toContain('"b"');
    expect(textOf(await session.send(toolCall('b', { x: 1 })))).toContain('"x":1');
    expect(second.all('tools/call')).toHaveLength(1);
  });

  it.each([400, 401, 403, 404, 405, 406, 500])(
    'that refuses the listening stream with %i works all the same, in one session',
    async (status) => {
      verifies('pain:32-the-first-cause-hidden');
      const inUse = gate();
      await using server = await startScripted({
        session: 'theirs',
        answers: {
          // After the first call, when the connection is in use.
          GET: async (one) => {
            await inUse.opened;
            one.response.writeHead(status).end();
            return undefined;
          },
        },
      });
      await using gateway = await startGateway({ config: configWith({ one: over(server) }, PATIENT) });
      const session = await openSession(`${gateway.url}/mcp`);
      await session.send(request('tools/list'));
      const listening = await server.next('GET');
      for (let at = 0; at < 3; at++) {
        expect(textOf(await session.send(toolCall('echo', { at })))).toContain(`"at":${at}`);
        inUse.open();
        await listening.closed;
      }
      expect(server.all('initialize')).toHaveLength(1);
    },
  );
});

describe('several servers', () => {
  it('are started side by side', async () => {
    verifies('pain:21-one-after-the-other');
    const NUMBER = 8;
    const all = gate();
    let begun = 0;
    const servers: ScriptedServer[] = [];
    for (let at = 0; at < NUMBER; at++)
      servers.push(
        await startScripted({
          answers: {
            // None is answered before every one was asked.
            initialize: async () => {
              if (++begun === NUMBER) all.open();
              await all.opened;
              return INITIALIZED;
            },
          },
        }),
      );
    await using gateway = await startGateway({
      config: configWith(Object.fromEntries(servers.map((server, at) => [`s${at}`, over(server)])), PATIENT),
    });
    const { tools } = (await rpc(`${gateway.url}/mcp`, MASTER_KEY, request('tools/list'))).json<{
      result: { tools: { name: string }[] };
    }>().result;
    expect(tools.map((tool) => tool.name)).toEqual(servers.map((_, at) => `s${at}-echo`));
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  it('of which one is declared wrongly and one hangs at any transport are listed but for that one', async () => {
    verifies('pain:19-wrong-transport-declared');
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const nowhere = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/sse`;
    const good = await Promise.all([startScripted(), startScripted(), startScripted()]);
    await using gateway = await startGateway({
      config: configWith(
        {
          a: over(good[0]),
          wrong: { transport: 'sse', url: good[1].url },
          hanging: { transport: 'sse', url: nowhere },
          b: over(good[2]),
        },
        { limits: { first_list_wait_ms: '1s' } },
      ),
    });
    await gateway.logged((line) => line['code'] === 'transport-mismatch');
    for (const name of ['a', 'wrong', 'b']) await serverReady(gateway, name);
    const session = await openSession(`${gateway.url}/mcp`);
    const listed = (await session.send(request('tools/list'))).text;
    for (const name of ['a', 'wrong', 'b']) {
      expect(listed).toContain(`"${name}-echo"`);
      expect(textOf(await session.send(toolCall(`${name}-echo`, { name })))).toContain(name);
    }
    for (const server of good) await server[Symbol.asyncDispose]();
    silent.closeAllConnections();
    silent.close();
  });

  it('are waited for once, and their connections are kept', async () => {
    verifies('pain:20-lists-that-wait');
    await using hanging = await startScripted({
      answers: { initialize: () => new Promise(() => undefined) },
    });
    await using good = await startScripted();
    await using gateway = await startGateway({
      config: configWith(
        { hanging: over(hanging), good: over(good) },
        { limits: { first_list_wait_ms: '1s' } },
      ),
    });
    await serverReady(gateway, 'good');
    const url = `${gateway.url}/mcp`;
    for (let at = 0; at < 20; at++) {
      const session = await openSession(url);
      expect((await session.send(request('tools/list'))).text).toContain('good-echo');
      expect(textOf(await session.send(toolCall('good-echo', { at })))).toContain(`"at":${at}`);
    }
    expect(good.all('initialize')).toHaveLength(1);
    expect(good.all('tools/list')).toHaveLength(1);
  });
});
