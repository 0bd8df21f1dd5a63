import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
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

/** Whether this machine lets its user have real-time scheduling at all; both answers are tested. */
const isAllowed = spawnSync('chrt', ['--rr', '1', 'true']).status === 0;

function policyOf(stat: string): number {
  const text = readFileSync(stat, 'latin1');
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[POLICY_AT]);
}

/** The scheduling of each thread of a process, by the thread's name. */
function policiesOf(pid: number): readonly (readonly [name: string, policy: number])[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).map((thread) => [
    readFileSync(`${folder}/${thread}/comm`, 'utf8').trim(),
    policyOf(`${folder}/${thread}/stat`),
  ]);
}

const isAwaited = (name: string): boolean => name === 'node-MainThread' || name === 'libuv-worker';
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
    const policies = policiesOf(gateway.pid);
    const awaited = policies.filter(([name]) => isAwaited(name));
    const others = policies.filter(([name]) => !isAwaited(name));
    expect(awaited.length).toBeGreaterThan(1);
    expect(others.length).toBeGreaterThan(0);
    expect(new Set(awaited.map(([, policy]) => policy))).toEqual(
      new Set([isAllowed ? ROUND_ROBIN : ORDINARY]),
    );
    expect(new Set(others.map(([, policy]) => policy))).toEqual(new Set([ORDINARY]));
    expect(line).toMatchObject(
      isAllowed
        ? { level: 'info', threads: awaited.length }
        : { level: 'warn', reason: expect.stringContaining('LimitRTPRIO=1') as unknown },
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

  it('that is not allowed, or not there, is said with what to do', async () => {
    const script = `
      import { scheduleInRealTime } from ${JSON.stringify(join(ROOT, 'src/net/realtime.ts'))};
      await scheduleInRealTime().catch((error) => console.log(error.message));
    `;
    const program = [process.execPath, '--input-type=module', '--eval', script];
    const powerless =
      process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-sys_nice', '--inh-caps=-sys_nice'] : [];
    expect(await output([...powerless, 'prlimit', '--rtprio=0', ...program])).toMatch(
      /^chrt: failed to set .* Allow it: LimitRTPRIO=1 in the systemd unit, --ulimit rtprio=1 /,
    );
    expect(await output(program, { PATH: '/nowhere' })).toBe(
      'there is no program chrt here: install the package util-linux\n',
    );
  });
});

async function output(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string> {
  const child = execFile(command, args, { env });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk: string) => (text += chunk));
  await once(child, 'close');
  return text;
}
