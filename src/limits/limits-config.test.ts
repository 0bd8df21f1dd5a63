import { expect, it } from 'vitest';
import { Secret } from '../core/secret.ts';
import type { ConfigReport } from '../core/setting.ts';
import { limitsLitellmShape, resolveUsage, type UsageInput } from './limits-config.ts';

const NOTHING: UsageInput = {
  servers: {},
  groups: {},
  models: [],
  reservation: {},
  waitMs: 10_000,
  timeZone: 'UTC',
  redis: { url: undefined, host: undefined, port: undefined, password: undefined },
};

function resolve(input: Partial<UsageInput>): {
  readonly usage: ReturnType<typeof resolveUsage>;
  readonly warnings: string[];
} {
  const warnings: string[] = [];
  const report: ConfigReport = {
    error: () => undefined,
    warning: (path, what) => void warnings.push(`${path.join('.')} ${what}`),
    broken: () => false,
    show: (path) => path.join('.'),
    source: () => ({ file: 'c.yaml', line: 1, keyLines: {} }),
  };
  return { usage: resolveUsage({ ...NOTHING, ...input }, report), warnings };
}

const deployment = (name: string, requestsPerMinute?: number, tokensPerMinute?: number) => ({
  name,
  requestsPerMinute,
  tokensPerMinute,
});

it('takes what deployments take together for the limit of their group, when requests are queued and all of them say it', () => {
  const models = [deployment('a', 10, 100), deployment('a', 20), deployment('b', 5)];
  expect(resolve({ models }).usage.models).toEqual({});
  expect(resolve({ models, reservation: { prod: 1 } }).usage.models).toEqual({
    a: { requestsPerMinute: 30, tokensPerMinute: undefined },
    b: { requestsPerMinute: 5, tokensPerMinute: undefined },
  });
  const { models: written } = resolve({
    models,
    reservation: { prod: 1 },
    groups: { a: { rpm_limit: 7 } },
  }).usage;
  expect(written['a']).toMatchObject({ requestsPerMinute: 7, tokensPerMinute: undefined });
});

it('makes shares smaller that come to more than everything, and says so', () => {
  const { usage, warnings } = resolve({ reservation: { prod: 0.9, dev: 0.6 } });
  expect(usage.priority.reservation['prod']).toBeCloseTo(0.6);
  expect(usage.priority.reservation['dev']).toBeCloseTo(0.4);
  expect(warnings).toEqual([
    'litellm_settings.priority_reservation reserves 150 % of each model; every share is made smaller by as much',
  ]);
});

it('warns of limits of a model that there is not', () => {
  const { warnings } = resolve({ groups: { gone: { rpm_limit: 1 } }, models: [deployment('here')] });
  expect(warnings).toEqual([
    'router_settings.model_group_limits.gone limits no model: there is none of that name in model_list',
  ]);
});

it('finds Redis by its address, or by host, port and password', () => {
  const urlOf = (redis: Partial<UsageInput['redis']>): string | undefined =>
    resolve({ redis: { ...NOTHING.redis, ...redis } }).usage.redisUrl?.reveal();
  expect(urlOf({})).toBeUndefined();
  expect(urlOf({ url: new Secret('rediss://r'), host: 'other' })).toBe('rediss://r');
  expect(urlOf({ host: 'r' })).toBe('redis://r:6379');
  expect(urlOf({ host: '::1', port: 7, password: new Secret('a:b@') })).toBe('redis://:a%3Ab%40@[::1]:7');
});

it('a time zone is one that is known', () => {
  expect(limitsLitellmShape.timezone.parse(undefined)).toBe('UTC');
  expect(limitsLitellmShape.timezone.parse('Europe/Berlin')).toBe('Europe/Berlin');
  expect(() => limitsLitellmShape.timezone.parse('Mars/Olympus')).toThrow('IANA');
});
