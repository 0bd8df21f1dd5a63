import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { FETCH_MS } from '../support/debian-program.ts';
import { sdkV1, sdkV2 } from '../support/clients/sdk-clients.ts';
import { http, rpc } from '../support/http.ts';
import { EVENTS, events, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { SocketClient, textOf } from '../support/llm/socket-client.ts';
import { nginxBlocks, startNginx, type TestNginx } from '../support/nginx.ts';
import { lastingPort } from '../support/ports.ts';
import { ROOT } from '../support/process.ts';
import { openRaw } from '../support/raw-stream.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const AUTH = { authorization: `Bearer ${MASTER_KEY}` };
const NEAR = 'sk-near-0123456789abcdef';
const MIB = 1024 * 1024;
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

let gateway: TestGateway;
let provider: TestProvider;
let nginx: TestNginx;
const ports = { alone: 0, several: 0 };

beforeAll(async () => {
  provider = await startProvider();
  gateway = await startGateway({
    config: configWith(
      {
        tools: {
          command: process.execPath,
          args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts')],
        },
      },
      {
        general_settings: {
          master_key: MASTER_KEY,
          disable_database: true,
          use_x_forwarded_for: true,
          mcp_trusted_proxy_ranges: ['127.0.0.1'],
        },
        virtual_keys: [
          { api_key: NEAR, key_alias: 'near', mcp_servers: ['tools'], allowed_ips: ['127.0.0.9'] },
        ],
        model_list: [
          { model_name: 'mock', litellm_params: { model: 'mock/any' } },
          {
            model_name: 'slow',
            litellm_params: { model: 'custom_openai/m', api_base: `${provider.url}/v1`, api_key: 'sk-up' },
          },
        ],
      },
    ),
  });
  await serversSettled(gateway);
  const { port } = new URL(gateway.url);
  ports.alone = await lastingPort();
  ports.several = await lastingPort();
  const dead = await lastingPort();
  const listening = (block: string, at: number): string =>
    block.replace('listen 443 ssl;', `listen 127.0.0.1:${at};`);
  const [alone] = await nginxBlocks('docs/guide/operate.md');
  const [several] = await nginxBlocks('docs/guide/replicas.md');
  const both = [
    listening(alone!, ports.alone).replace('127.0.0.1:4000', `127.0.0.1:${port}`),
    listening(several!, ports.several)
      .replace('10.0.0.1:4001', `127.0.0.1:${dead}`)
      .replace('10.0.0.2:4002', `127.0.0.1:${port}`)
      // The same in both, and once is enough.
      .replace(/^map .*$/m, ''),
  ];
  nginx = await startNginx(both.join('\n'), [ports.alone, ports.several]);
}, FETCH_MS);

afterAll(async () => {
  await nginx?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

describe.each(['alone', 'several'] as const)(
  'behind nginx as the guide for %s gateway(s) sets it up',
  (kind) => {
    const front = (): TestGateway => ({
      ...gateway,
      key: MASTER_KEY,
      url: `http://127.0.0.1:${ports[kind]}`,
    });

    it('clients of both eras list and call tools', async () => {
      verifies('run:behind-nginx');
      await using legacy = await sdkV1(front());
      await using modern = await sdkV2(front());
      for (const client of [legacy, modern]) {
        expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo');
        const { content } = await client.callTool({ name: 'echo', arguments: { text: 'through nginx' } });
        expect(content).toEqual([{ type: 'text', text: 'through nginx' }]);
      }
    });

    it('a held stream of MCP opens at once, and brings what is written on it', async () => {
      verifies('run:behind-nginx');
      const opened = await rpc(`${front().url}/mcp`, MASTER_KEY, INITIALIZE);
      const session = { 'mcp-session-id': String(opened.headers['mcp-session-id']), ...AUTH };
      using stream = await openRaw(`${front().url}/mcp`, session);
      expect(stream.status).toBe(200);
      expect(stream.isOpen).toBe(true);
      const ended = await http(`${front().url}/mcp`, { method: 'DELETE', headers: session });
      expect(ended.status).toBe(200);
      await stream.ended;
    });

    it('events of a model arrive one by one: the next is not made before the last was seen', async () => {
      verifies('run:behind-nginx');
      const seen = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const chunk = (content: string): string =>
        events({
          id: 'c',
          object: 'chat.completion.chunk',
          created: 1,
          model: 'm',
          choices: [{ index: 0, delta: { content } }],
        });
      provider.answer({
        headers: EVENTS,
        body: [chunk('first'), seen[0]!.promise, chunk('second'), seen[1]!.promise, events('[DONE]')],
      });
      const response = await fetch(`${front().url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...AUTH, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'slow', stream: true, messages: [{ role: 'user', content: 'Hi' }] }),
      });
      let text = '';
      for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
        text += part;
        if (text.includes('"first"')) seen[0]!.resolve();
        if (text.includes('"second"')) seen[1]!.resolve();
      }
      expect(text).toMatch(/"first"[^]*"second"[^]*data: \[DONE\]/);
    });

    it('a WebSocket opens and answers', async () => {
      verifies('run:behind-nginx');
      await using client = await SocketClient.open(front().url);
      expect(textOf(await client.turn({ model: 'mock', input: 'Hi' }))).toBe('This is a mock response');
    });

    it('a body of 20 MiB passes', async () => {
      verifies('run:behind-nginx');
      const answer = await http(`${front().url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...AUTH, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'mock',
          messages: [{ role: 'user', content: 'x'.repeat(20 * MIB) }],
        }),
      });
      expect(answer.status).toBe(200);
    });

    it("addresses are the clients', whatever they say of themselves", async () => {
      verifies('run:behind-nginx');
      const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
      const from = (localAddress: string, headers: Record<string, string> = {}) =>
        rpc(`${front().url}/mcp`, NEAR, list, headers, localAddress);
      expect((await from('127.0.0.9')).status).toBe(200);
      expect((await from('127.0.0.8')).status).toBe(403);
      expect((await from('127.0.0.8', { 'x-forwarded-for': '127.0.0.9' })).status).toBe(403);
      // Past the proxy nobody chooses an address.
      const past = { 'x-forwarded-for': '127.0.0.9' };
      expect((await rpc(`${gateway.url}/mcp`, NEAR, list, past, '127.0.0.8')).status).toBe(403);
      expect((await rpc(`${gateway.url}/mcp`, NEAR, list, past, '127.0.0.1')).status).toBe(200);
    });
  },
);
