import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connect } from '../support/clients/clients.ts';
import { configWith, MASTER_KEY, startGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import { ROOT, startProgram } from '../support/process.ts';
import { serverReady } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const program = (file: string, ...args: string[]) => ({
  command: process.execPath,
  args: [join(ROOT, 'test/support/upstreams', file), ...args],
});
/** A server that starts on a busy machine is waited for. */
const PATIENT = { limits: { first_list_wait_ms: 25_000 } };
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const call = (name: string, args: Record<string, unknown> = {}) => ({
  jsonrpc: '2.0',
  id: 2,
  method: 'tools/call',
  params: { name, arguments: args },
});

interface ToolAnswer {
  readonly result: {
    readonly isError?: boolean;
    readonly content: readonly { readonly text: string }[];
    readonly _meta?: Record<string, unknown>;
  };
}

describe('servers that fail', () => {
  it('do not keep the tools of a good one beside them from being listed and called', async () => {
    verifies('mcp:isolation-of-failure', 'pain:17-one-failure-fails-all');
    await using refusing = await startProgram('test/support/upstreams/broken.ts', ['refuse']);
    await using gateway = await startGateway({
      config: configWith({
        hanging: { ...program('broken.ts', 'hang'), start_timeout: 30 },
        dying: program('broken.ts', 'die'),
        refusing: { transport: 'http', url: `http://127.0.0.1:${refusing.ready}/mcp` },
        good: program('stdio-2025.ts'),
      }),
    });
    await serverReady(gateway, 'good');
    const { result } = (await rpc(`${gateway.url}/mcp`, MASTER_KEY, LIST)).json<{
      result: { tools: { name: string }[] };
    }>();
    expect(result.tools.map((tool) => tool.name)).toContain('good-echo');
    expect(
      (await rpc(`${gateway.url}/mcp`, MASTER_KEY, call('good-echo', { text: 'still here' }))).json(),
    ).toMatchObject({ result: { content: [{ text: 'still here' }] } });
    const reasons = await Promise.all(
      ['dying', 'refusing'].map((server) =>
        gateway.logged((line) => line['server'] === server && line.level !== 'debug'),
      ),
    );
    expect(reasons[0]).toMatchObject({ reason: expect.stringContaining('cannot find my database') });
    expect(reasons[1]).toMatchObject({ status: 401, fix: expect.stringContaining('auth_value') });
  });

  it('keep their tools in the list after a restart with all of them down, and say of a call what is wrong', async () => {
    verifies('mcp:stored-catalogue');
    const upstream = await startProgram('test/support/upstreams/http-stateless.ts');
    await using gateway = await startGateway({
      config: configWith({ one: { transport: 'http', url: `http://127.0.0.1:${upstream.ready}/mcp` } }),
    });
    const before = (await rpc(`${gateway.url}/mcp`, MASTER_KEY, LIST)).json();
    expect(before).toMatchObject({
      result: { tools: [{ name: 'echo' }, { name: 'structured' }, { name: 'fail' }, { name: 'pid' }] },
    });
    await gateway.stop();
    await upstream[Symbol.asyncDispose]();
    await gateway.restart();
    expect((await rpc(`${gateway.url}/mcp`, MASTER_KEY, LIST)).json()).toEqual(before);
    const answer = (
      await rpc(`${gateway.url}/mcp`, MASTER_KEY, call('echo', { text: 'x' }))
    ).json<ToolAnswer>();
    expect(answer.result).toMatchObject({
      isError: true,
      _meta: { 'lanport/error': 'server-down', 'lanport/retryable': true },
    });
    expect(answer.result.content[0]?.text).toMatch(
      /Server "one" is down since .*nothing listens at 127\.0\.0\.1/,
    );
  });

  it('that are killed between two calls are back for the second, without the client doing anything', async () => {
    verifies('mcp:restart-of-a-server');
    await using gateway = await startGateway({
      config: configWith({ one: program('stdio-2025.ts') }, PATIENT),
    });
    await using client = await connect('2025-11-25', gateway.url, MASTER_KEY);
    const pidOf = async (): Promise<number> =>
      Number(((await client.call('pid', {})) as { content: { text: string }[] }).content[0]?.text);
    const first = await pidOf();
    process.kill(first, 'SIGKILL');
    await gateway.logged((line) => line.message === 'a server went away');
    const second = await pidOf();
    expect(second).not.toBe(first);
    expect(second).toBeGreaterThan(0);
  });

  it('that lose a session are given a new one, and the call goes through', async () => {
    verifies('mcp:lost-session');
    let upstream = await startProgram('test/support/upstreams/http-sessions.ts');
    const port = upstream.ready;
    await using gateway = await startGateway({
      config: configWith({ one: { transport: 'http', url: `http://127.0.0.1:${port}/mcp` } }),
    });
    expect((await rpc(`${gateway.url}/mcp`, MASTER_KEY, call('echo', { text: 'a' }))).json()).toMatchObject({
      result: { content: [{ text: 'a' }] },
    });
    await upstream[Symbol.asyncDispose]();
    upstream = await startProgram('test/support/upstreams/http-sessions.ts', [], { PORT: port });
    expect((await rpc(`${gateway.url}/mcp`, MASTER_KEY, call('fail'))).json()).toMatchObject({
      result: { isError: true, content: [{ text: 'it went wrong on purpose' }] },
    });
    await upstream[Symbol.asyncDispose]();
  });
});

describe('the gateway itself', () => {
  it("continues a client's session after it was killed and started again", async () => {
    verifies('mcp:sealed-sessions');
    await using gateway = await startGateway({
      config: configWith({ one: program('stdio-2025.ts') }, PATIENT),
    });
    await using client = await connect('2025-11-25', gateway.url, MASTER_KEY);
    expect(await client.call('echo', { text: 'before' })).toMatchObject({ content: [{ text: 'before' }] });
    await gateway.kill();
    await gateway.restart();
    expect(await client.call('echo', { text: 'after' })).toMatchObject({ content: [{ text: 'after' }] });
  });

  it('leaves no process behind when it is told to stop', async () => {
    verifies('run:clean-stop');
    await using gateway = await startGateway({
      config: configWith({ one: program('stdio-2025.ts'), two: program('stdio-2024.ts') }, PATIENT),
    });
    const pids = await Promise.all(
      ['one', 'two'].map(async (name) =>
        Number(
          (await rpc(`${gateway.url}/${name}/mcp`, MASTER_KEY, call('pid'))).json<ToolAnswer>().result
            .content[0]?.text,
        ),
      ),
    );
    expect(pids.every((pid) => pid > 0)).toBe(true);
    expect(await gateway.stop()).toBe(0);
    for (const pid of pids) expect(() => process.kill(pid, 0), `process ${pid}`).toThrow(/ESRCH/);
  });

  it('refuses a data folder that another one uses, and names its process', async () => {
    verifies('run:one-owner');
    await using gateway = await startGateway({ config: configWith({}) });
    await expect(
      startGateway({ config: configWith({}), args: ['--data', join(gateway.folder, 'data')] }),
    ).rejects.toThrow(new RegExp(`in use by process ${gateway.pid}`));
  });
});

describe('a change of the tools', () => {
  it('is told to a client that listens, over a GET stream and over HTTP+SSE', async () => {
    verifies('pain:07-failed-once-gone-forever');
    const upstream = await startProgram('test/support/upstreams/http-stateless.ts');
    const port = upstream.ready;
    await upstream[Symbol.asyncDispose]();
    await using gateway = await startGateway({
      config: configWith({ late: { transport: 'http', url: `http://127.0.0.1:${port}/mcp` } }),
    });
    await gateway.logged((line) => line.message === 'a server could not be started');
    const told = await Promise.all(
      (['2025-11-25', 'http+sse'] as const).map(async (kind) => {
        const client = await connect(kind, gateway.url, MASTER_KEY);
        expect(await client.list()).toEqual([]);
        return { client, changed: client.listChanged() };
      }),
    );
    await using again = await startProgram('test/support/upstreams/http-stateless.ts', [], { PORT: port });
    expect(again.ready).toBe(port);
    for (const { client, changed } of told) {
      await changed;
      expect(await client.list()).toContain('echo');
      await client[Symbol.asyncDispose]();
    }
  });
});
