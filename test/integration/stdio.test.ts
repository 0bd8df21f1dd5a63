import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectCommand, handshake, type Reply, startCommand } from '../support/clients/stdio-clients.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { lanport } from '../support/lanport.ts';
import { ROOT, startProgram } from '../support/process.ts';
import { STRUCTURED } from '../support/upstreams/tools.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const UPSTREAMS = join(ROOT, 'test/support/upstreams');
const stdioServer = (file: string) => ({ command: process.execPath, args: [join(UPSTREAMS, file)] });

let gateway: TestGateway;
let key: Record<string, string>;
let url: string;

beforeAll(async () => {
  gateway = await startGateway({
    config: configWith({ new: stdioServer('stdio-2025.ts'), old: stdioServer('stdio-2024.ts') }),
  });
  await serversSettled(gateway);
  key = { LANPORT_KEY: gateway.key };
  url = `${gateway.url}/mcp`;
}, 60_000);

afterAll(() => gateway?.[Symbol.asyncDispose]());

describe.each(['2025-11-25', '2026-07-28'] as const)(
  'an SDK client of %s that starts lanport stdio',
  (kind) => {
    it('lists and calls the tools of the gateway without loss, and sees its errors', async () => {
      await using client = await connectCommand(kind, ['stdio', '--url', url], key);
      expect((await client.list()).sort()).toEqual(
        ['new', 'old'].flatMap((server) =>
          ['echo', 'fail', 'pid', 'structured'].map((tool) => `${server}-${tool}`),
        ),
      );
      expect(await client.call('new-structured', {})).toMatchObject(STRUCTURED);
      expect(await client.call('new-echo', { text: 'grüße,\n世界' })).toMatchObject({
        content: [{ type: 'text', text: 'grüße,\n世界' }],
      });
      await expect(client.call('no_such_tool', {})).rejects.toThrow(/Unknown tool "no_such_tool"/);
    });

    it('goes on after the gateway was killed and started again', async () => {
      await using client = await connectCommand(kind, ['stdio', '--url', url], key);
      const before = await client.list();
      await gateway.kill();
      const back = gateway.restart();
      expect(await client.list()).toEqual(before);
      await back;
      expect(await client.call('new-echo', { text: 'again' })).toMatchObject({
        content: [{ text: 'again' }],
      });
    });
  },
);

describe('messages', () => {
  it('pass as the bytes they came as: numbers that no double holds, unknown members', async () => {
    verifies('stdio:transparent');
    await using client = startCommand(['stdio', '--url', `${gateway.url}/old/mcp`], key);
    await handshake(client);
    await client.request(9, 'tools/call', { name: 'structured', arguments: {} });
    expect(client.out.at(-1)).toContain('"depth":12345678901234567890123');
    expect(client.out.at(-1)).toContain('"rows":[9007199254740993,1e400,-0.10]');
    expect(client.out.at(-1)).toContain('"unknownField":[1,{"a":null}]');
  });

  it('that were sent before the input ended are answered, the last one without its line break too', async () => {
    await using client = startCommand(['stdio', '--url', `${gateway.url}/old/mcp`], key);
    for (let id = 0; id < 20; id++)
      client.write({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'echo', arguments: { text: id } },
      });
    client.child.stdin!.write('{"jsonrpc":"2.0","id":"last","method":"ping"}');
    expect(await client.end()).toBe(0);
    expect(client.out.map((line) => String((JSON.parse(line) as { id: unknown }).id)).sort()).toEqual(
      [...Array(20).keys(), 'last'].map(String).sort(),
    );
  });

  it('that are none are answered as such, and the next ones pass', async () => {
    await using client = startCommand(['stdio', '--url', url], key);
    client.write('{"jsonrpc":"2.0","id":1,"method":');
    expect((await client.message<Reply>(({ error }) => error !== undefined)).error?.code).toBe(-32700);
    client.write({ jsonrpc: '1.0', id: 'old', method: 'ping' });
    expect((await client.message<Reply>(({ id }) => id === 'old')).error?.code).toBe(-32600);
    expect((await client.request(2, 'ping')).result).toEqual({});
  });

  it('longer than 32 MiB end it, with words', async () => {
    await using client = startCommand(['stdio', '--url', url], key);
    client.child.stdin!.on('error', () => undefined);
    client.write(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${'x'.repeat(33 * 1024 * 1024)}"}}`);
    expect((await client.message<Reply>(({ error }) => error !== undefined)).error?.message).toMatch(
      /A line was longer than 33554432 bytes/,
    );
    expect(await client.exited).toBe(1);
  });
});

