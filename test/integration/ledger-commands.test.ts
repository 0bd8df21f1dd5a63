import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { ROOT } from '../support/process.ts';

/** Each command is a process of its own. */
const COMMANDS_MS = 120_000;

let gateway: TestGateway;
let folder: string;

beforeAll(async () => {
  gateway = await startGateway({ config: configWith({}) });
  folder = await mkdtemp(join(tmpdir(), 'lanport-export-'));
  await call();
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const call = (): Promise<unknown> =>
  rpc(`${gateway.url}/mcp`, MASTER_KEY, {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'no-such-tool' },
  });

const asked = (...args: string[]): string[] => ['ledger', ...args, '--url', gateway.url, '--key', MASTER_KEY];

describe('lanport ledger export --output', { timeout: COMMANDS_MS }, () => {
  const to = (file: string, ...more: string[]) => lanport(asked('export', '--output', file, ...more));

  it('writes a new file for its owner alone, and never over another', async () => {
    const file = join(folder, 'calls.jsonl');
    expect(await to(file)).toEqual({ code: 0, stdout: '', stderr: '' });
    const written = await readFile(file, 'utf8');
    expect(written).toContain('no-such-tool');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await to(file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is there already and is not overwritten') as string,
    });
    expect(await readFile(file, 'utf8')).toBe(written);
    expect(await readdir(folder)).toEqual(['calls.jsonl']);
  });

  it('says what is wrong with a place that it cannot write to, and leaves nothing of an answer that was refused', async () => {
    const missing = await to(join(folder, 'none', 'calls.jsonl'));
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/was not written: there is no folder .*none\. Make it/);
    await writeFile(join(folder, 'file'), '');
    expect((await to(join(folder, 'file', 'calls.jsonl'))).stderr).toContain('is not a folder');
    expect(await to(join(folder, 'refused.jsonl'), '--since', 'soon')).toMatchObject({ code: 1 });
    expect((await readdir(folder)).filter((name) => name.startsWith('refused'))).toEqual([]);
  });
});

it('a backup or an export that is interrupted leaves nothing', { timeout: COMMANDS_MS }, async () => {
  // Answers without end.
  const server = createServer((_request, response) => {
    response.writeHead(200).write('x'.repeat(100_000));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const within = await mkdtemp(join(folder, 'interrupted-'));
  try {
    for (const command of [['backup'], ['ledger', 'export']]) {
      const line = [...command, '--url', url, '--key', 'k', '--output', join(within, 'file')];
      const child = spawn(process.execPath, [join(ROOT, 'src/main.ts'), ...line], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { PATH: process.env['PATH'] ?? '' },
      });
      const stderr = text(child.stderr);
      const ended = once(child, 'exit');
      await expect
        .poll(
          async () => (await stat(join(within, `file.${child.pid!}.part`)).catch(() => ({ size: 0 }))).size,
          {
            timeout: 30_000,
          },
        )
        .toBeGreaterThan(0);
      child.kill('SIGINT');
      expect((await ended)[0]).toBe(1);
      expect(await stderr).toContain('was not written: interrupted by SIGINT');
      expect(await readdir(within)).toEqual([]);
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

describe('lanport ledger tail --follow', { timeout: COMMANDS_MS }, () => {
  async function follower() {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'src/main.ts'), ...asked('tail', '--follow', '-n', '1')],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'] ?? '' },
      },
    );
    const stderr = text(child.stderr);
    const ended = once(child, 'exit');
    await once(createInterface({ input: child.stdout }), 'line');
    return {
      child,
      end: async (): Promise<{ code: unknown; stderr: string }> => ({
        code: (await ended)[0] as unknown,
        stderr: await stderr,
      }),
    };
  }

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 0 and without a word on %s', async (signal) => {
    const { child, end } = await follower();
    child.kill(signal);
    expect(await end()).toEqual({ code: 0, stderr: '' });
  });

  it('does not end with 0 when the gateway is gone', async () => {
    const killed = await follower();
    await gateway.kill();
    expect(await killed.end()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the gateway broke off') as string,
    });
    await gateway.restart();
    const stopped = await follower();
    await gateway.stop();
    expect(await stopped.end()).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('the gateway has stopped') as string,
    });
  });
});
