import { describe, expect, it } from 'vitest';
import { loadConfig } from './load.ts';
import { ConfigError, formatProblem } from './problem.ts';

/** Every problem of a file with this text, errors and warnings, formatted. */
async function problemsOf(text: string | Uint8Array, env: Record<string, string> = {}): Promise<string[]> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  try {
    const { warnings } = await loadConfig({
      file: 'c.yaml',
      env,
      readFile: () => Promise.resolve(bytes),
      now: () => Date.UTC(2026, 0),
    });
    return warnings.map(formatProblem);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
}

function failing(code: string) {
  return async (): Promise<string[]> => {
    const readFile = (): Promise<Uint8Array> => Promise.reject(Object.assign(new Error('no'), { code }));
    const error: unknown = await loadConfig({ file: 'c.yaml', env: {}, readFile }).catch(
      (thrown: unknown) => thrown,
    );
    return (error as ConfigError).problems.map(formatProblem);
  };
}

describe('files that cannot be read', () => {
  it.each([
    ['ENOENT', 'c.yaml: error: the file does not exist. Check the path.'],
    ['EISDIR', 'c.yaml: error: this is a directory, not a file. Name the file in it.'],
    ['EACCES', 'c.yaml: error: the file may not be read by this user. Change its permissions or owner.'],
    ['EIO', 'c.yaml: error: the file cannot be read (EIO). Check the path and the disk.'],
  ])('%s is one clear line', async (code, line) => {
    expect(await failing(code)()).toEqual([line]);
  });

  it('a file that is not UTF-8 is one clear line', async () => {
    expect(await problemsOf(Buffer.from([0x61, 0x3a, 0x20, 0xff]))).toEqual([
      'c.yaml: error: the file is not UTF-8 text. Save it as UTF-8.',
    ]);
  });

  it('a file that is too large is one clear line', async () => {
    expect(await problemsOf(Buffer.alloc(4 * 1024 * 1024 + 1, 0x20))).toEqual([
      'c.yaml: error: the file is larger than 4 MiB.',
    ]);
  });

  it('an empty file, a comment alone and empty sections are no mistake', async () => {
    expect(await problemsOf('')).toEqual([]);
    expect(await problemsOf('# nothing yet\n')).toEqual([]);
    expect(await problemsOf('general_settings:\nmcp_servers:\nvirtual_keys:\nmodel_list:\n')).toEqual([]);
  });
});

describe('text that is not YAML', () => {
  it('reports every syntax error with its place and without quoting the file', async () => {
    const lines = await problemsOf('a: [1,\nb: "x\n\tc: 1\n');
    expect(lines).toEqual([
      'c.yaml:2:1: error: this is not YAML: the indentation does not fit. Entries of one level begin in the same column.',
      'c.yaml:4:1: error: this is not YAML: a character is missing, such as ":", a closing quote or a closing bracket. Look at this line and the one above.',
    ]);
    expect((await problemsOf('key: "sk-first" sk-second-secret\n')).join()).not.toContain('sk-');
  });

  it('reports keys that are given twice, with both lines', async () => {
    expect(await problemsOf('general_settings:\n  port: 1\n  host: localhost\n  port: 2\n')).toEqual([
      'c.yaml:4:3: error: general_settings.port: is given twice. It stands in line 2 already. Merge the two entries, or rename one.',
    ]);
  });

  it('refuses a file that is no map', async () => {
    expect(await problemsOf('- a\n')).toEqual([
      'c.yaml:1:1: error: the file must be a map of sections, not a list. Begin lines with a section such as "mcp_servers:".',
    ]);
    expect((await problemsOf('just text\n'))[0]).toContain('not a single value');
  });

  it('refuses several documents, unknown aliases and keys that are no text', async () => {
    expect((await problemsOf('a: 1\n---\nb: 2\n'))[0]).toContain('more than one document');
    expect((await problemsOf('general_settings: *missing\n'))[0]).toContain(
      'refers to the anchor missing, which is not defined above',
    );
    expect((await problemsOf('? [a, b]\n: 1\n'))[0]).toContain('a key that is not a plain text');
    expect((await problemsOf('mcp_servers:\n  __proto__: {url: "http://h/"}\n'))[0]).toContain(
      'is not a key',
    );
  });

  it('bounds what aliases can grow into', async () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `x-${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(', ')}]`,
    );
    const lines = await problemsOf(`x-0: &l0 [a, b]\n${levels.join('\n')}\n`);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('more than 100000 values');
  });

  it('bounds nesting', async () => {
    const lines = await problemsOf(`x-a: ${'['.repeat(150)}${']'.repeat(150)}\n`);
    expect(lines.join()).toContain('nested more than 100 levels');
  });
});

