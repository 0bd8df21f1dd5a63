import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { explainAll } from './explain.ts';
import { defaultConfig, inspectConfig, type LoadOptions, loadConfig } from './load.ts';
import { type ConfigError, formatProblem } from './problem.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');

/** Loads from texts by file name. */
function loadTexts(texts: Record<string, string>, options: Partial<LoadOptions> = {}) {
  const readFile = (path: string): Promise<Uint8Array> => {
    const text = texts[path];
    if (text === undefined) return Promise.reject(Object.assign(new Error(path), { code: 'ENOENT' }));
    return Promise.resolve(Buffer.from(text));
  };
  return loadConfig({
    file: 'c.yaml',
    env: {},
    readFile,
    fileMode: () => Promise.resolve(0o600),
    ...options,
  });
}

describe('precedence', () => {
  it('command line, then file, then environment, then default', async () => {
    const env = { LANPORT_PORT: '4003', LANPORT_HOST: 'localhost' };
    const port = async (text: string, overrides = {}, given: Record<string, string> = env) =>
      (await loadTexts({ 'c.yaml': text }, { env: given, overrides })).config.edge.port;
    expect(await port('', {}, {})).toBe(4000);
    expect(await port('')).toBe(4003);
    expect(await port('general_settings: {port: 4002}')).toBe(4002);
    expect(await port('general_settings: {port: 4002}', { 'general_settings.port': 4001 })).toBe(4001);
    expect(await port('general_settings: {port: 4002}', { 'general_settings.port': undefined })).toBe(4002);
  });

  it('the master key comes from either section, from LANPORT_MASTER_KEY or from LITELLM_MASTER_KEY', async () => {
    const key = async (text: string, env = {}) =>
      (await loadTexts({ 'c.yaml': text }, { env })).config.keys.masterKey?.reveal();
    expect(await key('')).toBeUndefined();
    expect(await key('general_settings: {master_key: sk-g}')).toBe('sk-g');
    expect(await key('litellm_settings: {master_key: sk-l}')).toBe('sk-l');
    expect(await key('litellm_settings: {master_key: sk-l}\ngeneral_settings: {master_key: sk-g}')).toBe(
      'sk-g',
    );
    expect(await key('', { LITELLM_MASTER_KEY: 'sk-e' })).toBe('sk-e');
    expect(await key('', { LITELLM_MASTER_KEY: 'sk-e', LANPORT_MASTER_KEY: 'sk-p' })).toBe('sk-p');
    expect(await key('litellm_settings: {master_key: sk-l}', { LITELLM_MASTER_KEY: 'sk-e' })).toBe('sk-l');
    expect(await key('general_settings: {master_key: }', { LITELLM_MASTER_KEY: 'sk-e' })).toBe('sk-e');
  });

  it('the database comes from either section, DATABASE_URL or its parts; an empty variable counts as unset', async () => {
    const url = async (text: string, env = {}) =>
      (await loadTexts({ 'c.yaml': text }, { env })).config.store.databaseUrl?.reveal();
    expect(await url('general_settings: {database_url: "postgresql://g/d"}')).toBe('postgresql://g/d');
    expect(
      await url('litellm_settings: {database_url: "postgresql://l/d"}', { DATABASE_URL: 'postgresql://e/d' }),
    ).toBe('postgresql://l/d');
    expect(await url('', { DATABASE_URL: 'postgresql://e/d' })).toBe('postgresql://e/d');
    expect(await url('', { DATABASE_URL: '' })).toBeUndefined();
    expect(
      await url('', {
        DATABASE_HOST: 'h',
        DATABASE_NAME: 'd',
        DATABASE_USERNAME: 'u',
        DATABASE_PASSWORD: 'a@b',
      }),
    ).toBe('postgresql://u:a%40b@h/d');
  });

  it('a value of the environment is never expanded again', async () => {
    const { config } = await loadTexts({ 'c.yaml': '' }, { env: { LITELLM_MASTER_KEY: 'sk-${HOME}' } });
    expect(config.keys.masterKey?.reveal()).toBe('sk-${HOME}');
  });
});

