import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway } from '../support/gateway.ts';
import { type HttpAnswer, rpc } from '../support/http.ts';
import { ROOT } from '../support/process.ts';
import { textOf, toolCall } from '../support/rules/raw-client.ts';
import { serverReady } from '../support/servers.ts';

const ORDINARY = 0;
const ROUND_ROBIN = 2;
/** Place of `policy` among what follows the name in /proc/PID/stat (proc_pid_stat(5), field 41). */
const POLICY_AT = 38;

/** Whether this machine lets its user have real-time scheduling at all; without it the gateway has to serve, too. */
const isAllowed = spawnSync('chrt', ['--rr', '1', 'true']).status === 0;

function policyOf(stat: string): number {
  const text = readFileSync(stat, 'latin1');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[POLICY_AT]);
}

/** The scheduling of each thread of a process: of its main thread and those of its pool, and of the others. */
function policiesOf(pid: number): {
  readonly awaited: readonly number[];
  readonly others: readonly number[];
} {
  const [awaited, others]: [number[], number[]] = [[], []];
  const folder = `/proc/${pid}/task`;
  for (const thread of readdirSync(folder)) {
    const name = readFileSync(`${folder}/${thread}/comm`, 'utf8').trim();
    const isAwaited = thread === String(pid) || name === 'libuv-worker';
    (isAwaited ? awaited : others).push(policyOf(`${folder}/${thread}/stat`));
  }
  return { awaited, others };
}

const pidIn = (answer: HttpAnswer): number => (JSON.parse(textOf(answer)) as { readonly pid: number }).pid;

describe('real-time scheduling', () => {
  it('is for the threads that requests wait for, and for nothing that the gateway starts', async () => {
    const server = {
      command: process.execPath,
      args: [join(ROOT, 'test/support/upstreams/remembering.ts')],
    };
    const config = configWith(
      { one: server },
      {
        general_settings: { master_key: MASTER_KEY, disable_database: true, realtime_scheduling: true },
      },
    );
    await using gateway = await startGateway({ config });
    const line = await gateway.logged(({ message }) => message.startsWith('real-time scheduling'));
    const { awaited, others } = policiesOf(gateway.pid);
    expect(awaited.length).toBeGreaterThan(1);
    expect(others.length).toBeGreaterThan(0);
    expect(new Set(awaited)).toEqual(new Set([isAllowed ? ROUND_ROBIN : ORDINARY]));
    expect(new Set(others)).toEqual(new Set([ORDINARY]));
    expect(line).toMatchObject(
      isAllowed
        ? { level: 'info', threads: awaited.length }
        : { level: 'warn', reason: expect.stringContaining('chrt') as unknown },
    );

    // One that is started now, by a thread that has it.
    await serverReady(gateway, 'one');
    const call = (name: string): Promise<HttpAnswer> => rpc(`${gateway.url}/mcp`, MASTER_KEY, toolCall(name));
    const first = pidIn(await call('count'));
    await call('die');
    await gateway.logged(({ message }) => message === 'a server went away');
    const second = pidIn(await call('count'));
    expect(second).not.toBe(first);
    expect(policyOf(`/proc/${second}/stat`)).toBe(ORDINARY);
  });
});