describe('unknown keys', () => {
  it.each([
    [
      'genral_settings: {}',
      'c.yaml:1:1: error: genral_settings: is not a known setting. Did you mean "general_settings"?',
    ],
    [
      'mcp_servers:\n  db:\n    url: http://h/\n    transprot: sse',
      'c.yaml:4:5: error: mcp_servers.db.transprot: is not a known setting. Did you mean "transport"?',
    ],
    [
      'master_key: sk-x',
      'c.yaml:1:1: error: master_key: is not a known setting. It belongs under general_settings or litellm_settings.',
    ],
    [
      'general_settings: {redis_host: h}',
      'c.yaml:1:20: error: general_settings.redis_host: is not a known setting. It belongs under router_settings.',
    ],
    [
      'limits: {Sessions-Max: 4}',
      'c.yaml:1:10: error: limits.Sessions-Max: is not a known setting. Did you mean "sessions_max"?',
    ],
    [
      'virtual_keys:\n  - api_key: k\n    mcp_server: [a]',
      'c.yaml:3:5: error: virtual_keys[0].mcp_server: is not a known setting. Did you mean "mcp_servers"?',
    ],
    [
      'ledger: {zzzzzz: 1}',
      'c.yaml:1:10: error: ledger.zzzzzz: is not a known setting. Known here: levels, body_bytes_max, body_retention, redact, retention, rollup_retention, key.',
    ],
  ])('%j', async (text, line) => {
    expect(await problemsOf(text)).toContain(line);
  });

  it('ignores sections that begin with x-, which hold anchors', async () => {
    expect(
      await problemsOf('x-common: &c {timeout: 5}\nmcp_servers:\n  a: {<<: *c, url: "http://h/"}\n'),
    ).toEqual([]);
  });
});

describe('settings of LiteLLM without effect', () => {
  it.each([
    [
      'litellm_settings: {cache: true}',
      'c.yaml:1:20: warning: litellm_settings.cache: is a LiteLLM setting that Lanport does not act on.',
    ],
    [
      'general_settings: {custom_auth: x.y}',
      'c.yaml:1:20: warning: general_settings.custom_auth: is a LiteLLM setting that Lanport does not act on.',
    ],
    [
      'guardrails: [{guardrail_name: a}]',
      'c.yaml:1:1: warning: guardrails: is a LiteLLM setting that Lanport does not act on.',
    ],
    [
      'router_settings: {allowed_fails_policy: {a: 1}}',
      'c.yaml:1:19: warning: router_settings.allowed_fails_policy: is a LiteLLM setting that Lanport does not act on.',
    ],
    [
      'mcp_servers: {a: {url: "http://h/", spec_version: x}}',
      'c.yaml:1:37: warning: mcp_servers.a.spec_version: is a LiteLLM setting that Lanport does not act on.',
    ],
  ])('%j is a warning that names it', async (text, line) => {
    expect(await problemsOf(text)).toEqual([line]);
  });

  it('needs no variables of what has no effect', async () => {
    expect(await problemsOf('litellm_settings: {cache_params: {password: os.environ/NOT_SET}}')).toHaveLength(
      1,
    );
  });

  it('warns of nothing that has an effect on models', async () => {
    const model = '{model_name: m, litellm_params: {model: openai/m}}';
    const lines = await problemsOf(
      `model_list: [${model}, ${model}]\nrouter_settings: {num_retries: 2}\nlitellm_settings: {priority_reservation: {a: 1}}\n`,
    );
    expect(lines).toEqual([]);
  });
});

