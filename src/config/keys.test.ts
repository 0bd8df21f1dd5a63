import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';
import { type ConfigError, formatProblem } from './problem.ts';

const SERVERS =
  'mcp_servers:\n  pg: {url: "http://h/", alias: db, access_groups: [data], api_keys: [sk-pg, sk-master]}\n  web: {url: "http://h/2", api_keys: [sk-a]}\n';

function load(text: string) {
  return loadConfig({
    file: 'c.yaml',
    env: {},
    readFile: () => Promise.resolve(Buffer.from(text)),
    now: () => Date.UTC(2026, 0),
  });
}

async function errorsOf(text: string): Promise<string[]> {
  const error = (await load(text).catch((thrown: unknown) => thrown)) as ConfigError;
  return error.problems.filter(({ severity }) => severity === 'error').map(formatProblem);
}

describe('virtual keys', () => {
  it('arrive completed, with the names as the servers have them', async () => {
    const { config } = await load(
      `${SERVERS}virtual_keys:\n  - {api_key: sk-1, key_alias: one, user_id: u, team: t, mcp_servers: [PG, db], mcp_access_groups: [data], mcp_tools: [pg/query], allowed_ips: [10.0.0.0/8], expires: 2030-12-31, blocked: true, priority: 1, rpm_limit: 5, budget_duration: 30d}\n`,
    );
    expect(config.keys.keys[0]).toMatchObject({
      index: 0,
      source: 'virtual_keys[0]',
      alias: 'one',
      user: 'u',
      team: 't',
      mcpServers: ['pg', 'db', 'data'],
      mcpTools: ['pg/query'],
      allowedIps: ['10.0.0.0/8'],
      expires: Date.UTC(2030, 11, 31),
      blocked: true,
      priority: '1',
      limits: { requestsPerMinute: 5, budgetDurationMs: 30 * 86_400_000 },
    });
  });

  it('carry what few of them have, and nothing where nothing was said', async () => {
    const { config } = await load(
      `${SERVERS}virtual_keys:\n  - {api_key: sk-1, key_type: llm_api, allowed_routes: [/mcp], aliases: {gpt: small}, tags: [a], metadata: {b: 1}, mcp_tool_permissions: {DB: [query]}, mcp_servers: [all-team-mcpservers]}\n  - {api_key: sk-2}\n`,
    );
    expect(config.keys.keys.slice(0, 2).map(({ more, mcpServers }) => ({ more, mcpServers }))).toEqual([
      {
        more: {
          keyType: 'llm_api',
          allowedRoutes: ['/mcp'],
          modelAliases: { gpt: 'small' },
          tags: ['a'],
          metadata: { b: 1 },
          toolPermissions: { DB: ['query'] },
        },
        mcpServers: ['all-team-mcpservers'],
      },
      { more: {}, mcpServers: [] },
    ]);
  });

  it('"*" means every server, and no-mcp-servers none', async () => {
    const { config } = await load(
      `${SERVERS}virtual_keys: [{api_key: sk-1, mcp_servers: ["*"]}, {api_key: sk-2, mcp_servers: [no-mcp-servers]}]`,
    );
    expect(config.keys.keys.map(({ mcpServers }) => mcpServers).slice(0, 2)).toEqual([
      ['pg', 'web'],
      ['no-mcp-servers'],
    ]);
  });

  it('api_keys of a server join the key of that value, or make a further one; the master key needs none', async () => {
    const { config } = await load(
      `general_settings: {master_key: sk-master}\n${SERVERS}virtual_keys: [{api_key: sk-a, mcp_servers: [db]}]`,
    );
    expect(
      config.keys.keys.map(({ index, source, value, mcpServers }) => [
        index,
        source,
        value.reveal(),
        mcpServers,
      ]),
    ).toEqual([
      [0, 'virtual_keys[0]', 'sk-a', ['db', 'web']],
      [1, 'mcp_servers.pg.api_keys[0]', 'sk-pg', ['pg']],
    ]);
  });

  it.each([
    [
      'virtual_keys: [{api_key: sk-hidden, mcp_servers: [pgg]}]',
      'virtual_keys[0].mcp_servers[0]: there is no MCP server, alias or access group "pgg". Did you mean "pg"?',
    ],
    [
      'virtual_keys: [{api_key: sk-hidden, mcp_access_groups: [dta]}]',
      'virtual_keys[0].mcp_access_groups[0]: there is no MCP server, alias or access group "dta". Did you mean "data"?',
    ],
    [
      'virtual_keys: [{api_key: sk-hidden, mcp_tool_permissions: {wbe: [open]}}]',
      'virtual_keys[0].mcp_tool_permissions.wbe: there is no MCP server, alias or access group "wbe". Did you mean "web"?',
    ],
    ['virtual_keys: [{api_key: sk-hidden, mcp_servers: [elsewhere]}]', 'Known are: pg, web, db, data.'],
    [
      'virtual_keys: [{api_key: sk-hidden}, {api_key: sk-hidden}]',
      'virtual_keys[1].api_key: is the same key as virtual_keys[0]. Give every entry a key of its own.',
    ],
    [
      'general_settings: {master_key: sk-hidden}\nvirtual_keys: [{api_key: sk-hidden}]',
      'virtual_keys[0].api_key: is the same key as the master key.',
    ],
    [
      'virtual_keys: [{api_key: sk-hidden, allowed_ips: [home]}]',
      'virtual_keys[0].allowed_ips[0]: must be an IP address or a range such as 192.168.1.0/24.',
    ],
  ])('%j is refused without printing the key', async (text, what) => {
    const lines = await errorsOf(`${SERVERS}${text}`);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(what);
    expect(lines[0]).not.toContain('sk-hidden');
  });

  it('names are not held against a key when the servers themselves cannot be read', async () => {
    expect(await errorsOf('mcp_servers: 3\nvirtual_keys: [{api_key: k, mcp_servers: [pg]}]')).toEqual([
      'c.yaml:1:1: error: mcp_servers: must be a map, not a number.',
    ]);
    expect(await errorsOf('mcp_servers: {pg: 3}\nvirtual_keys: [{api_key: k, mcp_servers: [pg]}]')).toEqual([
      'c.yaml:1:15: error: mcp_servers.pg: must be a map, not a number.',
    ]);
  });

  it('limits of single models are gathered by model', async () => {
    const { config } = await load(
      'virtual_keys: [{api_key: a, budget_duration: 1d, model_rpm_limit: {m: 1}, model_tpm_limit: {m: 2, n: 3}, model_max_budget: {m: 4, n: {budget_limit: 5, time_period: 7d}}}]',
    );
    const day = 86_400_000;
    expect(config.keys.keys[0]!.limits.perModel).toEqual({
      m: { requestsPerMinute: 1, tokensPerMinute: 2, maxBudget: 4, budgetDurationMs: day },
      n: { requestsPerMinute: undefined, tokensPerMinute: 3, maxBudget: 5, budgetDurationMs: 7 * day },
    });
  });

  it('past dates are warnings, and limits are none', async () => {
    const { warnings } = await load(
      'virtual_keys: [{api_key: a, max_budget: 1, rpm_limit: 2}, {api_key: b, tpm_limit: 3, expires: 2020-01-01}]',
    );
    expect(warnings.map(formatProblem)).toEqual([
      'c.yaml:1:86: warning: virtual_keys[1].expires: lies in the past, so this key is refused.',
    ]);
  });

  it('a short master key on an open address is a warning', async () => {
    const { warnings } = await load('general_settings: {master_key: sk-1234, host: 0.0.0.0}');
    expect(warnings.map(formatProblem)[0]).toContain(
      'general_settings.master_key: is shorter than 16 characters, which can be guessed, and the gateway listens on 0.0.0.0',
    );
    expect((await load('general_settings: {master_key: sk-1234, host: "::1"}')).warnings).toEqual([]);
  });
});
