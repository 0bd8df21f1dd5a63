import { expect, it } from 'vitest';
import type { KeyRecord } from '../../keys/account-records.ts';
import { generateKey } from '../keys/generate-key.ts';
import type { KeyBody } from './fields.ts';
import { NEW, readKey } from './read-fields.ts';
import { UTC } from '../../limits/budget-period.ts';
import { showKey } from './show-account.ts';
import { spendOf } from './spend-of.ts';

const NOW = Date.UTC(2026, 10, 21, 13, 30);
const TODAY = { now: () => NOW, calendar: UTC };
const DAY_MS = 86_400_000;

const change = (body: Record<string, unknown>, before = NEW) =>
  readKey(generateKey.body!.parse(body) as KeyBody, before, NOW);

function record(body: Record<string, unknown>): KeyRecord {
  return {
    alias: undefined,
    models: [],
    modelAliases: {},
    mcp: NEW.mcp,
    limits: NEW.limits,
    spendBase: undefined,
    blocked: false,
    metadata: {},
    description: undefined,
    user: undefined,
    team: undefined,
    expires: undefined,
    keyType: 'default',
    allowedRoutes: [],
    allowedIps: [],
    priority: undefined,
    tags: [],
    guardrails: [],
    permissions: {},
    allowedCacheControls: [],
    createdAt: NOW,
    createdBy: 'master',
    updatedAt: NOW,
    updatedBy: 'master',
    id: '0123456789abcdef',
    digest: '0'.repeat(64),
    name: 'sk-...abcd',
    origin: 'store',
    source: 'keys.test',
    formerValues: [],
    ...change(body),
  };
}

it('what is written is shown as it was written', () => {
  const body = {
    key_alias: 'a',
    models: ['m', 'acme/*'],
    aliases: { mine: 'm' },
    max_budget: 10,
    soft_budget: 8,
    budget_duration: '12h',
    tpm_limit: 100,
    rpm_limit: 0,
    max_parallel_requests: 2,
    model_max_budget: { m: { budget_limit: 1.5, time_period: '7d' } },
    user_id: 'u',
    team_id: 't',
    allowed_routes: ['llm_api_routes'],
    allowed_ips: ['10.0.0.0/8'],
    allowed_cache_controls: ['no-cache'],
    permissions: { get_spend_routes: true },
    blocked: true,
    description: 'd',
    object_permission: {
      mcp_servers: ['db'],
      mcp_access_groups: ['g'],
      mcp_tool_permissions: { db: ['query'] },
      mcp_tools: ['query'],
    },
  };
  expect(showKey(record(body), 0, TODAY)).toMatchObject(body);
});

it('limits by model, tags and guardrails stand in the metadata, where LiteLLM keeps them', () => {
  const shown = showKey(
    {
      ...record({
        metadata: { team: 'core', priority: 'prod' },
        tags: ['x'],
        model_rpm_limit: { m: 5 },
        model_tpm_limit: { m: 500, n: 9 },
      }),
      guardrails: ['g'],
    },
    0,
    TODAY,
  );
  expect(shown['metadata']).toEqual({
    team: 'core',
    priority: 'prod',
    tags: ['x'],
    guardrails: ['g'],
    model_rpm_limit: { m: 5 },
    model_tpm_limit: { m: 500, n: 9 },
  });
  expect(shown['priority']).toBe('prod');
});

it('a change touches what it names: other limits stay, null takes one away', () => {
  const before = record({
    max_budget: 10,
    budget_duration: '30d',
    rpm_limit: 5,
    model_rpm_limit: { m: 5 },
    object_permission: { mcp_servers: ['db'], mcp_tools: ['query'] },
  });
  expect(change({ key_alias: 'b' }, before)).toEqual({ alias: 'b' });
  expect(change({ rpm_limit: null, model_tpm_limit: { m: 7 } }, before).limits).toMatchObject({
    maxBudget: 10,
    budgetDurationMs: 30 * DAY_MS,
    requestsPerMinute: undefined,
    perModel: { m: { requestsPerMinute: 5, tokensPerMinute: 7 } },
  });
  expect(change({ model_rpm_limit: null }, before).limits?.perModel).toEqual({});
  expect(change({ object_permission: { mcp_access_groups: ['g'] } }, before).mcp).toMatchObject({
    servers: ['db'],
    accessGroups: ['g'],
    tools: ['query'],
  });
  expect(change({ object_permission: null }, before).mcp).toEqual(NEW.mcp);
  expect(change({ duration: '1h' }).expires).toBe(NOW + 3_600_000);
  expect(change({ duration: null })).toEqual({ expires: undefined });
});

it('a budget counts from where its period began, and from where an operator set it', async () => {
  const asked: number[] = [];
  const deps = {
    ...TODAY,
    flush: () => Promise.resolve(),
    spend: {
      spentSince: (_scope: string, _id: string, since: number) => {
        asked.push(since);
        return Promise.resolve({ requests: 1, failures: 0, promptTokens: 1, completionTokens: 1, cost: 0.5 });
      },
      usage: () => Promise.resolve([]),
      byTag: () => Promise.resolve([]),
      find: () => Promise.resolve([]),
    },
  };
  const daily = record({ max_budget: 1, budget_duration: '1d' });
  expect(await spendOf('key', daily, deps)).toBe(0.5);
  expect(await spendOf('key', record({ spend: 2 }), deps)).toBe(2.5);
  expect(await spendOf('key', { ...daily, spendBase: { usd: 2, at: NOW - 2 * DAY_MS } }, deps)).toBe(0.5);
  expect(await spendOf('key', record({}), deps)).toBe(0.5);
  const midnight = Date.UTC(2026, 10, 21);
  expect(asked).toEqual([midnight, NOW, midnight, 0]);
  expect(showKey(daily, 0, TODAY)['budget_reset_at']).toBe('2026-11-22T00:00:00.000Z');
});
