import { describe, expect, it } from 'vitest';
import { explainAll, explainPath, maskSecrets, parsePath } from './explain.ts';
import { inspectConfig } from './load.ts';

const TEXT = `litellm_settings: {master_key: sk-hidden, mcp_aliases: {d: db}}
mcp_servers:
  db: {command: x, args: ["postgresql://u:hidden@h/d", "--token=hidden", "\${API_TOKEN}", "\${PLAIN}"], timeout: 30}
virtual_keys: [{api_key: sk-hidden-2, mcp_servers: [d]}]
`;

function inspected() {
  const env = { API_TOKEN: 'hidden', PLAIN: 'seen', LANPORT_PORT: '4100' };
  return inspectConfig({
    file: 'c.yaml',
    env,
    overrides: { 'general_settings.host': 'localhost' },
    readFile: () => Promise.resolve(Buffer.from(TEXT)),
  });
}

async function one(path: string) {
  const found = explainPath(await inspected(), path);
  return found === undefined ? undefined : `${found[0]!.path} = ${found[0]!.value} (${found[0]!.origin})`;
}

describe('explaining a setting', () => {
  it('says which source won', async () => {
    expect(await one('general_settings.host')).toBe('general_settings.host = "localhost" (command line)');
    expect(await one('general_settings.port')).toBe(
      'general_settings.port = 4100 (environment variable LANPORT_PORT)',
    );
    expect(await one('mcp_servers.db.timeout')).toBe('mcp_servers.db.timeout = 30 (c.yaml:3)');
    expect(await one('limits.sessions_max')).toBe('limits.sessions_max = 10000 (default)');
    expect(await one('mcp_servers.db.description')).toBe('mcp_servers.db.description = undefined (not set)');
    expect(await one('mcp_servers.new.transport_strict')).toBe(
      'mcp_servers.new.transport_strict = false (default)',
    );
  });

  it('finds what was moved under the path where it was written', async () => {
    expect(await one('litellm_settings.master_key')).toBe(
      'litellm_settings.master_key = [secret] (c.yaml:1)',
    );
    expect(await one('litellm_settings.mcp_aliases')).toBe(
      'litellm_settings.mcp_aliases.d = "db" (c.yaml:1)',
    );
  });

  it('explains a section with everything in it, and settings without effect', async () => {
    const found = explainPath(await inspected(), 'mcp_servers.db')!;
    expect(found.map(({ path }) => path)).toEqual([
      'mcp_servers.db',
      'mcp_servers.db.command',
      'mcp_servers.db.args',
      'mcp_servers.db.timeout',
    ]);
    expect(explainPath(await inspected(), 'litellm_settings.cache')![0]!.meaning).toBe(
      'A LiteLLM setting that Lanport does not act on.',
    );
  });

  it('knows nothing of paths that no setting has', async () => {
    for (const path of ['nonsense', 'general_settings.prot', 'general_settings.port.x', '', '[', 'a..b'])
      expect(await one(path)).toBeUndefined();
  });

  it('gives type, meaning, default and environment variables', async () => {
    expect(explainPath(await inspected(), 'general_settings.port')![0]).toMatchObject({
      type: 'whole number',
      meaning: 'TCP port to listen on; 0 lets the system choose.',
      defaultValue: '4000',
      environment: ['LANPORT_PORT'],
    });
  });

  it('hides secrets, passwords in addresses, and variables that sound secret', async () => {
    const all = explainAll(await inspected());
    expect(JSON.stringify(all)).not.toContain('hidden');
    expect(all.find(({ path }) => path === 'mcp_servers.db.args')!.value).toBe(
      '["postgresql://[secret]@h/d", "--token=[secret]", "${API_TOKEN}", "seen"]',
    );
  });
});

it('masks what looks like a secret inside a text', () => {
  expect(maskSecrets('http://u:p@h/x?api_key=abc&x=1 --password=q')).toBe(
    'http://[secret]@h/x?api_key=[secret]&x=1 --password=[secret]',
  );
  expect(maskSecrets('http://h/x?page=1 a@b')).toBe('http://h/x?page=1 a@b');
});

it('reads paths with positions and quoted keys', () => {
  expect(parsePath('mcp_servers.my-db.args[0]')).toEqual(['mcp_servers', 'my-db', 'args', 0]);
  expect(parsePath('mcp_servers["a.b"].url')).toEqual(['mcp_servers', 'a.b', 'url']);
});
