import { describe, expect, it } from 'vitest';
import { verifies } from '../../test/support/verifies.ts';
import type { Principal } from '../auth/authenticate.ts';
import type { Grants, Share } from '../auth/grants.ts';
import { judgeModel } from './models.ts';
import type { PolicyServer } from './policy-server.ts';
import { createPolicy } from './visibility.ts';

const server = (name: string, rest: Partial<PolicyServer> = {}): PolicyServer => ({
  name,
  alias: undefined,
  otherAliases: [],
  accessGroups: [],
  allowAllKeys: false,
  allowedTools: undefined,
  disallowedTools: [],
  extraHeaders: [],
  ...rest,
});

const SERVERS = [
  server('db', { alias: 'pg', accessGroups: ['data'] }),
  server('files', { accessGroups: ['data'] }),
  server('web'),
  server('clock', { allowAllKeys: true }),
];
const MODELS = [
  { name: 'small', accessGroups: ['cheap'] },
  { name: 'large', accessGroups: [] },
  { name: 'acme/*', accessGroups: ['acme'] },
];
const NAMES = ['small', 'large', 'acme/one'];

let keys = 0;
const holder = (grants: Partial<Grants>): Principal => ({
  id: `key${++keys}`,
  kind: 'virtual',
  alias: undefined,
  user: undefined,
  team: undefined,
  scopeKey: `key${keys}`,
  grants: { source: 'keys.k', models: [], mcpServers: [], mcpTools: undefined, ...grants },
  allowances: [],
});
const team = (share: Partial<Share>): Share => ({
  source: 'teams.t',
  models: undefined,
  mcpServers: undefined,
  ...share,
});
const user = (share: Partial<Share>): Share => ({ ...team(share), source: 'users.u' });

describe('models', () => {
  /** Of key, team and user; what may be used, and the rule that refuses the first of the others. */
  it.each<
    [
      key: string[],
      team: string[] | undefined,
      user: string[] | undefined,
      allowed: string[],
      denial: string | undefined,
    ]
  >([
    [[], undefined, undefined, [], 'keys.k.models (empty)'],
    [[], ['small'], undefined, [], 'keys.k.models (empty)'],
    [['*'], undefined, undefined, NAMES, undefined],
    [['small', 'large'], undefined, undefined, ['small', 'large'], 'keys.k.models'],
    [['*'], ['small'], undefined, ['small'], 'teams.t.models'],
    [['*'], ['cheap', 'acme/*'], undefined, ['small', 'acme/one'], 'teams.t.models'],
    [['*'], ['*'], ['large'], ['large'], 'users.u.models'],
    [['small', 'acme'], ['acme', 'large'], undefined, ['acme/one'], 'teams.t.models'],
    [['acme/*'], ['acme/one', 'small'], ['all-proxy-models'], ['acme/one'], 'keys.k.models'],
    [['large'], ['small'], undefined, [], 'keys.k.models'],
    [['*'], ['no-default-models'], undefined, [], 'teams.t.models'],
    [['all-team-models'], ['small', 'acme'], undefined, ['small', 'acme/one'], 'teams.t.models'],
    [['all-team-models'], ['small', 'acme'], ['acme/*'], ['acme/one'], 'users.u.models'],
    [['all-team-models'], undefined, undefined, [], 'keys.k.models'],
    [['all-team-models'], undefined, ['*'], [], 'keys.k.models'],
    [['all-team-models', 'large'], undefined, undefined, ['large'], 'keys.k.models'],
  ])(
    'of a key with %j in a team with %j, of a user with %j, are %j',
    (own, ofTeam, ofUser, allowed, denial) => {
      verifies('keys:shared-rights');
      const principal = holder({ models: own, within: [team({ models: ofTeam }), user({ models: ofUser })] });
      const verdicts = NAMES.map((name) => ({ name, ...judgeModel(principal, name, MODELS) }));
      expect(verdicts.filter((one) => one.allowed).map(({ name }) => name)).toEqual(allowed);
      expect(verdicts.find((one) => !one.allowed)?.rule).toBe(denial);
    },
  );
});

