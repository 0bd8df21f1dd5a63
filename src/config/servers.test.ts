import { describe, expect, it } from 'vitest';
import { type LanportConfig, loadConfig } from './load.ts';
import { type ConfigError, formatProblem } from './problem.ts';

async function load(text: string, env: Record<string, string> = {}) {
  return loadConfig({ file: 'c.yaml', env, readFile: () => Promise.resolve(Buffer.from(text)) });
}

async function problems(text: string): Promise<string[]> {
  try {
    return (await load(text)).warnings.map(formatProblem);
  } catch (error) {
    return (error as ConfigError).problems.map(formatProblem);
  }
}

function revealed(config: LanportConfig, at = 0): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config.mcp.servers[at]!.headers).map(([name, value]) => [name, value.reveal()]),
  );
}

describe('transport', () => {
  it.each([
    ['{url: "http://h/mcp"}', 'http'],
    ['{url: "http://h/sse"}', 'sse'],
    ['{url: "http://h/sse?x=1"}', 'sse'],
    ['{url: "http://h/sse", transport: http}', 'http'],
    ['{url: "http://h/x", transport: streamable_http}', 'http'],
    ['{url: "http://h/x", transport: streamable-http}', 'http'],
    ['{url: "http://h/x", transport: sse}', 'sse'],
    ['{command: x}', 'stdio'],
    ['{command: x, transport: stdio}', 'stdio'],
    ['{command: "lanport:postgres", env: {DATABASE_URI: x}}', 'in-process'],
  ])('%s is %s, without a warning', async (entry, transport) => {
    const { config, warnings } = await load(`mcp_servers: {a: ${entry}}`);
    expect(config.mcp.servers[0]!.transport).toBe(transport);
    expect(warnings).toEqual([]);
  });

  it('is corrected with a warning when it contradicts url or command, and refused when strict', async () => {
    expect(
      (await load('mcp_servers: {a: {command: x, transport: sse}}')).config.mcp.servers[0]!.transport,
    ).toBe('stdio');
    expect(await problems('mcp_servers: {a: {command: x, transport: sse}}')).toEqual([
      'c.yaml:1:31: warning: mcp_servers.a.transport: is sse, but only a command is given; stdio is used. Write transport: stdio.',
    ]);
    expect(
      (await load('mcp_servers: {a: {url: "http://h/", transport: stdio}}')).config.mcp.servers[0]!.transport,
    ).toBe('http');
    expect(
      (await problems('mcp_servers: {a: {url: "http://h/", transport: stdio, transport_strict: true}}'))[0],
    ).toContain('error: mcp_servers.a.transport');
  });

  it.each([
    ['{url: "http://h/", command: x}', 'has both url and command'],
    ['{description: x}', 'has neither url nor command'],
    ['{command: "lanport:mysql"}', 'names no built-in connector'],
    ['{url: "localhost:8080/mcp"}', 'is not a complete address'],
    ['{url: "ws://h/"}', 'has the scheme ws://'],
    ['{url: "http://"}', 'cannot be read as an address'],
    ['{command: x, env: {"A B": y}}', 'is not the name of an environment variable'],
    ['{url: "http://h/", static_headers: {Host: h}}', 'may not set the header Host'],
    ['{url: "http://h/", static_headers: {"A B": h}}', 'must be the name of an HTTP header'],
    ['{url: "http://h/", static_headers: {X: "a\\nb"}}', 'characters that a header cannot carry'],
    ['{url: "http://h/", extra_headers: [content-length]}', 'may not pass on content-length'],
  ])('%s is refused', async (entry, what) => {
    const lines = await problems(`mcp_servers: {a: ${entry}}`);
    expect(lines.filter((line) => line.includes('error')).join()).toContain(what);
  });
});

