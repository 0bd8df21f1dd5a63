import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClientKind, connect } from '../support/clients/clients.ts';
import {
  connectCommand,
  handshake,
  startCommand,
  type LineClient,
} from '../support/clients/stdio-clients.ts';
import { http, rpc } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { ROOT, startProgram } from '../support/process.ts';
import { STRUCTURED } from '../support/upstreams/tools.ts';
import { verifies } from '../support/verifies.ts';

const UPSTREAMS = join('test', 'support', 'upstreams');
const command = (file: string, ...args: string[]) => [
  '--',
  process.execPath,
  join(ROOT, UPSTREAMS, file),
  ...args,
];
const TOOLS = ['echo', 'fail', 'pid', 'structured'];
const KEY = 'sk-bridge-0123456789abcdef';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

/** Starts a bridge on a free port; its address. */
async function startBridge(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ url: string; bridge: LineClient }> {
  const bridge = startCommand(['bridge', '--port', '0', ...args], env);
  open.push(bridge);
  const ready = await bridge.word(/"message":"ready"/);
  return { url: `http://127.0.0.1:${String((JSON.parse(ready) as { port: number }).port)}`, bridge };
}

describe('a bridge of a stdio server', () => {
  it.each<ClientKind>(['2025-06-18', '2025-11-25', '2026-07-28', 'http+sse'])(
    'serves a client of %s with the very tools of the server',
    async (kind) => {
      verifies('bridge:any-to-any');
      const { url } = await startBridge(command('stdio-2025.ts'));
      await using client = await connect(kind, url, 'no key');
      expect((await client.list()).sort()).toEqual(TOOLS);
      expect(await client.call('structured', {})).toMatchObject(STRUCTURED);
    },
  );

  it('hands its environment on to the command, but for its own keys, and is healthy while that is up', async () => {
    const { url } = await startBridge(['--key', KEY, '--', 'node', '-e', ENVIRONMENT_SERVER], {
      PATH: `${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}`,
      SECRET_OF_MINE: 'handed on',
      LANPORT_KEY: 'mine',
      LANPORT_BRIDGE_KEY: 'also',
    });
    await using client = await connect('2025-11-25', url, KEY);
    expect(await client.list()).toEqual(['handed_on_undefined_undefined']);
    const health = await http(`${url}/health`);
    expect(health.status).toBe(200);
    expect(health.json()).toEqual({ status: 'healthy', version: expect.any(String) as string });
    const more = await http(`${url}/health`, { headers: { authorization: `Bearer ${KEY}` } });
    expect(more.json()).toMatchObject({ server: { state: 'ready', pid: expect.any(Number) as number } });
  });

  it('answers with the reason while the server was never up, and /health says 503', async () => {
    const { url, bridge } = await startBridge(command('broken.ts', 'die'));
    await bridge.word(/"message":"the server is not up; it is tried again".*cannot find my database/);
    const health = await http(`${url}/health`);
    expect(health.status).toBe(503);
    const answer = await rpc(`${url}/mcp`, 'x', { jsonrpc: '2.0', id: 7, method: 'tools/list' });
    expect(answer.status).toBe(503);
    expect(answer.json()).toMatchObject({
      id: 7,
      error: {
        data: { lanport: 'server-down' },
        message: expect.stringContaining('cannot find my database') as string,
      },
    });
  });

  it('ends its server when it is asked to stop', async () => {
    const { url, bridge } = await startBridge(command('stdio-2025.ts'));
    await using client = await connect('2025-11-25', url, 'none');
    const result = (await client.call('pid', {})) as { content: [{ text: string }] };
    const pid = Number(result.content[0].text);
    expect(process.kill(pid, 0)).toBe(true);
    bridge.child.kill('SIGTERM');
    expect(await bridge.exited).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });
});