describe('without a file', () => {
  it('the defaults listen on loopback only, without keys and servers', async () => {
    const { config, warnings } = await defaultConfig();
    expect(warnings).toEqual([]);
    expect(config.files).toEqual([]);
    expect(config.edge).toEqual({
      host: '127.0.0.1',
      port: 4000,
      allowedIps: [],
      useXForwardedFor: false,
      trustedProxies: [],
      allowedHosts: [],
      keyHeaderName: undefined,
    });
    expect(config.keys).toEqual({ masterKey: undefined, keys: [], defaultAccess: 'none' });
    expect(config.mcp).toEqual({ servers: [], separator: '-' });
    expect(config.limits.bodyBytesMax).toBe(32 * 1024 * 1024);
    expect(config.log).toEqual({ level: 'info' });
  });
});

describe('further sources', () => {
  it('include appends lists, merges maps, and lets the included value win with a warning', async () => {
    const { config, warnings } = await loadTexts(
      {
        'conf/c.yaml':
          'include: [more/a.yaml]\ngeneral_settings: {port: 1, host: localhost}\nvirtual_keys: [{api_key: k1}]\n',
        'conf/more/a.yaml':
          'include: [b.yaml]\ngeneral_settings: {port: 2}\nvirtual_keys: [{api_key: k2, mcp_servers: [s]}]\n',
        'conf/more/b.yaml': 'mcp_servers: {s: {url: "http://h/"}}\n',
      },
      { file: 'conf/c.yaml' },
    );
    expect(config.files).toEqual(['conf/c.yaml', 'conf/more/a.yaml', 'conf/more/b.yaml']);
    expect([config.edge.port, config.edge.host]).toEqual([2, 'localhost']);
    expect(config.keys.keys.map(({ value }) => value.reveal())).toEqual(['k1', 'k2']);
    expect(config.mcp.servers[0]!.source.file).toBe('conf/more/b.yaml');
    expect(warnings.map(formatProblem)).toEqual([
      'conf/more/a.yaml:2:20: warning: general_settings.port: replaces the value of conf/c.yaml:2. Keep one of them.',
    ]);
  });

  it('include refuses cycles, missing files and broken ones, each with its place', async () => {
    const texts = { 'c.yaml': 'include: [c.yaml, no.yaml, bad.yaml, "${NOPE}", 7]\n', 'bad.yaml': 'a: [\n' };
    const error = (await loadTexts(texts).catch((thrown: unknown) => thrown)) as ConfigError;
    const lines = error.problems.map(formatProblem);
    expect(lines).toHaveLength(5);
    expect(lines.join('\n')).toContain(
      'c.yaml:1:11: error: include: names c.yaml, which is being read already',
    );
    expect(lines.join('\n')).toContain('no.yaml: error: the file does not exist.');
    expect(lines.join('\n')).toContain('bad.yaml:2:1: error: this is not YAML');
    expect(lines.join('\n')).toContain('needs the environment variable NOPE');
    expect(lines.join('\n')).toContain('include[4]: must be the name of a file');
  });

  it('environment_variables count for this file, may build on each other, and never beat the process', async () => {
    const text =
      'environment_variables: {A: a, B: "${A}b", C: os.environ/OUTER, D: 1.10}\ngeneral_settings: {master_key: "${A}-${B}-${C}-${D}"}\n';
    const { config } = await loadTexts({ 'c.yaml': text }, { env: { OUTER: 'o', A: 'process' } });
    expect(config.keys.masterKey?.reveal()).toBe('process-processb-o-1.10');
  });

  it('variables become numbers and true/false where those are wanted; YAML 1.1 words too', async () => {
    const text =
      'general_settings: {port: "${P}", use_x_forwarded_for: os.environ/X, disable_database: yes, max_request_size_mb: os.environ/M}\n';
    const { config } = await loadTexts({ 'c.yaml': text }, { env: { P: '4100', X: 'True', M: '1.5' } });
    expect(config.edge).toMatchObject({ port: 4100, useXForwardedFor: true });
    expect(config.store.disabled).toBe(true);
    expect(config.limits.bodyBytesMax).toBe(1.5 * 1024 * 1024);
  });

  it('limits take sizes and durations and win over max_request_size_mb', async () => {
    const { config } = await loadTexts({
      'c.yaml':
        'limits: {body_bytes_max: 1MiB, keep_alive_ms: 5s, server_start_ms: 1500}\ngeneral_settings: {max_request_size_mb: 9}\n',
    });
    expect(config.limits).toMatchObject({
      bodyBytesMax: 1024 * 1024,
      keepAliveMs: 5_000,
      serverStartMs: 1_500,
      sessionsMax: 10_000,
    });
  });

  it('the log level knows the words of LiteLLM', async () => {
    const level = async (text: string, env = {}) =>
      (await loadTexts({ 'c.yaml': text }, { env })).config.log.level;
    expect(await level('general_settings: {log_level: WARNING}')).toBe('warn');
    expect(await level('', { LITELLM_LOG: 'ERROR' })).toBe('error');
    expect(await level('general_settings: {detailed_debug: true}')).toBe('debug');
    expect(await level('litellm_settings: {set_verbose: true}')).toBe('debug');
  });
});

