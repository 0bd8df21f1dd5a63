import { describe, expect, it } from 'vitest';
import { Secret } from '../core/secret.ts';
import { NO_LIMITS, NO_MCP } from '../keys/account-json.ts';
import type { KeyRecord, TeamRecord, UserRecord } from '../keys/account-records.ts';
import { createKeyRing, type KeyRing, type VirtualEntry } from '../keys/key-ring.ts';
import { createAuthenticator, type Principal, type RouteKind } from './authenticate.ts';
import { allowsRoute, routesOf } from './route-rights.ts';
import { grantsOf } from './grants.ts';

const written = { createdAt: 0, createdBy: 'x', updatedAt: 0, updatedBy: 'x' };
const common = {
  alias: undefined,
  models: [],
  modelAliases: {},
  mcp: NO_MCP,
  limits: NO_LIMITS,
  spendBase: undefined,
  blocked: false,
  metadata: {},
  expires: undefined,
  ...written,
} as const;
const key = (rest: Partial<KeyRecord> = {}): KeyRecord => ({
  ...common,
  id: 'k',
  digest: 'd',
  name: 'sk-...',
  origin: 'store',
  source: 'keys.k',
  formerValues: [],
  description: undefined,
  user: undefined,
  team: undefined,
  keyType: 'default',
  allowedRoutes: [],
  allowedIps: [],
  priority: undefined,
  tags: [],
  guardrails: [],
  permissions: {},
  allowedCacheControls: [],
  ...rest,
});
const team = (rest: Partial<TeamRecord> = {}): TeamRecord => ({
  ...common,
  id: 't',
  organization: undefined,
  memberLimits: undefined,
  memberPermissions: [],
  members: [],
  ...rest,
});
const user = (rest: Partial<UserRecord> = {}): UserRecord => ({
  ...common,
  id: 'u',
  email: undefined,
  role: undefined,
  ...rest,
});
const entry = (rest: Omit<VirtualEntry, 'kind' | 'digest'>): VirtualEntry => ({
  kind: 'virtual',
  digest: 'd',
  ...rest,
});

function principalOf(found: VirtualEntry): Principal {
  const ring: KeyRing = {
    hasMasterKey: true,
    size: 1,
    configuredSize: 1,
    generation: 0,
    lookup: () => found,
  };
  const authenticator = createAuthenticator({
    ring,
    allowedIps: [],
    useXForwardedFor: false,
    trustLoopbackWithoutKeys: false,
  });
  return authenticator.authenticate({
    headers: { authorization: 'Bearer sk-x' },
    remoteAddress: '::1',
    routeKind: 'mcp',
  });
}

describe('the bounds of a key', () => {
  it('are what its team and its user were given; what has no list bounds nothing', () => {
    const found = entry({
      key: key({
        team: 't',
        user: 'u',
        models: ['*'],
        mcp: { ...NO_MCP, servers: ['a'], accessGroups: ['g'] },
      }),
      team: team({ models: ['m'], mcp: { ...NO_MCP, accessGroups: ['g'] } }),
      user: user(),
    });
    expect(grantsOf(found)).toEqual({
      source: 'keys.k',
      models: ['*'],
      mcpServers: ['a', 'g'],
      mcpTools: undefined,
      within: [
        { source: 'teams.t', models: ['m'], mcpServers: ['g'] },
        { source: 'users.u', models: undefined, mcpServers: undefined },
      ],
    });
  });

  it('are nothing at all when the team of a stored key is gone', () => {
    expect(grantsOf(entry({ key: key({ team: 't', models: ['*'] }) })).within).toEqual([
      { source: 'teams.t (deleted)', models: [], mcpServers: [] },
    ]);
    expect(grantsOf(entry({ key: key({ team: 't', origin: 'configuration' }) })).within).toBeUndefined();
  });

  it('leave a user without models of its own those of the team', () => {
    const own = user({ models: ['no-default-models'] });
    const bounds = (of: KeyRecord) =>
      grantsOf(entry({ key: of, user: own, team: team() })).within?.at(-1)?.models;
    expect(bounds(key({ team: 't' }))).toBeUndefined();
    expect(bounds(key())).toEqual(['no-default-models']);
  });
});

