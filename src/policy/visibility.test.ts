import { describe, expect, it } from 'vitest';
import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import type { PolicyServer } from './policy-server.ts';
import { createPolicy, type PolicyOptions } from './visibility.ts';

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
  server('postgres', { alias: 'db', otherAliases: ['sql'], accessGroups: ['data'] }),
  server('files', { accessGroups: ['data', 'docs'] }),
  server('github', { disallowedTools: ['delete_repo', 'github/force_push'] }),
  server('clock', { allowAllKeys: true, allowedTools: ['now', 'clock-zone'] }),
];

let keys = 0;
const key = (mcpServers: string[], mcpTools?: string[]): Principal => ({
  id: `key${++keys}`,
  kind: 'virtual',
  alias: undefined,
  user: undefined,
  team: undefined,
  scopeKey: `key${keys}`,
  grants: { source: 'virtual_keys[2]', mcpServers, mcpTools, models: [] },
  allowances: [],
});
const everything = (kind: 'master' | 'anonymous'): Principal => ({
  id: kind,
  kind,
  alias: kind,
  user: undefined,
  team: undefined,
  scopeKey: kind,
  grants: undefined,
  allowances: [],
});

const build = (options: Partial<PolicyOptions> = {}) =>
  createPolicy({ servers: SERVERS, defaultAccess: 'none', ...options });
const policy = build();
const sees = (principal: Principal, names?: string[], over = policy) =>
  over.visibility(principal, { names }).servers;
const refusal = (principal: Principal, names: string[]): GatewayError => {
  try {
    sees(principal, names);
  } catch (error) {
    if (error instanceof GatewayError) return error;
  }
  throw new Error('nothing was refused');
};

describe('servers', () => {
  it('are all visible to the master key and where there are no keys', () => {
    for (const kind of ['master', 'anonymous'] as const)
      expect(sees(everything(kind))).toEqual(['postgres', 'files', 'github', 'clock']);
  });

  it('are invisible to a key that was given none, except those for all keys', () => {
    expect(sees(key([]))).toEqual(['clock']);
  });

  it('are all visible to such a key where the default says so, and only to such a key', () => {
    const open = build({ defaultAccess: 'all' });
    expect(sees(key([]), undefined, open)).toEqual(['postgres', 'files', 'github', 'clock']);
    expect(sees(key(['files']), undefined, open)).toEqual(['files', 'clock']);
    expect(sees(key(['no-mcp-servers']), undefined, open)).toEqual(['clock']);
  });

  it.each([
    ['name', ['postgres'], ['postgres', 'clock']],
    ['alias', ['db'], ['postgres', 'clock']],
    ['further alias', ['sql'], ['postgres', 'clock']],
    ['access group', ['data'], ['postgres', 'files', 'clock']],
    ['any case', ['DB', 'Docs'], ['postgres', 'files', 'clock']],
    ['several names of one', ['db', 'postgres', 'data'], ['postgres', 'files', 'clock']],
    ['a name of nothing', ['nothing'], ['clock']],
  ])('are given by %s, in configuration order', (_how, given, expected) => {
    expect(sees(key(given))).toEqual(expected);
  });
});

describe('narrowing', () => {
  const anna = key(['data']);

  it('leaves what is named, by name, alias or access group in any case, in configuration order', () => {
    expect(sees(anna, ['files', 'DB'])).toEqual(['postgres', 'files']);
    expect(sees(anna, ['data'])).toEqual(['postgres', 'files']);
    expect(sees(anna, ['clock'])).toEqual(['clock']);
  });

  it('to a group leaves only those of its servers that the key may use', () => {
    expect(sees(key(['db']), ['data'])).toEqual(['postgres']);
  });

  it.each([
    ['unknown', 'nothing'],
    ['forbidden', 'github'],
    ['empty', ''],
    ['every', '*'],
  ])('to an %s name is refused, also beside known ones and the second time', (_what, name) => {
    for (const names of [[name], ['files', name], [name]]) {
      const error = refusal(anna, names);
      expect(error.code).toBe('server-unknown');
      expect(error.message).toBe(
        `There is no MCP server, alias or access group named "${name}" for this key. It may use: db, files, clock, data, docs.`,
      );
    }
  });

  it('repeats no more of a name than fits into a message', () => {
    expect(refusal(anna, ['n'.repeat(5_000)]).message.length).toBeLessThan(300);
    expect(refusal(key([]), ['postgres']).message).toContain('It may use: clock.');
    expect(() => build({ servers: [] }).visibility(anna, { names: ['x'] })).toThrow('It may use: none.');
  });

  it('of one key says nothing about another', () => {
    const [a, b] = [key(['postgres']), key(['files'])];
    expect(sees(a, ['db'])).toEqual(['postgres']);
    expect(refusal(b, ['db']).code).toBe('server-unknown');
  });

  it('holds its answers in bounded memory', () => {
    const first = policy.visibility(anna, { names: ['files'] });
    expect(policy.visibility(anna, { names: ['files'] })).toBe(first);
    for (let count = 0; count < 40; count++)
      sees(
        anna,
        Array.from({ length: count + 1 }, () => 'db'),
      );
    expect(policy.visibility(anna, { names: ['files'] })).not.toBe(first);
    expect(policy.visibility(anna, { names: undefined })).toBe(policy.visibility(anna, { names: undefined }));
  });
});