describe('an env file', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'config-'));
    await writeFile(join(folder, '.env'), 'A=from-file\nB="quoted value"\n# comment\n', { mode: 0o600 });
    await writeFile(join(folder, 'c.yaml'), 'general_settings: {master_key: "${A} ${B}"}\n');
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives variables, below those of the process', async () => {
    const options = { file: join(folder, 'c.yaml'), envFile: join(folder, '.env') };
    expect((await loadConfig({ ...options, env: {} })).config.keys.masterKey?.reveal()).toBe(
      'from-file quoted value',
    );
    expect((await loadConfig({ ...options, env: { A: 'x' } })).config.keys.masterKey?.reveal()).toBe(
      'x quoted value',
    );
  });

  it('that others may read is a warning with the command that helps; a missing one is an error', async () => {
    const envFile = join(folder, '.env');
    expect((await loadConfig({ env: {}, envFile })).warnings).toEqual([]);
    await chmod(envFile, 0o640);
    expect((await loadConfig({ env: {}, envFile })).warnings.map(formatProblem)).toEqual([
      `${envFile}: warning: others than its owner may read this env file (mode 640). Run: chmod 600 ${envFile}`,
    ]);
    await expect(loadConfig({ env: {}, envFile: join(folder, 'none') })).rejects.toThrow(
      'the file does not exist',
    );
  });

  it('a directory in place of the file is one clear line', async () => {
    await expect(loadConfig({ env: {}, file: folder })).rejects.toThrow('this is a directory, not a file');
  });
});

describe('the four shapes that LiteLLM deployments wrote', () => {
  const env = {
    OPENAI_API_KEY: 'sk-openai',
    LITELLM_MASTER_KEY: 'sk-master-0123456789',
    DATABASE_URL: 'postgresql://u:p@h/d',
    TEAM_KEY: 'sk-team',
  };
  const load = (name: string) => loadConfig({ file: join(EXAMPLES, name), env });

  it.each([
    [
      'litellm-1-sse-alias.yaml',
      { name: 'postgres_mcp', alias: 'db', transport: 'sse', url: 'http://postgres-mcp:8686/sse' },
    ],
    [
      'litellm-2-mcp-aliases.yaml',
      { name: 'postgres_server', alias: 'db', otherAliases: ['warehouse'], transport: 'sse' },
    ],
    [
      'litellm-3-mcp-settings.yaml',
      {
        name: 'db',
        alias: undefined,
        transport: 'stdio',
        command: 'postgres-mcp',
        args: ['--access-mode=restricted', 'postgresql://postgres@localhost:5432/postgres'],
      },
    ],
    [
      'litellm-4-http-no-database.yaml',
      { name: 'db', alias: 'db', transport: 'http', accessGroups: ['databases'] },
    ],
  ])('%s loads as it is, and the key may use the server', async (name, server) => {
    const { config, warnings } = await load(name);
    expect(config.mcp.servers).toHaveLength(1);
    expect(config.mcp.servers[0]).toMatchObject(server);
    expect(config.keys.masterKey?.reveal()).toBe('sk-master-0123456789');
    expect(config.keys.keys.map(({ value }) => value.reveal())).toEqual(['sk-team']);
    const known: (string | undefined)[] = [server.name, server.alias, ...config.mcp.servers[0]!.accessGroups];
    expect(known).toContain(config.keys.keys[0]!.mcpServers[0]);
    expect(config.llm.models.length).toBeGreaterThan(0);
    expect(config.store.disabled).toBe(name.includes('no-database'));
    expect(warnings.filter(({ path }) => path === 'model_list')).toEqual([]);
  });
});