describe('servers', () => {
  const policies = {
    none: createPolicy({ servers: SERVERS, defaultAccess: 'none' }),
    all: createPolicy({ servers: SERVERS, defaultAccess: 'all' }),
  };

  it.each<
    [
      standard: 'none' | 'all',
      key: string[],
      team: string[] | undefined,
      user: string[] | undefined,
      allowed: string[],
      denialOfWeb: string | undefined,
    ]
  >([
    ['none', [], undefined, undefined, ['clock'], 'general_settings.mcp_default_access'],
    ['none', [], ['web'], undefined, ['clock'], 'general_settings.mcp_default_access'],
    ['all', [], undefined, undefined, ['db', 'files', 'web', 'clock'], undefined],
    ['all', [], ['data'], undefined, ['db', 'files', 'clock'], 'teams.t.mcp_servers'],
    ['none', ['*'], undefined, undefined, ['db', 'files', 'web', 'clock'], undefined],
    ['none', ['all-proxy-mcpservers'], ['PG'], undefined, ['db', 'clock'], 'teams.t.mcp_servers'],
    ['none', ['data'], ['files', 'web'], undefined, ['files', 'clock'], 'keys.k.mcp_servers'],
    [
      'none',
      ['data', 'web'],
      ['data', 'web'],
      ['db', 'no-mcp-servers'],
      ['db', 'clock'],
      'users.u.mcp_servers',
    ],
    ['none', ['all-team-mcpservers'], ['data'], undefined, ['db', 'files', 'clock'], 'teams.t.mcp_servers'],
    ['none', ['all-team-mcpservers'], undefined, undefined, ['clock'], 'keys.k.mcp_servers'],
    ['all', ['no-mcp-servers'], ['*'], undefined, ['clock'], 'keys.k.mcp_servers'],
    ['none', ['*'], ['no-mcp-servers'], undefined, ['clock'], 'teams.t.mcp_servers'],
  ])(
    'where %s is the default, of a key with %j in a team with %j, of a user with %j, are %j',
    (standard, own, ofTeam, ofUser, allowed, denial) => {
      const policy = policies[standard];
      const principal = holder({
        mcpServers: own,
        within: [team({ mcpServers: ofTeam }), user({ mcpServers: ofUser })],
      });
      expect(policy.visibility(principal, { names: undefined }).servers).toEqual(allowed);
      const web = policy.verdict(principal, 'web');
      expect(web.allowed ? undefined : web.rule).toBe(denial);
    },
  );
});

describe('tools', () => {
  const policy = createPolicy({ servers: SERVERS, defaultAccess: 'none' });
  const principal = holder({
    mcpServers: ['*'],
    toolPermissions: { PG: ['query', 'list'], nowhere: ['x'] },
    within: [
      team({ toolPermissions: { data: ['query', 'drop', 'read'] } }),
      user({ mcpTools: ['query', 'read', 'web/open'] }),
    ],
  });

  it.each<[server: string, tool: string, denial: string | undefined]>([
    ['db', 'query', undefined],
    ['db', 'list', 'teams.t.mcp_tool_permissions.data'],
    ['db', 'drop', 'keys.k.mcp_tool_permissions.PG'],
    ['files', 'read', undefined],
    ['files', 'drop', 'users.u.mcp_tools'],
    ['files', 'list', 'teams.t.mcp_tool_permissions.data'],
    ['web', 'open', undefined],
    ['web', 'close', 'users.u.mcp_tools'],
  ])('%s/%s: refused by %s; lists and calls agree', (name, tool, denial) => {
    const verdict = policy.verdict(principal, name, tool);
    expect(verdict.allowed ? undefined : verdict.rule).toBe(denial);
    expect(policy.visibility(principal, { names: undefined }).allowsTool(name, tool)).toBe(
      denial === undefined,
    );
  });

  it('of two keys whose teams differ are two views', () => {
    const view = (tools: string[]) =>
      policy.visibility(holder({ mcpServers: ['db'], within: [team({ toolPermissions: { db: tools } })] }), {
        names: undefined,
      }).key;
    expect(view(['query'])).not.toBe(view(['list']));
    expect(view(['query'])).toBe(view(['query']));
  });
});