describe('credentials', () => {
  it.each([
    ['api_key', 'v', { 'X-API-Key': 'v' }],
    ['bearer_token', 'v', { Authorization: 'Bearer v' }],
    ['bearer_token', 'Bearer v', { Authorization: 'Bearer v' }],
    ['basic', 'user:pass', { Authorization: `Basic ${Buffer.from('user:pass').toString('base64')}` }],
    [
      'basic',
      Buffer.from('user:pass').toString('base64'),
      { Authorization: `Basic ${Buffer.from('user:pass').toString('base64')}` },
    ],
    ['basic', 'abcd', { Authorization: `Basic ${Buffer.from('abcd').toString('base64')}` }],
    ['authorization', 'Digest x', { Authorization: 'Digest x' }],
    ['token', 'v', { Authorization: 'token v' }],
  ])('%s sends %s as one header', async (type, value, expected) => {
    const { config } = await load(
      `mcp_servers: {a: {url: "http://h/", auth_type: ${type}, auth_value: "${value}"}}`,
    );
    expect(revealed(config)).toEqual(expected);
  });

  it('authentication_token wins over auth_value, own headers over both, and names keep their case', async () => {
    const { config } = await load(
      'mcp_servers: {a: {url: "http://h/", auth_type: api_key, auth_value: one, authentication_token: two, headers: {X-Team: 7}, static_headers: {X-Trace: "on"}}}',
    );
    expect(revealed(config)).toEqual({ 'X-API-Key': 'two', 'X-Team': '7', 'X-Trace': 'on' });
  });

  it('a value without auth_type is not sent, as in LiteLLM, but a warning says so', async () => {
    const text = 'mcp_servers: {a: {url: "http://h/", auth_value: sk-hidden}}';
    expect(revealed((await load(text)).config)).toEqual({});
    expect(await problems(text)).toEqual([
      'c.yaml:1:37: warning: mcp_servers.a.auth_value: is not sent, because auth_type is missing. Add auth_type: bearer_token (or api_key, basic, authorization, token).',
    ]);
  });

  it('an auth_type that is not supported yet is a warning', async () => {
    expect(
      (await problems('mcp_servers: {a: {url: "http://h/", auth_type: oauth2, auth_value: x}}'))[0],
    ).toContain('does not support yet; no credential is sent');
  });

  it('user and password leave the URL and become a header', async () => {
    const { config } = await load('mcp_servers: {a: {url: "http://us%40r:p%3Aw@h:1/mcp?x=1"}}');
    expect(config.mcp.servers[0]!.url).toBe('http://h:1/mcp?x=1');
    expect(revealed(config)).toEqual({
      Authorization: `Basic ${Buffer.from('us@r:p:w').toString('base64')}`,
    });
  });

  it('headers of a server that is started here are a warning', async () => {
    expect(
      (await problems('mcp_servers: {a: {command: x, auth_type: api_key, auth_value: v}}'))[0],
    ).toContain('does not get');
  });
});

describe('names', () => {
  it('mcp_aliases counts at the top level and under litellm_settings; the first becomes the prefix', async () => {
    const { config } = await load(
      'mcp_servers: {pg: {url: "http://h/"}}\nmcp_aliases: {db: pg}\nlitellm_settings: {mcp_aliases: {sql: pg}}\n',
    );
    expect(config.mcp.servers[0]).toMatchObject({ name: 'pg', alias: 'db', otherAliases: ['sql'] });
  });

  it('an alias on the server stays the prefix, and repeating it is no further name', async () => {
    const { config } = await load(
      'mcp_servers: {pg: {url: "http://h/", alias: db}}\nmcp_aliases: {db: pg, sql: pg}\n',
    );
    expect(config.mcp.servers[0]).toMatchObject({ alias: 'db', otherAliases: ['sql'] });
  });

  it.each([
    [
      'mcp_servers: {postgres: {url: "http://h/"}}\nmcp_aliases: {db: postgers}',
      'names the MCP server "postgers", which does not exist. Did you mean "postgres"?',
    ],
    [
      'mcp_servers: {a: {url: "http://h/"}, A: {url: "http://h/"}}',
      '"A" is already the name of the MCP server a',
    ],
    [
      'mcp_servers: {a: {url: "http://h/", alias: b}, b: {url: "http://h/"}}',
      '"b" is already the name of the MCP server b',
    ],
    [
      'mcp_servers: {a: {url: "http://h/", alias: x}, b: {url: "http://h/", alias: x}}',
      '"x" is already the alias of the MCP server a',
    ],
    [
      'mcp_servers: {a: {url: "http://h/", access_groups: [b]}, b: {url: "http://h/"}}',
      '"b" is already the name of the MCP server b',
    ],
    [
      'mcp_servers: {a: {url: "http://h/", access_groups: [a]}, b: {url: "http://h/", access_groups: [a]}}',
      '"a" is already the name of the MCP server a',
    ],
    ['mcp_servers: {"a b": {url: "http://h/"}}', 'mcp_servers["a…"]: is not a usable name'],
    ['mcp_servers: {a: {url: "http://h/", alias: "x y"}}', 'mcp_servers.a.alias: cannot be an alias'],
    [
      'mcp_servers: {a: {url: "http://h/"}}\nmcp_aliases: {"x y": a}',
      'mcp_aliases["x…"]: cannot be an alias',
    ],
    [
      'mcp_servers: {a: {url: "http://h/"}, b: {url: "http://h/"}}\nmcp_aliases: {x: a}\nlitellm_settings: {mcp_aliases: {x: b}}',
      'litellm_settings.mcp_aliases.x: is given to another server under mcp_aliases',
    ],
  ])('%j is refused', async (text, what) => {
    const lines = await problems(text);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`error: `);
    expect(lines[0]).toContain(what);
  });

  it('letters, digits, "_", "-" and "." are allowed, and a group may be named as its only server', async () => {
    expect(
      await problems('mcp_servers: {My-db_2.x: {url: "http://h/", access_groups: [My-db_2.x, other]}}'),
    ).toEqual([]);
  });
});

