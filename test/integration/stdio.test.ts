import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectCommand, handshake, startCommand } from '../support/clients/stdio-clients.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { lanport } from '../support/lanport.ts';
import { ROOT } from '../support/process.ts';
import { STRUCTURED } from '../support/upstreams/tools.ts';

const UPSTREAMS = join(ROOT, 'test/support/upstreams');
const stdioServer = (file: string) => ({ command: process.execPath, args: [join(UPSTREAMS, file)] });

let gateway: TestGateway;
let key: Record<string, string>;
let url: string;

beforeAll(async () => {
  gateway = await startGateway({
    config: configWith({ new: stdioServer('stdio-2025.ts'), old: stdioServer('stdio-2024.ts') }),
  });
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
