import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { descendantsOf, isRunning, processAt } from '../support/chaos/processes.ts';
import { connectCommand, startCommand } from '../support/clients/stdio-clients.ts';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer, rpc } from '../support/http.ts';
import { ROOT } from '../support/process.ts';
import { messageIn, modern, openSession, request, textOf, toolCall } from '../support/rules/raw-client.ts';
import { plainTool, startScripted } from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

interface Facts {
  readonly calls: number;
  readonly pid: number;
  readonly child?: number;
}

const remembering = (more: object = {}): object => ({
  command: process.execPath,
  args: [join(ROOT, 'test/support/upstreams/remembering.ts')],
  ...more,
});
const start = (more: object = {}): Promise<TestGateway> =>
  startGateway({
    config: configWith({ one: remembering(more) }, { limits: { first_list_wait_ms: '30s' } }),
  });
const factsIn = (answer: HttpAnswer): Facts => JSON.parse(textOf(answer)) as Facts;
/** Resolves when the gateway has noticed so many deaths of its server: calls before that may be lost with it. */
const noticed = (gateway: TestGateway, deaths: number): Promise<void> =>
  expect
    .poll(() => gateway.log.filter((line) => line.message === 'a server went away').length, {
      timeout: 20_000,
    })
    .toBe(deaths);
const pidsBelow = (gateway: TestGateway): number[] => descendantsOf(gateway.pid).map(({ pid }) => pid);

describe('a server behind the gateway', () => {
  it('has one process, however many sessions, lists and calls come and go, and takes what it started with it', async () => {
    verifies('pain:01-processes-that-pile-up');
    await using gateway = await start();
    const url = `${gateway.url}/mcp`;
    const seen: number[] = [];
    for (let round = 0; round < 20; round++) {
      const session = await openSession(url);
      await session.send(request('tools/list'));
      seen.push(factsIn(await session.send(toolCall('count'))).pid);
      seen.push(factsIn(await modern(url, 'tools/call', { name: 'count', arguments: {} })).pid);
      // Some clients say that they leave, others do not.
      if (round % 2 === 0) await session.end();
    }
    expect(new Set(seen).size).toBe(1);
    expect(pidsBelow(gateway)).toEqual([seen[0]]);

    const { child } = factsIn(await rpc(url, MASTER_KEY, toolCall('child')));
    const grandchild = processAt(child!)!;
    expect(isRunning(grandchild)).toBe(true);
    await rpc(url, MASTER_KEY, toolCall('die'));
    await noticed(gateway, 1);
    await expect.poll(() => isRunning(grandchild), { timeout: 20_000 }).toBe(false);
    const next = factsIn(await rpc(url, MASTER_KEY, toolCall('count')));
    expect(next).toMatchObject({ calls: 1 });
    expect(pidsBelow(gateway)).toEqual([next.pid]);
  });

  it('is shared by agents in parallel, and leaves no zombie each time it dies', async () => {
    verifies('pain:02-processes-per-agent');
    await using gateway = await start();
    const url = `${gateway.url}/mcp`;
    const agents = await Promise.all(Array.from({ length: 10 }, () => openSession(url)));
    const pids: number[] = [];
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(
        agents.flatMap((agent) =>
          Array.from({ length: 5 }, (_, id) => agent.send(toolCall('count', {}, id))),
        ),
      );
      const ofRound = new Set(answers.map((answer) => factsIn(answer).pid));
      expect(ofRound.size).toBe(1);
      const [pid] = [...ofRound];
      expect(pids).not.toContain(pid);
      pids.push(pid!);
      const before = processAt(pid!)!;
      await agents[0]!.send(toolCall('die'));
      await noticed(gateway, round + 1);
      expect(isRunning(before)).toBe(false);
    }
    expect(factsIn(await agents[0]!.send(toolCall('count'))).calls).toBe(1);
    const left = descendantsOf(gateway.pid);
    expect(left.map(({ state }) => state)).not.toContain('Z');
    expect(left).toHaveLength(1);
  });

  it('meets every call of a client with the memory of those before', async () => {
    verifies('pain:05-process-per-call');
    await using gateway = await start();
    const session = await openSession(`${gateway.url}/mcp`);
    const counts = [];
    for (let at = 0; at < 5; at++) counts.push(factsIn(await session.send(toolCall('count'))).calls);
    expect(counts).toEqual([1, 2, 3, 4, 5]);
    // It goes as soon as it has answered: the answer is there all the same.
    expect(factsIn(await session.send(toolCall('die'))).calls).toBe(6);
  });

  it('with thousands of tools is listed whole', async () => {
    verifies('pain:05-process-per-call');
    const tools = Array.from({ length: 3_000 }, (_, at) =>
      plainTool(`tool_${at}`, { description: `${at} ${'what it does '.repeat(50)}` }),
    );
    await using server = await startScripted({ tools });
    await using gateway = await startGateway({
      config: configWith(
        { one: { transport: 'http', url: server.url } },
        { limits: { first_list_wait_ms: '30s' } },
      ),
    });
    const { result } = (await rpc(`${gateway.url}/mcp`, MASTER_KEY, request('tools/list'))).json<{
      result: unknown;
    }>();
    expect(result).toEqual({ tools });
    expect(textOf(await rpc(`${gateway.url}/mcp`, MASTER_KEY, toolCall('tool_2999', { x: 1 })))).toContain(
      '"x":1',
    );
  });

  it('that is stopped when nobody uses it keeps its tools and is started by the next call', async () => {
    verifies('pain:06-idle-servers');
    await using gateway = await start({ idle_shutdown: '1s' });
    const session = await openSession(`${gateway.url}/mcp`);
    const before = (await session.send(request('tools/list'))).text;
    const first = factsIn(await session.send(toolCall('count')));
    await expect.poll(() => pidsBelow(gateway), { timeout: 20_000 }).toEqual([]);
    expect((await session.send(request('tools/list'))).text).toBe(before);
    expect(pidsBelow(gateway)).toEqual([]);
    const health = await http(`${gateway.url}/health`, {
      headers: { authorization: `Bearer ${MASTER_KEY}` },
    });
    expect(health.json()).toMatchObject({ servers: [{ name: 'one', state: 'stopped' }] });
    const second = factsIn(await session.send(toolCall('count')));
    expect(second).toMatchObject({ calls: 1 });
    expect(second.pid).not.toBe(first.pid);
  });

  it('that dies costs its session neither tools nor the next call, and what it was working on fails at once', async () => {
    verifies('pain:10-dead-server-costs-the-session');
    await using gateway = await start();
    const session = await openSession(`${gateway.url}/mcp`);
    const before = (await session.send(request('tools/list'))).text;
    const { pid } = factsIn(await session.send(toolCall('count')));
    const waiting = session.send(toolCall('wait', {}, 'waiting'));
    // A call sent after it on the same pipe is answered, so that the first one has arrived.
    await session.send(toolCall('count'));
    process.kill(pid, 'SIGKILL');
    expect(messageIn((await waiting).text)).toMatchObject({ id: 'waiting', result: { isError: true } });
    await noticed(gateway, 1);
    expect((await session.send(request('tools/list'))).text).toBe(before);
    expect(factsIn(await session.send(toolCall('count')))).toMatchObject({ calls: 1 });
  });
});