describe('the forms of a list', () => {
  it('mcp_settings: a command in one text is split without a shell', async () => {
    const text = `mcp_settings:\n  - mcp_server:\n      name: db\n      command: npx -y "pg mcp" --url=\${URL}\n      args: [last]\n      api_keys: [sk-a]\n`;
    const { config, warnings } = await load(text, { URL: 'postgresql://u:p&x y@h/d' });
    expect(warnings).toEqual([]);
    expect(config.mcp.servers[0]).toMatchObject({
      name: 'db',
      transport: 'stdio',
      command: 'npx',
      args: ['-y', 'pg mcp', '--url=postgresql://u:p&x y@h/d', 'last'],
    });
    expect(config.mcp.servers[0]!.source).toEqual({
      file: 'c.yaml',
      line: 3,
      keyLines: { command: 4, args: 5, api_keys: 6 },
    });
    expect(config.keys.keys[0]).toMatchObject({
      source: 'mcp_settings[0].mcp_server.api_keys[0]',
      mcpServers: ['db'],
    });
  });

  it.each([
    ['FOO=1 npx x', 'begins with an assignment to FOO. Write it under env: FOO: …'],
    ['npx x | tee y', 'uses the shell operator |'],
    ['npx x && y', 'uses the shell operator &'],
    ['npx $HOME', 'uses the shell form $NAME'],
    ['npx $(id)', 'uses the shell form $(…)'],
    ["npx 'open", "has no closing '"],
  ])('command: %s is refused with a way out', async (command, what) => {
    const lines = await problems(
      `mcp_settings:\n  - mcp_server:\n      name: db\n      command: ${JSON.stringify(command)}\n`,
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`mcp_settings[0].mcp_server.command: ${what}`);
  });

  it('mcp_servers may be a list of entries with names, of single-key maps, or of mcp_server maps', async () => {
    const { config } = await load(
      'mcp_servers:\n  - {name: a, url: "http://h/"}\n  - b: {url: "http://h/"}\n  - mcp_server: {server_name: c, url: "http://h/"}\n',
    );
    expect(config.mcp.servers.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('a name in both sections is refused', async () => {
    expect(
      (
        await problems(
          'mcp_servers: {a: {url: "http://h/"}}\nmcp_settings: [{mcp_server: {name: a, url: "http://h/"}}]',
        )
      )[0],
    ).toContain('is a second MCP server named "a"');
  });

  it('a command in one text under mcp_servers is split too, with a warning, unless args are given', async () => {
    const { config, warnings } = await load(
      'mcp_servers: {a: {command: "uvx pg --x"}, b: {command: "/my dir/x", args: [y]}}',
    );
    expect(config.mcp.servers).toMatchObject([
      { command: 'uvx', args: ['pg', '--x'] },
      { command: '/my dir/x', args: ['y'] },
    ]);
    expect(warnings.map(({ path }) => path)).toEqual(['mcp_servers.a.command']);
  });
});

describe('the rest of an entry', () => {
  it('durations, lists and defaults arrive completed', async () => {
    const { config } = await load(
      'limits: {server_start_ms: 7s}\nmcp_servers: {a: {url: "http://h/", timeout: 30, start_timeout: 2m, extra_headers: [X-Me], allowed_tools: [t], concurrency: 3, idle_shutdown: 10m}, b: {command: x, args: [1.10, true], env: {N: 1.10, B: True}}}',
    );
    expect(config.mcp.servers[0]).toMatchObject({
      callTimeoutMs: 30_000,
      startTimeoutMs: 120_000,
      extraHeaders: ['x-me'],
      allowedTools: ['t'],
      concurrency: 3,
      idleShutdownMs: 600_000,
      isolation: 'shared',
    });
    const second = config.mcp.servers[1]!;
    expect(second).toMatchObject({
      args: ['1.10', 'true'],
      startTimeoutMs: 7_000,
      callTimeoutMs: 300_000,
      concurrency: 1_024,
      allowedTools: undefined,
    });
    expect([second.env['N']!.reveal(), second.env['B']!.reveal()]).toEqual(['1.10', 'True']);
  });

  it('source carries the lines that findings name', async () => {
    const { config } = await load('mcp_servers:\n\n  db:\n    url: http://h/sse\n    transport: http\n');
    expect(config.mcp.servers[0]!.source).toEqual({
      file: 'c.yaml',
      line: 3,
      keyLines: { url: 4, transport: 5 },
    });
  });

  it('what is loaded but has no effect yet says so', async () => {
    const lines = await problems(
      'mcp_servers: {a: {url: "http://h/", health_check: true, isolation: session, idle_shutdown: 10m}}',
    );
    expect(lines.map((line) => line.split(': ')[2])).toEqual(['mcp_servers.a.health_check']);
  });

  it('a server says what happens with tools that change, or general_settings for those that do not', async () => {
    const { config } = await load(
      'general_settings: {mcp_on_tool_change: hold}\nmcp_servers: {a: {url: "http://h/"}, b: {url: "http://h/", on_tool_change: notify}}',
    );
    expect(config.mcp.servers.map(({ onToolChange }) => onToolChange)).toEqual(['hold', 'notify']);
    expect((await load('mcp_servers: {a: {command: x}}')).config.mcp.servers[0]!.onToolChange).toBe('notify');
    expect((await problems('mcp_servers: {a: {command: x, on_tool_change: ask}}'))[0]).toContain(
      'error: mcp_servers.a.on_tool_change',
    );
  });

  it('tool_overrides are complete, and names in them that clients would not see as they are written are refused', async () => {
    const { config, warnings } = await load(
      'mcp_servers: {a: {command: x, tool_overrides: {t: {name: find, arguments: {limit: 10}}, u: {hidden: true}}}}',
    );
    expect(warnings).toEqual([]);
    expect(config.mcp.servers[0]!.toolOverrides).toEqual({
      t: {
        name: 'find',
        title: undefined,
        description: undefined,
        annotations: {},
        hidden: false,
        arguments: { limit: 10 },
      },
      u: {
        name: undefined,
        title: undefined,
        description: undefined,
        annotations: {},
        hidden: true,
        arguments: {},
      },
    });
    const long = 'n'.repeat(45);
    const lines = await problems(
      `mcp_servers: {a: {alias: shop, command: x, tool_overrides: {t: {name: "a.b"}, u: {name: ${long}}, v: {name: w}, x: {name: w}, y: {name: w, hidden: true}}}}`,
    );
    expect(lines.map((line) => line.slice(line.indexOf('mcp_servers')))).toEqual([
      'mcp_servers.a.tool_overrides.t.name: cannot be the name of a tool. Use letters, digits, "_" and "-".',
      'mcp_servers.a.tool_overrides.u.name: has 45 characters, and 43 are left after the prefix "shop-". Use a shorter name, or give the server a shorter alias.',
      'mcp_servers.a.tool_overrides.x.name: is given to "v" too. Two tools of a server cannot have the same name.',
    ]);
  });

  it('a server of an OpenAPI document is left out with a warning, and may still be named', async () => {
    const { config, warnings } = await load(
      'mcp_servers: {a: {url: "http://h/", spec_path: x.json}}\nmcp_aliases: {b: a}\nvirtual_keys: [{api_key: k, mcp_servers: [a]}]',
    );
    expect(config.mcp.servers).toEqual([]);
    expect(warnings.map(formatProblem).join()).toContain('the server is left out');
  });
});
