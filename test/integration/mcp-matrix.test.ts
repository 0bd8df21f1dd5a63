import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_KINDS, connect } from '../support/clients/clients.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { ROOT, startProgram, type TestProcess } from '../support/process.ts';
import { STRUCTURED } from '../support/upstreams/tools.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const UPSTREAMS = join('test', 'support', 'upstreams');
const stdio = (file: string) => ({ command: process.execPath, args: [join(ROOT, UPSTREAMS, file)] });

const KINDS = ['stdio2025', 'stdio2024', 'sessions', 'stateless', 'modern', 'sse'] as const;

let gateway: TestGateway;
const servers: TestProcess[] = [];

beforeAll(async () => {
  for (const file of ['http-sessions.ts', 'http-stateless.ts', 'http-modern.ts', 'http-sse.ts'])
    servers.push(await startProgram(join(UPSTREAMS, file)));
  const [sessions, stateless, modern, sse] = servers.map((server) => `http://127.0.0.1:${server.ready}`);
  gateway = await startGateway({
    config: configWith({
      stdio2025: stdio('stdio-2025.ts'),
      stdio2024: stdio('stdio-2024.ts'),
      sessions: { transport: 'http', url: `${sessions}/mcp` },
      stateless: { transport: 'http', url: `${stateless}/mcp` },
      modern: { transport: 'http', url: `${modern}/mcp` },
      sse: { transport: 'sse', url: `${sse}/sse` },
    }),
  });
  await serversSettled(gateway);
}, 90_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
});

describe.each(CLIENT_KINDS)('a client that speaks %s', (client) => {
  it('sees the tools of all six kinds of server, each under its prefix', async () => {
    verifies('pain:24-names-that-collide', 'pain:34-several-servers-none-listed');
    await using connected = await connect(client, gateway.url, gateway.key);
    const names = await connected.list();
    expect(names.sort()).toEqual(
      KINDS.flatMap((kind) => ['echo', 'fail', 'pid', 'structured'].map((tool) => `${kind}-${tool}`)).sort(),
    );
    if (connected.revision !== undefined) expect(connected.revision).toBe(client);
  });

  it.each(KINDS)('calls tools of a %s server, prefixed and in a scope of one, without loss', async (kind) => {
    verifies('mcp:matrix', 'pain:34-several-servers-none-listed');
    await using all = await connect(client, gateway.url, gateway.key);
    expect(await all.call(`${kind}-echo`, { text: 'grüße, 世界' })).toMatchObject({
      content: [{ type: 'text', text: 'grüße, 世界' }],
    });
    await using one = await connect(client, gateway.url, gateway.key, `/${kind}/mcp`);
    expect((await one.list()).sort()).toEqual(['echo', 'fail', 'pid', 'structured']);
    if (kind !== 'stdio2024') expect(await one.call('structured', {})).toMatchObject(STRUCTURED);
    expect(await one.call('fail', {})).toMatchObject({
      isError: true,
      content: [{ text: 'it went wrong on purpose' }],
    });
    await expect(one.call('no_such_tool', {})).rejects.toThrow(/Unknown tool "no_such_tool"/);
  });
});