describe('tools', () => {
  const may = (principal: Principal, name: string, tool: string) =>
    policy.visibility(principal, { names: undefined }).allowsTool(name, tool);

  it('are all allowed on a visible server without lists, and none on any other', () => {
    const anna = key(['files']);
    expect(may(anna, 'files', 'read')).toBe(true);
    expect(may(anna, 'postgres', 'query')).toBe(false);
    expect(may(anna, 'nothing', 'query')).toBe(false);
    expect(policy.visibility(everything('master'), { names: ['db'] }).allowsTool('files', 'read')).toBe(
      false,
    );
  });

  it.each(['query', 'postgres/query', 'DB/query', 'sql-query', 'db-query'])(
    'of a key may be written as %s',
    (entry) => {
      const anna = key(['data'], [entry]);
      expect(may(anna, 'postgres', 'query')).toBe(true);
      expect(may(anna, 'postgres', 'Query')).toBe(false);
      expect(may(anna, 'postgres', 'execute')).toBe(false);
    },
  );

  it('written with a server mean that server alone', () => {
    const anna = key(['data'], ['db/list', 'files-read']);
    expect(may(anna, 'files', 'list')).toBe(false);
    expect(may(anna, 'postgres', 'read')).toBe(false);
    expect(may(anna, 'files', 'read')).toBe(true);
  });

  it('of an empty list are none', () => {
    expect(may(key(['data'], []), 'files', 'read')).toBe(false);
  });

  it('may be written as clients see them, however they are named for clients', () => {
    const shortened = build({ exposedName: (prefix, name) => `${prefix ?? ''}#${name.slice(0, 3)}` });
    const view = shortened.visibility(key(['db'], ['db#que', '#lis']), { names: undefined });
    expect(['query', 'list', 'drop'].map((tool) => view.allowsTool('postgres', tool))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("a server's own lists bind the master key too", () => {
    const master = everything('master');
    expect(['now', 'zone', 'set'].map((tool) => may(master, 'clock', tool))).toEqual([true, true, false]);
    expect(['delete_repo', 'force_push', 'list'].map((tool) => may(master, 'github', tool))).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe('a verdict', () => {
  it('is the same for lists and calls, and names the rule that decided', () => {
    const anna = key(['db'], ['query', 'now', 'set']);
    const view = policy.visibility(anna, { names: undefined });
    const cases = [
      ['postgres', 'query', true, 'virtual_keys[2].mcp_servers'],
      ['postgres', 'drop', false, 'virtual_keys[2].mcp_tools'],
      ['files', 'read', false, 'virtual_keys[2].mcp_servers'],
      ['clock', 'now', true, 'mcp_servers.clock.allow_all_keys'],
      ['clock', 'set', false, 'mcp_servers.clock.allowed_tools'],
      ['nothing', 'x', false, 'mcp_servers (no such server)'],
    ] as const;
    for (const [name, tool, allowed, rule] of cases) {
      expect(policy.verdict(anna, name, tool), `${name}/${tool}`).toEqual({ allowed, rule });
      expect(view.allowsTool(name, tool), `${name}/${tool}`).toBe(allowed);
    }
    expect(policy.rule(anna, 'postgres')).toBe('virtual_keys[2].mcp_servers');
    expect(policy.rule(anna, undefined)).toBeUndefined();
    expect(policy.rule(everything('master'), 'github')).toBe('master');
    expect(policy.verdict(everything('master'), 'github', 'delete_repo').rule).toBe(
      'mcp_servers.github.disallowed_tools',
    );
    expect(policy.verdict(key([]), 'files')).toEqual({
      allowed: false,
      rule: 'general_settings.mcp_default_access',
    });
  });

  it("names the server's api_keys for a key that stands there alone", () => {
    const granted = key(['db']);
    const source = 'mcp_servers.postgres.api_keys[0]';
    expect(
      policy.rule({ ...granted, scopeKey: 'g', grants: { ...granted.grants!, source } }, 'postgres'),
    ).toBe(source);
  });
});

describe('headers for upstream', () => {
  const headers = { authorization: 'Bearer sk-own', 'x-mcp-db-x-tenant': 'acme' };
  const servers = [server('postgres', { alias: 'db', extraHeaders: ['authorization'] })];

  it("leave out the gateway's key, unless there is said to be none", () => {
    expect(build({ servers }).upstreamHeaders('postgres', headers)).toEqual([['x-tenant', 'acme']]);
    expect(build({ servers, keyHeaderOf: () => undefined }).upstreamHeaders('postgres', headers)).toEqual([
      ['x-tenant', 'acme'],
      ['authorization', 'Bearer sk-own'],
    ]);
  });
});

describe('the key of a visibility', () => {
  const keyOf = (principal: Principal, names?: string[], over = policy) =>
    over.visibility(principal, { names }).key;

  it('is equal for keys and narrowings that see the same', () => {
    expect(keyOf(key(['db']))).toBe(keyOf(key(['postgres'])));
    expect(keyOf(everything('master'), ['db', 'files'])).toBe(keyOf(key(['data']), ['files', 'sql']));
  });

  it('differs when servers, tools or names differ, also after a reload', () => {
    const all = everything('master');
    const renamed = build({
      servers: SERVERS.map((one) => (one.name === 'postgres' ? { ...one, alias: 'pg' } : one)),
    });
    const fewer = build({ servers: SERVERS.map((one) => ({ ...one, disallowedTools: ['x'] })) });
    const keysSeen = [
      keyOf(all),
      keyOf(all, ['db']),
      keyOf(key(['data'])),
      keyOf(key(['data'], ['query'])),
      keyOf(key(['data'], [])),
      keyOf(all, undefined, renamed),
      keyOf(all, undefined, fewer),
    ];
    expect(new Set(keysSeen).size).toBe(keysSeen.length);
  });
});