describe('clients that start a command', () => {
  it('share the process of a server, and end with nothing left behind', async () => {
    verifies('pain:04-clients-that-leak-servers');
    await using gateway = await start();
    const args = ['stdio', '--url', `${gateway.url}/mcp`];
    const env = { LANPORT_KEY: MASTER_KEY };
    const clients = await Promise.all(
      (['2025-11-25', '2026-07-28', '2025-11-25'] as const).map((kind) => connectCommand(kind, args, env)),
    );
    const answers = await Promise.all(clients.map((client) => client.call('count', {})));
    const facts = answers.map(
      (answer) => JSON.parse((answer as { content: { text: string }[] }).content[0]!.text) as Facts,
    );
    expect(facts.map(({ calls }) => calls).sort((a, b) => a - b)).toEqual([1, 2, 3]);
    expect(pidsBelow(gateway), JSON.stringify(gateway.log)).toEqual([facts[0]!.pid]);
    for (const client of clients) await client[Symbol.asyncDispose]();
    // A client that is killed closes no connection: the end of its pipes is all that is seen of it.
    await using orphan = startCommand(args, env);
    await orphan.request(1, 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    });
    expect(descendantsOf(orphan.child.pid!)).toEqual([]);
    expect(await orphan.end()).toBe(0);
    expect(pidsBelow(gateway), JSON.stringify(gateway.log)).toEqual([facts[0]!.pid]);
  }, 90_000);
});
