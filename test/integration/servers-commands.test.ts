import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { lanport } from '../support/lanport.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    config: configWith({
      good: {
        command: process.execPath,
        args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts')],
        alias: 'g',
      },
      broken: { command: process.execPath, args: ['-e', 'console.error("no licence"); process.exit(3)'] },
    }),
  });
  await gateway.logged(
    (line) => line['server'] === 'broken' && line.message === 'a server could not be started',
  );
  await serversSettled(gateway);
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const run = (...args: string[]) => lanport(['servers', ...args, '--url', gateway.url, '--key', MASTER_KEY]);

interface Shown {
  readonly pid: number;
  readonly state: string;
  readonly starts: number;
}

const show = async (): Promise<Shown> => JSON.parse((await run('show', 'good', '--json')).stdout) as Shown;

it('`servers restart` ends a server, starts it anew and says that it is back', async () => {
  verifies('run:servers-restart');
  const before = await show();
  const restarted = await run('restart', 'g');
  expect(restarted).toMatchObject({ code: 0, stderr: '' });
  expect(restarted.stdout).toMatch(/^good is ready: [1-9]\d* tools\.\n$/);
  const after = await show();
  expect(after).toMatchObject({ state: 'ready', starts: before.starts + 1 });
  expect(after.pid).not.toBe(before.pid);
});

it('`servers restart` of a server that does not come back exits with 1 and says why', async () => {
  const restarted = await run('restart', 'broken');
  expect(restarted.code).toBe(1);
  expect(restarted.stdout).toMatch(/^broken is (down|parked): .*no licence/);
  expect(restarted.stdout).toContain('lanport servers logs broken');
});

it('`servers logs` tells what happened to a server, and why', async () => {
  verifies('run:servers-logs');
  const good = await run('logs', 'good');
  expect(good.code).toBe(0);
  expect(good.stdout).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z {2}starting\n\d{4}-\d\d-\d\dT[\d:.]+Z {2}ready\n/);
  const broken = JSON.parse((await run('logs', 'broken', '--json')).stdout) as {
    history: { state: string; reason?: string }[];
  };
  expect(broken.history).toContainEqual(
    expect.objectContaining({ state: 'down', reason: expect.stringContaining('no licence') }),
  );
});

it('a name that no server has is refused with those there are', async () => {
  const unknown = await run('restart', 'nobody');
  expect(unknown.code).not.toBe(0);
  expect(unknown.stderr).toContain('good, broken');
});