describe('a principal', () => {
  it('carries the allowances of key, user and team, each with its own limits and spend', () => {
    const limits = (requestsPerMinute: number) => ({ ...NO_LIMITS, requestsPerMinute });
    const spendBase = { usd: 2, at: 1 };
    const principal = principalOf(
      entry({
        key: key({ team: 't', user: 'u', limits: limits(1), priority: 'prod', tags: ['a'] }),
        user: user({ limits: limits(2), role: 'proxy_admin' }),
        team: team({ limits: limits(3), spendBase }),
      }),
    );
    expect(principal.allowances).toEqual([
      { scope: 'key', id: 'k', limits: limits(1), source: 'keys.k' },
      { scope: 'user', id: 'u', limits: limits(2), source: 'users.u' },
      { scope: 'team', id: 't', limits: limits(3), source: 'teams.t', spendBase },
    ]);
    expect(principal).toMatchObject({ priority: 'prod', tags: ['a'], role: 'proxy_admin' });
  });

  it('carries what its user may use up of the team: by the membership, else as the team says of each', () => {
    const ofEach = { ...NO_LIMITS, maxBudget: 5, requestsPerMinute: 9 };
    const own = { ...NO_LIMITS, maxBudget: 7, budgetDurationMs: 60_000 };
    const ofTeam = { ...NO_LIMITS, budgetDurationMs: 1_000, budgetResetAt: 77 };
    const allowance = (of: string | undefined, rest: Partial<TeamRecord>) =>
      principalOf(entry({ key: key({ team: 't', user: of }), team: team(rest) })).allowances.find(
        ({ scope }) => scope === 'team-member',
      );
    const members = [{ user: 'u', email: undefined, role: 'user', limits: own }] as const;
    expect(allowance('u', { members, memberLimits: ofEach, limits: ofTeam })).toEqual({
      scope: 'team-member',
      id: 'u',
      team: 't',
      source: 'teams.t.members.u',
      limits: { ...ofEach, maxBudget: 7, budgetDurationMs: 60_000, budgetResetAt: undefined },
    });
    expect(allowance('other', { members, memberLimits: ofEach, limits: ofTeam })?.limits).toEqual({
      ...ofEach,
      budgetDurationMs: 1_000,
      budgetResetAt: 77,
    });
    expect(allowance('other', { members })).toBeUndefined();
    expect(allowance(undefined, { members, memberLimits: ofEach })).toBeUndefined();
  });

  it('is another scope when what bounds it changes', () => {
    const of = (models: string[]) =>
      principalOf(entry({ key: key({ team: 't' }), team: team({ models }) })).scopeKey;
    expect(of(['a'])).not.toBe(of(['b']));
    expect(of(['a'])).toBe(of(['a']));
  });
});

describe('the routes of a key', () => {
  it.each<[Partial<KeyRecord>, string, RouteKind, boolean]>([
    [{ keyType: 'llm_api' }, '/v1/chat/completions', 'llm', true],
    [{ keyType: 'llm_api' }, '/db/mcp', 'mcp', true],
    [{ keyType: 'llm_api' }, '/v1beta/models/x:generateContent', 'gemini', true],
    [{ keyType: 'llm_api' }, '/v1/mcp/tools', 'admin', true],
    [{ keyType: 'llm_api' }, '/key/generate', 'admin', false],
    [{ keyType: 'management' }, '/key/generate', 'admin', true],
    [{ keyType: 'management' }, '/team/new/', 'admin', true],
    [{ keyType: 'management' }, '/mcp', 'mcp', false],
    [{ keyType: 'read_only' }, '/key/info', 'admin', true],
    [{ keyType: 'read_only' }, '/v1/models', 'llm', true],
    [{ keyType: 'read_only' }, '/key/generate', 'admin', false],
    [{ keyType: 'read_only' }, '/v1/chat/completions', 'llm', false],
    [{ keyType: 'llm_api', allowedRoutes: ['/key/info'] }, '/mcp', 'mcp', false],
    [{ allowedRoutes: ['/v1/chat/*'] }, '/v1/chat/completions', 'llm', true],
    [{ allowedRoutes: ['/v1/chat/*'] }, '/v1/chats', 'llm', false],
    [{ allowedRoutes: ['/mcp'] }, '/mcp/', 'mcp', true],
    [{ allowedRoutes: ['/mcp'] }, '/mcp2', 'mcp', false],
    [{ allowedRoutes: ['no_such_group', 'toString'] }, '/mcp', 'mcp', false],
  ])('%j: %s (%s): %s', (rest, path, kind, allowed) => {
    expect(allowsRoute(routesOf(key(rest)), path, kind !== 'admin')).toBe(allowed);
  });
});

describe('a gateway without keys in its configuration', () => {
  const stored = entry({ key: key({ blocked: true }) });
  const open: KeyRing = {
    hasMasterKey: false,
    size: 1,
    configuredSize: 0,
    generation: 0,
    lookup: (presented) => (presented === 'sk-stored' ? stored : undefined),
  };
  const authenticator = createAuthenticator({
    ring: open,
    allowedIps: [],
    useXForwardedFor: false,
    trustLoopbackWithoutKeys: true,
  });
  const ask = (authorization: string | undefined, remoteAddress: string) =>
    authenticator.authenticate({
      headers: authorization === undefined ? {} : { authorization },
      remoteAddress,
      routeKind: 'mcp',
    });

  it('serves this machine without a key, and takes keys of the store for what they are', () => {
    expect(ask(undefined, '127.0.0.1').kind).toBe('anonymous');
    expect(ask('Bearer sk-anything', '127.0.0.1').kind).toBe('anonymous');
    expect(() => ask('Bearer sk-stored', '127.0.0.1')).toThrow('blocked');
    expect(() => ask('Bearer sk-anything', '192.0.2.1')).toThrow('No key is configured');
  });

  it('is what a ring of a configuration says', () => {
    expect(createKeyRing({ masterKey: new Secret('sk-m'), keys: [] }).configuredSize).toBe(1);
  });
});