describe('wrong types and values', () => {
  it.each([
    ['general_settings: {port: eighty}', 'general_settings.port: must be a number, not text.'],
    ['general_settings: {port: 70000}', 'general_settings.port: must be at most 65535.'],
    ['general_settings: {port: 1.5}', 'general_settings.port: must be a whole number, not a number.'],
    [
      'general_settings: {master_key: 12345}',
      'general_settings.master_key: must be text, not a number. Put the value in quotes.',
    ],
    ['general_settings: {master_key: ""}', 'general_settings.master_key: must not be empty.'],
    [
      'general_settings: {use_x_forwarded_for: maybe}',
      'general_settings.use_x_forwarded_for: must be true or false, not text.',
    ],
    [
      'general_settings: {allowed_ips: 10.0.0.1}',
      'general_settings.allowed_ips: must be a list, not text. Write it as a list: [ … ], or one "- …" a line.',
    ],
    [
      'general_settings: {allowed_ips: [10.0.0.1, 10.0.0.0/99]}',
      'general_settings.allowed_ips[1]: must be an IP address or a range such as 192.168.1.0/24.',
    ],
    ['general_settings: [1]', 'general_settings: must be a map, not a list.'],
    [
      'general_settings: {mcp_default_access: some}',
      'general_settings.mcp_default_access: is "some", but must be one of none, all.',
    ],
    [
      'general_settings: {log_level: inof}',
      'general_settings.log_level: is "inof", but must be one of debug, info, warn, error, warning, critical, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL. Did you mean "info"?',
    ],
    [
      'general_settings: {litellm_key_header_name: "a b"}',
      'general_settings.litellm_key_header_name: must be the name of an HTTP header.',
    ],
    [
      'general_settings: {database_url: "mysql://u:topsecret@h/d"}',
      'general_settings.database_url: is not a PostgreSQL address. It has the form postgresql://user:password@host:5432/database.',
    ],
    [
      'general_settings: {mcp_tool_prefix_separator: "/"}',
      'general_settings.mcp_tool_prefix_separator: must be 1 to 8 of the characters A-Z a-z 0-9 _ -.',
    ],
    [
      'limits: {body_bytes_max: big}',
      'limits.body_bytes_max: must be a size: a number of bytes, or text such as "32MiB" or "1GiB".',
    ],
    [
      'limits: {keep_alive_ms: soon}',
      'limits.keep_alive_ms: must be a duration: a number of milliseconds, or text such as "30s", "5m" or "2h".',
    ],
    ['limits: {keep_alive_ms: 0}', 'limits.keep_alive_ms: must be at least 1.'],
    ['limits: {sessions_max: 0}', 'limits.sessions_max: must be at least 1.'],
    ['virtual_keys: [{mcp_servers: []}]', 'virtual_keys[0].api_key: is missing.'],
    ['virtual_keys: [k]', 'virtual_keys[0]: must be a map, not text.'],
    [
      'virtual_keys: [{api_key: k, expires: tomorrow}]',
      'virtual_keys[0].expires: must be a date such as 2030-12-31 or a time such as 2030-12-31T18:00:00Z.',
    ],
    [
      'virtual_keys: [{api_key: k, models: [m], max_budget: -1}]',
      'virtual_keys[0].max_budget: must be at least 0.',
    ],
    [
      'virtual_keys: [{api_key: k, models: [m], max_budget: 1, budget_duration: 0s}]',
      'virtual_keys[0].budget_duration: must be one second at least.',
    ],
    ['limits: {keep_alive_ms: 4000d}', 'limits.keep_alive_ms: must be 10 years (3650d) at most.'],
    ['model_list: [{model_name: m}]', 'model_list[0].litellm_params: is missing.'],
    ['model_list: [{model_name: m, litellm_params: {}}]', 'model_list[0].litellm_params.model: is missing.'],
    ['mcp_servers: [a]', 'mcp_servers[0]: must be a map that describes an MCP server.'],
    [
      'mcp_servers: [{url: "http://h/"}]',
      'mcp_servers[0]: has no name. Add name: …, by which keys and clients can refer to this server.',
    ],
    ['mcp_servers: {a: http}', 'mcp_servers.a: must be a map, not text.'],
    ['mcp_settings: {a: 1}', 'mcp_settings: must be a list, not a map.'],
    ['litellm_settings: {mcp_aliases: [a]}', 'litellm_settings.mcp_aliases: must be a map, not a list.'],
    [
      'litellm_settings: {priority_reservation: {a: 3}}',
      'litellm_settings.priority_reservation.a: must be at most 1.',
    ],
  ])('%j', async (text, expected) => {
    const lines = await problemsOf(text);
    expect(lines.map((line) => line.replace(/^c\.yaml:\d+:\d+: error: /, ''))).toContain(expected);
    expect(lines.join('\n')).not.toContain('topsecret');
  });

  it('checks what is left when one value is wrong, so that all problems come at once', async () => {
    const lines = await problemsOf(
      'general_settings: {port: x}\nmcp_servers:\n  a: {url: "http://h/", timeout: x}\nvirtual_keys:\n  - {api_key: 1}\n  - {api_key: k, mcp_servers: [zzz]}\n',
    );
    expect(lines.map((line) => line.split(': ')[2])).toEqual([
      'general_settings.port',
      'mcp_servers.a.timeout',
      'virtual_keys[0].api_key',
      'virtual_keys[1].mcp_servers[0]',
    ]);
  });
});