describe('secrets', () => {
  const secret = (at: number): string => `s3cret-${at}-value`;
  const text = `
environment_variables: {OWN: ${secret(0)}}
general_settings: {master_key: ${secret(1)}, database_url: "postgresql://u:${secret(2)}@h/d"}
virtual_keys:
  - {api_key: ${secret(3)}, mcp_servers: [a]}
  - {api_key: "\${OWN}"}
mcp_servers:
  a: {url: "http://u:${secret(4)}@h/", static_headers: {X-A: ${secret(5)}}, api_keys: [${secret(6)}]}
  b: {url: "http://h/", auth_type: bearer_token, auth_value: ${secret(7)}}
  c: {command: x, env: {TOKEN: ${secret(8)}, OTHER: os.environ/FROM_ENV}}
  d: {url: "http://h/", auth_type: basic, authentication_token: "u:${secret(9)}"}
model_list:
  - {model_name: m, litellm_params: {model: openai/m, api_key: ${secret(10)}, aws_secret_access_key: ${secret(11)}, headers: {X: ${secret(12)}}}}
router_settings: {redis_password: ${secret(13)}}
litellm_settings: {cache_params: {password: ${secret(14)}}}
`;
  const env = { FROM_ENV: secret(15) };
  const encoded = [`u:${secret(4)}`, `u:${secret(9)}`].map((pair) => Buffer.from(pair).toString('base64'));
  /** The secrets that a text shows. */
  const shownIn = (printed: string): string[] => [
    ...(printed.match(/s3cret\S*/g) ?? []),
    ...encoded.filter((pair) => printed.includes(pair)),
  ];

  it('never show in the configuration, whichever way it is printed', async () => {
    const { config } = await loadTexts({ 'c.yaml': text }, { env });
    expect(shownIn(JSON.stringify(config))).toEqual([]);
    expect(shownIn(inspect(config, { depth: null, showHidden: true }))).toEqual([]);
    expect(shownIn(inspect(config, { depth: null, customInspect: false, showHidden: true }))).toEqual([]);
    expect(config.keys.masterKey?.reveal()).toBe(secret(1));
    expect(config.mcp.servers[2]!.env['OTHER']!.reveal()).toBe(secret(15));
    expect(config.keys.keys[1]!.value.reveal()).toBe(secret(0));
  });

  it('never show in an explanation', async () => {
    const readFile = () => Promise.resolve(Buffer.from(text));
    expect(
      shownIn(JSON.stringify(explainAll(await inspectConfig({ file: 'c.yaml', env, readFile })))),
    ).toEqual([]);
  });

  it('never show in a problem, whichever line of the file is damaged and however', async () => {
    const lines = text.split('\n');
    const damages: ((line: string) => string)[] = [
      (line) => line.replace(':', ''),
      (line) => line.replace('{', '{{'),
      (line) => line.replace(/(\w+): (\S*s3cret\S*?)([,}])/, '$1: [$2]$3'),
      (line) => line.replace(/(\w+): (\S*s3cret\S*?)([,}])/, '$1: {k: $2}$3'),
      (line) => line.replaceAll(/([a-z_]+): /g, '$1x: '),
      (line) => line.replaceAll('http://', ''),
      (line) => line.replaceAll('"', ''),
      (line) => line.replace(/}$/, ''),
      (line) => `${line}\n${line}`,
      (line) => line.replace(/bearer_token|basic/, secret(16)),
    ];
    let failures = 0;
    for (const at of lines.keys()) {
      for (const damage of damages) {
        const damaged = lines.with(at, damage(lines[at]!)).join('\n');
        const readFile = () => Promise.resolve(Buffer.from(damaged));
        const { problems } = await inspectConfig({ file: 'c.yaml', env, readFile });
        if (problems.some(({ severity }) => severity === 'error')) failures += 1;
        expect(shownIn(JSON.stringify(problems) + problems.map(formatProblem).join('\n'))).toEqual([]);
      }
    }
    expect(failures).toBeGreaterThan(50);
  });
});

describe('the result', () => {
  it('is frozen to its leaves', async () => {
    const { config } = await loadTexts({
      'c.yaml': 'mcp_servers: {a: {command: x, args: [y], env: {A: b}}}\nvirtual_keys: [{api_key: k}]\n',
    });
    const check = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      for (const inner of Object.values(value)) check(inner);
    };
    check(config);
  });

  it('a ConfigError carries warnings beside errors, in the order of the file', async () => {
    const error = (await loadTexts({
      'c.yaml': 'litellm_settings: {cache: true}\ngeneral_settings: {port: x}\nguardrails: []\n',
    }).catch((thrown: unknown) => thrown)) as ConfigError;
    expect(error.problems.map(({ severity, line }) => `${severity} ${line}`)).toEqual([
      'warning 1',
      'error 2',
      'warning 3',
    ]);
    expect(error.message).toBe('c.yaml:2:20: error: general_settings.port: must be a number, not text.');
  });
});