describe('a bridge of an HTTP server', () => {
  it.each([
    ['http-sessions.ts', '/mcp'],
    ['http-modern.ts', '/mcp'],
    ['http-sse.ts', '/sse'],
  ])('%s is served on stdio to clients of both eras', async (file, path) => {
    verifies('bridge:any-to-any');
    await using server = await startProgram(join(UPSTREAMS, file));
    for (const kind of ['2025-11-25', '2026-07-28'] as const) {
      await using client = await connectCommand(kind, [
        'bridge',
        '--transport',
        'stdio',
        '--url',
        `http://127.0.0.1:${server.ready}${path}`,
      ]);
      expect((await client.list()).sort()).toEqual(TOOLS);
      expect(await client.call('structured', {})).toMatchObject(STRUCTURED);
    }
  });

  it('is served over HTTP+SSE as well', async () => {
    await using server = await startProgram(join(UPSTREAMS, 'http-modern.ts'));
    const { url } = await startBridge([
      '--transport',
      'sse',
      '--url',
      `http://127.0.0.1:${server.ready}/mcp`,
    ]);
    await using client = await connect('http+sse', url, 'none');
    expect((await client.list()).sort()).toEqual(TOOLS);
  });

  it('tells a client on stdio why there is none, and writes nothing but messages to standard output', async () => {
    await using client = startCommand(['bridge', '--transport', 'stdio', '--url', 'http://127.0.0.1:9/mcp']);
    await client.word(/is not up, trying again: .*nothing listens at 127\.0\.0\.1:9/);
    const reply = await handshake(client);
    expect(reply.error?.message).toMatch(
      /^Server "127-0-0-1" is (?:down|starting) since .*nothing listens at 127\.0\.0\.1:9/,
    );
    expect(client.out.every((line) => line.startsWith('{"jsonrpc"'))).toBe(true);
    expect(await client.end()).toBe(0);
  });
});

describe('who may use a bridge', () => {
  it('is who sends its key, when it has one', async () => {
    verifies('bridge:closed');
    const { url } = await startBridge(command('stdio-2025.ts'), { LANPORT_BRIDGE_KEY: KEY });
    expect((await rpc(`${url}/mcp`, 'wrong', { jsonrpc: '2.0', id: 1, method: 'tools/list' })).status).toBe(
      401,
    );
    expect((await rpc(`${url}/sse`, 'wrong', '')).status).toBe(405);
    expect((await http(`${url}/sse`)).status).toBe(401);
    expect((await rpc(`${url}/mcp`, KEY, { jsonrpc: '2.0', id: 1, method: 'tools/list' })).status).toBe(200);
  });

  it('is not a web page of another site, whatever name it gave this machine', async () => {
    const { url } = await startBridge(['--allow-anyone', ...command('stdio-2025.ts')]);
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    expect((await rpc(`${url}/mcp`, 'none', ping, { host: 'rebound.example' })).status).toBe(403);
    expect((await rpc(`${url}/mcp`, 'none', ping, { origin: 'http://rebound.example' })).status).toBe(403);
    expect((await rpc(`${url}/mcp`, 'none', ping)).status).toBe(200);
  });

  it('is nobody on another machine, unless that was asked for', async () => {
    verifies('bridge:closed');
    const refused = await lanport([
      'bridge',
      '--host',
      '0.0.0.0',
      '--port',
      '0',
      ...command('stdio-2025.ts'),
    ]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /0\.0\.0\.0 can be reached from other machines.*--key-file.*--allow-anyone/,
    );
    const { bridge } = await startBridge([
      '--host',
      '0.0.0.0',
      '--allow-anyone',
      ...command('stdio-2025.ts'),
    ]);
    await bridge.word(/anybody who reaches this port can use the server behind it/);
  });
});

describe('wrong options', () => {
  it.each([
    ['nothing to serve', [], 2, /no server is given/],
    ['both', ['--url', 'http://127.0.0.1:9', '--', 'node'], 2, /either --url or a command/],
    ['a program that is not there', ['--', 'no-such-program'], 3, /no-such-program was not found in PATH/],
    ['a header for a program', ['--header', 'a: b', '--', 'node'], 2, /--header goes with --url/],
    ['no address', ['--url', 'ftp://x'], 2, /"ftp:\/\/x" is no address of an MCP server/],
    [
      'another transport',
      ['--transport', 'carrier-pigeon', '--', 'node'],
      2,
      /Allowed choices are http, sse, stdio/,
    ],
  ])('%s: says so', async (_what, args, code, words) => {
    const result = await lanport(['bridge', ...args]);
    expect(result.stderr).toMatch(words);
    expect(result.code).toBe(code);
    expect(result.stdout).toBe('');
  });
});

/** A server whose one tool is named after its environment. */
const ENVIRONMENT_SERVER = `
const { SECRET_OF_MINE, LANPORT_KEY, LANPORT_BRIDGE_KEY } = process.env;
const name = [SECRET_OF_MINE, LANPORT_KEY, LANPORT_BRIDGE_KEY].map(String).join('_').replaceAll(' ', '_');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  const result = method === 'initialize'
    ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'environment', version: '1' } }
    : { tools: [{ name, inputSchema: { type: 'object' } }] };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});`;