describe('what goes wrong', () => {
  const closed = 'http://127.0.0.1:9/mcp';
  it.each([
    [
      'no key',
      () => [url],
      {},
      /answered HTTP 401: No key was sent.*Give the key with --key-file FILE or in the environment variable LANPORT_KEY/,
    ],
    [
      'a wrong key',
      () => [url],
      { LANPORT_KEY: 'sk-wrong' },
      /answered HTTP 401: This key is not known here.*The key comes from LANPORT_KEY: correct it there/,
    ],
    [
      'a path that is none',
      () => [`${gateway.url}/nothing/here`],
      { LANPORT_KEY: 'x' },
      /Nothing is served at \/nothing\/here\. MCP is at \/mcp/,
    ],
    [
      'a server that is not there',
      () => [closed, '--wait', '1'],
      {},
      /cannot be reached: nothing listens at 127\.0\.0\.1:9 \(connection refused\)\. It was tried for 1 s\. Start the gateway there, or correct --url/,
    ],
  ])('%s: the client is told with its id what and what to do', async (_what, args, env, words) => {
    verifies('stdio:words');
    await using client = startCommand(['stdio', '--url', ...args()], env);
    const reply = await handshake(client);
    expect(reply).toMatchObject({
      jsonrpc: '2.0',
      id: 'hello',
      error: { code: expect.any(Number) as number },
    });
    expect(reply.error?.message).toMatch(words);
    expect(await client.end()).toBe(0);
    expect(client.out).toHaveLength(1);
    expect(client.words.join('\n')).toMatch(/^lanport stdio: /m);
  });

  it('a page instead of MCP: says what it is', async () => {
    await using page = await startProgram('test/support/upstreams/broken.ts', ['html']);
    await using client = startCommand(['stdio', '--url', `http://127.0.0.1:${page.ready}/`]);
    expect((await handshake(client)).error?.message).toMatch(
      /answered HTTP 404: "Not here"\. Check the path of --url: a gateway serves MCP at \/mcp/,
    );
  });

  it.each([
    [
      'an address that is none',
      ['--url', 'gateway:4000'],
      /--url "gateway:4000" is no address of an MCP server/,
    ],
    [
      'credentials in the address',
      ['--url', 'http://u:p@h/mcp'],
      /--url "http:\/\/…@h\/mcp" carries credentials/,
    ],
    [
      'a key file that is not there',
      ['--key-file', '/no/such/file'],
      /key file \/no\/such\/file cannot be read: there is no such file/,
    ],
    ['a header without a name', ['--header', 'secret'], /--header number 1 must be "Name: value"/],
    ['a header of ours', ['--header', 'Mcp-Session-Id: x'], /--header Mcp-Session-Id cannot be given/],
    ['a time that is none', ['--wait', 'long'], /number of seconds/],
  ])('%s: it does not start, exit code 2', async (_what, args, words) => {
    const run = await lanport(['stdio', ...args]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toMatch(words);
    expect(run.stderr).not.toContain('secret');
  });
});

it('a key in a file is used, its line break is not', async () => {
  const file = join(gateway.folder, 'client.key');
  await writeFile(file, `${gateway.key}\n`);
  await using client = startCommand(['stdio', '--url', url, '--key-file', file]);
  expect((await handshake(client)).result).toMatchObject({ protocolVersion: '2025-11-25' });
});

it('SIGTERM ends it at once, whatever is under way', async () => {
  await using silent = await startProgram('test/support/upstreams/broken.ts', ['silent']);
  await using client = startCommand(['stdio', '--url', `http://127.0.0.1:${silent.ready}/mcp`]);
  client.write({ jsonrpc: '2.0', id: 1, method: 'ping' });
  client.write('{"not": "a message"}');
  await client.message(() => true);
  client.child.kill('SIGTERM');
  expect(await client.exited).toBe(0);
});

it('a session that a server lost with its memory is opened anew', async () => {
  verifies('stdio:outlives-the-gateway', 'pain:15-clients-that-do-not-begin-anew');
  let server = await startProgram('test/support/upstreams/http-sessions.ts');
  const port = server.ready;
  try {
    await using client = startCommand(['stdio', '--url', `http://127.0.0.1:${port}/mcp`]);
    await handshake(client);
    const pid = async (id: number) => (await client.request(id, 'tools/call', { name: 'pid' })).result;
    const before = await pid(1);
    await server[Symbol.asyncDispose]();
    server = await startProgram('test/support/upstreams/http-sessions.ts', [], { PORT: port });
    expect(await pid(2)).not.toEqual(before);
    expect(client.out.filter((line) => line.includes('protocolVersion'))).toHaveLength(1);
    expect(await client.end()).toBe(0);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});
