import { describe, expect, it } from 'vitest';
import { diffConfig, isEmptyDiff, needsRestart } from './diff.ts';
import { type LanportConfig, loadConfig } from './load.ts';

async function load(text: string, env: Record<string, string> = {}): Promise<LanportConfig> {
  return (await loadConfig({ file: 'c.yaml', env, readFile: () => Promise.resolve(Buffer.from(text)) }))
    .config;
}

async function diff(before: string, after: string, env: readonly [object, object] = [{}, {}]) {
  const [one, other] = [await load(before, { ...env[0] }), await load(after, { ...env[1] })];
  return { ...diffConfig(one, other), needsRestart: needsRestart(one, other) };
}

const SERVERS = `
mcp_servers:
  one: { command: node, args: [a.mjs], env: { TOKEN: "\${TOKEN:-t}" } }
  two: { url: "http://h:1/mcp" }
`;

describe('servers', () => {
  it('are added, removed, changed or left alone by their names and entries', async () => {
    const { servers } = await diff(
      `${SERVERS}  three: { url: "http://h:3/mcp" }`,
      `${SERVERS.replace('h:1', 'h:2')}  four: { url: "http://h:4/mcp" }`,
    );
    expect(servers).toEqual({ added: ['four'], removed: ['three'], changed: ['two'], unchanged: ['one'] });
  });

  it('have not changed when they stand on other lines, in another order or with their keys in another order', async () => {
    const moved = `
# a comment
mcp_servers:
  two:
    url: "http://h:1/mcp"
  one:
    env: { TOKEN: t }
    args: [a.mjs]
    command: node
`;
    const result = await diff(SERVERS, moved);
    expect(result.servers).toMatchObject({ changed: [], unchanged: ['two', 'one'] });
    expect(isEmptyDiff(result)).toBe(true);
  });

  it('have changed when a secret has, be it in the environment only', async () => {
    expect((await diff(SERVERS, SERVERS, [{ TOKEN: 'a' }, { TOKEN: 'b' }])).servers.changed).toEqual(['one']);
    expect((await diff(SERVERS, SERVERS, [{ TOKEN: 'a' }, { TOKEN: 'a' }])).servers.changed).toEqual([]);
  });

  it('have changed when a default that they take has', async () => {
    const result = await diff(
      `${SERVERS}  slow: { url: "http://h:9/mcp", timeout: 9 }`,
      `${SERVERS}  slow: { url: "http://h:9/mcp", timeout: 9 }\nlimits: { call_total_ms: 1000 }`,
    );
    expect(result.servers).toMatchObject({ changed: ['one', 'two'], unchanged: ['slow'] });
    expect(result.settings).toEqual(['limits.call_total_ms']);
  });
});

describe('keys', () => {
  const KEYS = `
virtual_keys:
  - { api_key: sk-anna, key_alias: anna }
  - { api_key: sk-bert, key_alias: bert }
  - { api_key: sk-nameless }
`;

  it('are added, removed or changed; their place makes no difference', async () => {
    const after = `
virtual_keys:
  - { api_key: sk-carl, key_alias: carl }
  - { api_key: sk-bert, key_alias: bert, blocked: true }
  - { api_key: sk-anna, key_alias: anna }
`;
    const result = await diff(KEYS, after);
    expect(result.keys).toEqual({ added: ['carl'], removed: ['virtual_keys[2]'], changed: ['bert'] });
    expect(JSON.stringify(result)).not.toContain('sk-');
    expect((await diff(KEYS, KEYS)).keys).toEqual({ added: [], removed: [], changed: [] });
  });

  it('with another value under the same alias have changed', async () => {
    expect((await diff(KEYS, KEYS.replace('sk-anna', 'sk-new'))).keys).toEqual({
      added: [],
      removed: [],
      changed: ['anna'],
    });
    expect((await diff(KEYS, KEYS.replace('sk-nameless', 'sk-new'))).keys).toEqual({
      added: ['virtual_keys[2]'],
      removed: ['virtual_keys[2]'],
      changed: [],
    });
  });
});

describe('settings', () => {
  it('are either applied or need a restart, and are named as the file names them', async () => {
    const after = `
general_settings:
  port: 4001
  master_key: sk-other-master
  database_url: postgresql://u:secret@h/d
  allowed_hosts: [lan.example]
  log_level: debug
  realtime_scheduling: true
  mcp_tool_prefix_separator: __
limits: { body_bytes_max: 1MiB, sessions_max: 5 }
ledger: { retention: 30d }
model_list: []
`;
    const result = await diff('general_settings: { master_key: sk-master }', after);
    expect(result.settings).toEqual([
      'general_settings.allowed_hosts',
      'general_settings.master_key',
      'general_settings.mcp_tool_prefix_separator',
      'general_settings.log_level',
      'limits.body_bytes_max',
    ]);
    expect(result.needsRestart).toEqual([
      'general_settings.port',
      'general_settings.database_url',
      'ledger.retention',
      'general_settings.realtime_scheduling',
      'limits.sessions_max',
    ]);
    expect(JSON.stringify(result)).not.toMatch(/sk-|secret@/);
    expect(isEmptyDiff(result)).toBe(false);
  });
});