describe('variables', () => {
  it('a missing one names the key and the variable', async () => {
    expect(
      await problemsOf(
        'mcp_servers:\n  a:\n    command: x\n    args: ["--url=${DB_URL}"]\n    env: {T: os.environ/TOKEN}\n',
      ),
    ).toEqual([
      'c.yaml:4:12: error: mcp_servers.a.args[0]: needs the environment variable DB_URL, which is not set. Set DB_URL, or give a default with ${DB_URL:-default}.',
      'c.yaml:5:11: error: mcp_servers.a.env.T: needs the environment variable TOKEN, which is not set. Set TOKEN, or write ${TOKEN:-default} to give a default.',
    ]);
  });

  it('a value that a variable brings in is not quoted', async () => {
    const lines = await problemsOf(
      'mcp_servers: {a: {url: "http://h/", transport: "${WHAT}"}}\ngeneral_settings: {port: os.environ/PORT}',
      { WHAT: 'hidden', PORT: 'hidden' },
    );
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain('hidden');
    expect(lines[1]).toContain('The value comes from PORT.');
  });
});

describe('values that do not come from the file', () => {
  it('name the environment variable or the command line', async () => {
    const env = { LANPORT_PORT: 'x', LITELLM_LOG: 'loud' };
    const error = (await loadConfig({ env, overrides: { 'general_settings.host': '' } }).catch(
      (thrown: unknown) => thrown,
    )) as ConfigError;
    expect(error.problems.map(formatProblem)).toEqual([
      'command line: error: general_settings.host: must not be empty.',
      'environment variable LANPORT_PORT: error: general_settings.port: must be a number, not text. The value comes from LANPORT_PORT.',
      expect.stringContaining(
        'environment variable LITELLM_LOG: error: general_settings.log_level: must be one of',
      ),
    ]);
  });

  it('a path on the command line that no setting has is a mistake of the program', async () => {
    await expect(loadConfig({ env: {}, overrides: { 'general_settings.prot': 1 } })).rejects.toThrow(
      'no setting has the path general_settings.prot',
    );
  });
});
