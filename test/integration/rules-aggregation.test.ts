import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import { modern, openSession, request, textOf, toolCall } from '../support/rules/raw-client.ts';
import {
  type Answer,
  type Json,
  plainTool,
  type ScriptedServer,
  startScripted,
} from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const WAIT = { limits: { first_list_wait_ms: '30s' } };
const over = (server: { readonly url: string }, more: Json = {}): Json => ({
  transport: 'http',
  url: server.url,
  ...more,
});
const list = async (url: string, method = 'tools/list'): Promise<string> =>
  (await rpc(url, MASTER_KEY, request(method))).text;
const namesIn = (text: string): string[] =>
  (JSON.parse(text) as { result: { tools: { name: string }[] } }).result.tools.map((tool) => tool.name);

describe('the lists of servers', () => {
  it('are read to their last page, and given in one', async () => {
    verifies('rule:11-pages');
    const pages: Readonly<Record<string, Json>> = {
      none: { tools: [plainTool('a')], nextCursor: 'ünï"code' },
      'ünï"code': { tools: [plainTool('b')], nextCursor: '' },
      '': { tools: [plainTool('c')] },
    };
    const paged =
      (cursors: unknown[]): Answer =>
      ({ params }) => {
        cursors.push(params['cursor']);
        return pages[String(params['cursor'] ?? 'none')]!;
      };
    const seen: unknown[] = [];
    await using server = await startScripted({ answers: { 'tools/list': paged(seen) } });
    const cursors: unknown[] = [];
    await using looping = await startScripted({
      answers: {
        'tools/list': ({ params }) => ({
          tools: [plainTool(`t${cursors.push(params['cursor'])}`)],
          nextCursor: 'again',
        }),
      },
    });
    await using gateway = await startGateway({
      config: configWith({ paged: over(server), looping: over(looping) }, WAIT),
    });
    const url = `${gateway.url}/paged/mcp`;
    expect(namesIn(await list(url))).toEqual(['a', 'b', 'c']);
    expect(seen).toEqual([undefined, 'ünï"code', '']);
    expect(await list(url)).not.toContain('nextCursor');
    for (const cursor of ['', 'x', 'ünï"code'])
      expect((await rpc(url, MASTER_KEY, request('tools/list', { cursor }))).json()).toMatchObject({
        error: { code: -32602 },
      });
    const refused = await gateway.logged((line) => line['server'] === 'looping' && line.level === 'warn');
    expect(refused['reason']).toContain('repeat a cursor');
    expect(cursors.slice(0, 2)).toEqual([undefined, 'again']);
    expect(cursors.join()).not.toContain('again,again');
  });

  it('have one order, whoever asks and whichever server came up first', async () => {
    verifies('rule:12-order-of-lists');
    let release = new Map<string, () => void>();
    let first = '';
    const gates = new Map<string, Promise<void>>();
    const gated = (name: string): Promise<ScriptedServer> =>
      startScripted({
        tools: [plainTool('z'), plainTool('a'), plainTool('m')],
        answers: {
          'tools/list': async () => {
            if (name !== first) await gates.get(name);
            release.get(name === 'x' ? 'y' : 'x')?.();
            return { tools: [plainTool('z'), plainTool('a'), plainTool('m')] };
          },
        },
      });
    await using x = await gated('x');
    await using y = await gated('y');
    const listed: string[] = [];
    for (const name of ['x', 'y']) {
      first = name;
      release = new Map();
      for (const one of ['x', 'y']) gates.set(one, new Promise((resolve) => release.set(one, resolve)));
      await using gateway = await startGateway({ config: configWith({ x: over(x), y: over(y) }, WAIT) });
      listed.push(await list(`${gateway.url}/mcp`));
      listed.push(await list(`${gateway.url}/mcp`));
      await gateway.stop();
      await gateway.restart();
      const session = await openSession(`${gateway.url}/mcp`);
      listed.push((await session.send(request('tools/list'))).text);
      const stateless = (await modern(`${gateway.url}/mcp`, 'tools/list')).json<{
        result: { tools: unknown };
      }>();
      listed.push(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: stateless.result.tools } }));
    }
    expect(namesIn(listed[0]!)).toEqual(['x-z', 'x-a', 'x-m', 'y-z', 'y-a', 'y-m']);
    expect(new Set(listed).size).toBe(1);
  });
});

