import { expect, it } from 'vitest';
import { type LanportConfig, loadConfig } from '../config/load.ts';
import type { ConfigProblem } from '../config/problem.ts';
import { systemClock } from '../core/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { type ConfigChange, Reload } from './reload.ts';
import { EXIT, StartupError } from './startup-error.ts';

const NOTHING = { added: [], removed: [], changed: [] };
const CHANGE: ConfigChange = {
  servers: { ...NOTHING, unchanged: [] },
  keys: NOTHING,
  settings: [],
  needsRestart: ['general_settings.port'],
};
const PROBLEM: ConfigProblem = {
  severity: 'error',
  path: 'foo',
  file: 'c.yaml',
  line: 1,
  column: 1,
  what: 'is wrong',
  hint: undefined,
};

/** A reload whose readings end when the test says so. */
async function build(
  apply: (config: LanportConfig) => Promise<ConfigChange> = () => Promise.resolve(CHANGE),
) {
  const { config } = await loadConfig({ env: {} });
  const readings: ((found: 'config' | 'problem' | Error) => void)[] = [];
  const waiting: (() => void)[] = [];
  const reload = new Reload({
    clock: systemClock,
    log: silentLog,
    stamps: new Map(),
    apply,
    read: () =>
      new Promise((resolve, reject) => {
        readings.push((found) => {
          if (found instanceof Error) reject(found);
          else
            resolve({
              config: found === 'config' ? config : undefined,
              problems: found === 'config' ? [] : [PROBLEM],
              stamps: new Map(),
            });
        });
        waiting.shift()?.();
      }),
  });
  return {
    reload,
    readings,
    /** Resolves when the next reading has begun. */
    begun: () => new Promise<void>((resolve) => waiting.push(resolve)),
  };
}

it('reloads run one after the other, and all that come while one runs share the next', async () => {
  const { reload, readings, begun } = await build();
  let reading = begun();
  const first = reload.request('signal');
  await reading;
  reading = begun();
  const later = [reload.request('file'), reload.request('admin'), reload.request('admin')];
  expect(readings).toHaveLength(1);
  readings[0]!('problem');
  expect(await first).toEqual({ ok: false, problems: ['c.yaml:1:1: error: foo: is wrong.'] });
  await reading;
  readings[1]!('config');
  for (const outcome of await Promise.all(later)) expect(outcome).toMatchObject({ ok: true, change: CHANGE });
  expect(readings).toHaveLength(2);
});

it('a reload waits until the one before is in force', async () => {
  const steps: string[] = [];
  let settle = (): void => undefined;
  const { reload, readings, begun } = await build(() => {
    steps.push('apply');
    return new Promise((resolve) => {
      settle = () => {
        steps.push('applied');
        resolve(CHANGE);
      };
    });
  });
  let reading = begun();
  const first = reload.request('admin');
  await reading;
  reading = begun();
  const second = reload.request('admin');
  readings[0]!('config');
  await Promise.resolve();
  while (steps.length === 0) await Promise.resolve();
  expect(readings).toHaveLength(1);
  settle();
  await first;
  await reading;
  readings[1]!('problem');
  expect((await second).ok).toBe(false);
  expect(steps).toEqual(['apply', 'applied']);
});

it('whatever goes wrong is the outcome, stays to be seen, and is forgotten with the next success', async () => {
  const refusal = new StartupError('no key is configured', EXIT.configuration);
  const applied = [() => Promise.reject(refusal), () => Promise.resolve(CHANGE)];
  const { reload, readings, begun } = await build(() => applied.shift()!());
  const run = async (found: 'config' | 'problem' | Error) => {
    const reading = begun();
    const outcome = reload.request('admin');
    await reading;
    readings.at(-1)!(found);
    return outcome;
  };
  expect(await run(new Error('the disk is gone'))).toEqual({ ok: false, problems: ['the disk is gone'] });
  expect(await run('config')).toEqual({ ok: false, problems: ['no key is configured'] });
  expect(reload.state).toMatchObject({ problems: ['no key is configured'], refusedAt: expect.any(String) });
  expect((await run('config')).ok).toBe(true);
  expect(reload.state).toMatchObject({
    problems: [],
    refusedAt: undefined,
    needsRestart: ['general_settings.port'],
  });
});

it('closing waits for the reload that runs, and takes no other', async () => {
  const { reload, readings, begun } = await build();
  const reading = begun();
  const running = reload.request('admin');
  await reading;
  const queued = reload.request('admin');
  queued.catch(() => undefined);
  const closed = reload[Symbol.asyncDispose]();
  await expect(reload.request('admin')).rejects.toMatchObject({ code: 'shutting-down' });
  readings[0]!('config');
  expect((await running).ok).toBe(true);
  await expect(queued).rejects.toMatchObject({ code: 'shutting-down' });
  await closed;
  expect(readings).toHaveLength(1);
});