describe('what the gateway says of itself', () => {
  const about = {
    first: {
      capabilities: {
        tools: {},
        prompts: {},
        completions: {},
        experimental: { 'example.com/e': { x: 1 } },
        extensions: { 'example.com/ext': { level: 3 } },
      },
      instructions: 'First says so.',
      name: 'secret-first',
    },
    second: {
      capabilities: { tools: {}, resources: { subscribe: true }, logging: {} },
      instructions: 'Second too.',
    },
    third: { capabilities: { tools: {} } },
  };
  const servers: ScriptedServer[] = [];
  let gateway: TestGateway;

  beforeAll(async () => {
    for (const script of Object.values(about))
      servers.push(
        await startScripted({
          ...script,
          answers: {
            'prompts/list': () => ({ prompts: [] }),
            'resources/list': () => ({ resources: [] }),
            'resources/templates/list': () => ({ resourceTemplates: [] }),
          },
        }),
      );
    gateway = await startGateway({
      config: configWith(
        Object.fromEntries(Object.keys(about).map((name, at) => [name, over(servers[at]!)])),
        WAIT,
      ),
    });
  }, 60_000);
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    for (const server of servers) await server[Symbol.asyncDispose]();
  });
  const told = async (path: string): Promise<Record<string, unknown>> =>
    (await openSession(`${gateway.url}${path}`)).initialized;

  it('is what the servers in scope can do together', async () => {
    verifies('rule:13-capabilities');
    expect((await told('/mcp'))['capabilities']).toEqual({
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      completions: {},
      logging: {},
      extensions: { 'example.com/ext': { level: 3 } },
    });
    expect((await told('/third/mcp'))['capabilities']).toEqual({ tools: { listChanged: true } });
    expect((await told('/first/mcp'))['capabilities']).toMatchObject({
      experimental: { 'example.com/e': { x: 1 } },
    });
    expect((await told('/second/mcp'))['capabilities']).not.toHaveProperty('completions');
    const discovered = (await modern(`${gateway.url}/mcp`, 'server/discover')).json<{ result: Json }>()
      .result;
    expect(discovered['capabilities']).toMatchObject({ extensions: { 'example.com/ext': { level: 3 } } });
  });

  it('has the instructions of each under its name, and no name but its own', async () => {
    verifies('rule:17-instructions');
    expect((await told('/mcp'))['instructions']).toBe('# first\nFirst says so.\n\n# second\nSecond too.');
    expect((await told('/first/mcp'))['instructions']).toBe('First says so.');
    expect(await told('/third/mcp')).not.toHaveProperty('instructions');
    expect(JSON.stringify(await told('/first/mcp'))).not.toContain('secret-first');
    expect((await told('/first/mcp'))['serverInfo']).toMatchObject({ name: 'lanport-first' });
    const discovered = (await modern(`${gateway.url}/mcp`, 'server/discover')).json<{ result: Json }>()
      .result;
    expect(discovered['instructions']).toBe('# first\nFirst says so.\n\n# second\nSecond too.');
    expect(discovered['_meta']).toMatchObject({ 'io.modelcontextprotocol/serverInfo': { name: 'lanport' } });
  });
});

describe('one bad part', () => {
  it('a tool with an invalid header is left out alone, and reported', async () => {
    verifies('rule:18-one-bad-part');
    const withHeader = (name: string, type: string): Json =>
      plainTool(name, {
        inputSchema: {
          type: 'object',
          properties: { a: { type, 'x-mcp-header': name === 'space' ? 'A B' : 'Region' } },
        },
      });
    await using server = await startScripted({
      era: 'modern',
      tools: [
        withHeader('space', 'string'),
        withHeader('fine', 'string'),
        withHeader('float', 'number'),
        plainTool('plain'),
      ],
    });
    await using gateway = await startGateway({ config: configWith({ one: over(server) }, WAIT) });
    expect(namesIn(await list(`${gateway.url}/mcp`))).toEqual(['fine', 'plain']);
    for (const name of ['space', 'float'])
      await gateway.logged(
        (line) => line.message.includes(`"${name}"`) || JSON.stringify(line).includes(`tool \\"${name}\\"`),
      );
  });

  it('a server that hangs keeps neither initialize nor the tools of the others', async () => {
    verifies('rule:18-one-bad-part');
    await using hanging = await startScripted({
      answers: { initialize: () => undefined, 'server/discover': () => undefined },
    });
    await using silent = await startScripted({ answers: { 'tools/list': () => undefined } });
    await using good = await startScripted();
    await using gateway = await startGateway({
      config: configWith(
        { hanging: over(hanging), silent: over(silent), good: over(good) },
        { limits: { first_list_wait_ms: '300ms', server_start_ms: '60s' } },
      ),
    });
    await good.next('tools/list');
    const session = await openSession(`${gateway.url}/mcp`);
    expect(session.initialized['capabilities']).toMatchObject({ tools: {} });
    expect(textOf(await session.send(toolCall('good-echo', { still: 'here' })))).toContain('here');
    expect(namesIn((await session.send(request('tools/list'))).text)).toEqual(['good-echo']);
  });
});
