import { mkdtemp, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configWith, type LogLine, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer, rpc } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { ROOT } from '../support/process.ts';
import { openRaw, type RawStream } from '../support/raw-stream.ts';
import { startSlowServer } from '../support/slow-server.ts';
import { verifies } from '../support/verifies.ts';

const ANNA = 'sk-anna-0123456789abcdef';
const BERT = 'sk-bert-0123456789abcdef';
const LIST_CHANGED = 'notifications/tools/list_changed';
const RELOADED = 'the configuration was reloaded';
const REFUSED = 'the configuration was not reloaded; the one before goes on serving';

/** A list waits for a new server on a slow machine, too. */
const PATIENT = { limits: { first_list_wait_ms: 25_000 } };

const server = (...args: string[]) => ({
  command: process.execPath,
  args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts'), ...args],
});
const key = (value: string, alias: string, more: object = {}) => ({
  api_key: value,
  key_alias: alias,
  mcp_servers: ['one'],
  ...more,
});

interface Reloaded {
  readonly servers: Record<'added' | 'removed' | 'changed' | 'unchanged', string[]>;
  readonly keys: Record<'added' | 'removed' | 'changed', string[]>;
  readonly settings: string[];
  readonly needsRestart: string[];
}

interface Health {
  readonly configuration: {
    readonly problems: string[];
    readonly files: string[];
    readonly loadedAt: string;
  };
  readonly servers: readonly { readonly name: string; readonly pid?: number; readonly starts: number }[];
}

let gateway: TestGateway;
let file: string;
const streams: RawStream[] = [];

/** Writes the configuration with these servers. */
const write = (
  servers: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> => writeFile(file, JSON.stringify(configWith(servers, { ...PATIENT, ...more })));

const post = (presented: string | undefined): Promise<HttpAnswer> =>
  http(`${gateway.url}/config/reload`, {
    method: 'POST',
    headers: presented === undefined ? {} : { authorization: `Bearer ${presented}` },
  });

async function reload(): Promise<Reloaded> {
  const answer = await post(MASTER_KEY);
  expect(answer.text).toContain('"servers"');
  return answer.json<Reloaded>();
}

/** Reloads `servers`, the settings and keys in `more`. */
async function change(servers: Readonly<Record<string, unknown>>, more: object = {}): Promise<Reloaded> {
  await write(servers, { ...more });
  return reload();
}

const health = async (presented = MASTER_KEY): Promise<Health> =>
  (await http(`${gateway.url}/health`, { headers: { authorization: `Bearer ${presented}` } })).json<Health>();

const ask = (presented: string, method: string, params: object = {}, headers = {}, path = '/mcp') =>
  rpc(`${gateway.url}${path}`, presented, { jsonrpc: '2.0', id: 1, method, params }, headers);

async function toolNames(presented = MASTER_KEY): Promise<string[]> {
  const { result } = (await ask(presented, 'tools/list')).json<{ result: { tools: { name: string }[] } }>();
  return result.tools.map(({ name }) => name);
}

/** The process of a server, as its tool says. */
async function pidOf(name: string): Promise<number> {
  const { result } = (await ask(MASTER_KEY, 'tools/call', { name: 'pid' }, {}, `/${name}/mcp`)).json<{
    result: { content: { text: string }[] };
  }>();
  return Number(result.content[0]?.text);
}

/** Opens a session and its GET stream. */
async function session(presented: string): Promise<{ headers: Record<string, string>; stream: RawStream }> {
  const opened = await ask(presented, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'reload-test', version: '1' },
  });
  const headers = { 'mcp-session-id': String(opened.headers['mcp-session-id']) };
  return { headers, stream: await listen('/mcp', presented, headers) };
}

async function listen(path: string, presented: string, headers = {}): Promise<RawStream> {
  const stream = await openRaw(`${gateway.url}${path}`, {
    authorization: `Bearer ${presented}`,
    ...headers,
  });
  streams.push(stream);
  if (stream.status !== 200) throw new Error(`no stream: ${stream.status}`);
  return stream;
}

const isReload = (line: LogLine, trigger: string): boolean =>
  line.message === RELOADED && line['trigger'] === trigger;

const started = (...args: string[]): void => {
  beforeEach(async () => {
    const keys = { virtual_keys: [key(ANNA, 'anna'), key(BERT, 'bert')] };
    gateway = await startGateway({ config: configWith({ one: server() }, { ...PATIENT, ...keys }), args });
    file = join(gateway.folder, 'config.yaml');
  });
};

afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  await gateway[Symbol.asyncDispose]();
});

describe('a reload', () => {
  started('--no-watch');

  it('is asked for by SIGHUP', async () => {
    verifies('config:reload');
    await write({ one: server(), two: server() });
    process.kill(gateway.pid, 'SIGHUP');
    const line = await gateway.logged((one) => one.message === RELOADED);
    expect(line).toMatchObject({ trigger: 'signal', servers: { added: ['two'], unchanged: ['one'] } });
    process.kill(gateway.pid, 'SIGHUP');
    await gateway.logged((one) => isReload(one, 'signal') && one['time'] !== line['time']);
    expect(await toolNames()).toContain('two-echo');
  });

  it('starts a changed server anew and ends a removed one, and tells it', async () => {
    await change({ one: server(), two: server(), three: server() });
    const pids = await Promise.all(['one', 'two', 'three'].map(pidOf));
    const { stream } = await session(MASTER_KEY);
    const { servers } = await change({ one: server(), two: server('--other') });
    expect(servers).toEqual({ added: [], removed: ['three'], changed: ['two'], unchanged: ['one'] });
    await stream.saw(LIST_CHANGED);
    expect(await pidOf('one')).toBe(pids[0]);
    expect(await pidOf('two')).not.toBe(pids[1]);
    for (const pid of pids.slice(1)) expect(() => process.kill(pid, 0), `process ${pid}`).toThrow(/ESRCH/);
    expect((await toolNames()).filter((name) => name.startsWith('three'))).toEqual([]);
    expect((await ask(MASTER_KEY, 'tools/call', { name: 'three-echo', arguments: {} })).json()).toMatchObject(
      {
        error: { code: -32602 },
      },
    );
    expect((await ask(MASTER_KEY, 'tools/list', {}, {}, '/three/mcp')).status).toBe(404);
    expect((await health()).servers.map(({ name }) => name)).toEqual(['one', 'two']);
  });

  it('does not touch a call that is under way on a server that did not change', async () => {
    verifies('config:reload-keeps-servers');
    await using slow = await startSlowServer();
    await change({ one: server(), slow: { transport: 'http', url: slow.url } });
    const answer = ask(MASTER_KEY, 'tools/call', { name: 'slow-wait', arguments: {} });
    await slow.called;
    await change({ one: server('--other'), slow: { transport: 'http', url: slow.url } });
    slow.release();
    expect((await answer).json()).toMatchObject({ result: { content: [{ text: 'waited' }] } });
  });

  it.each([
    [
      'gives a call that may be repeated to what replaces a changed server',
      true,
      { content: [{ text: 'waited' }] },
    ],
    [
      'says of another one what became of it',
      false,
      { isError: true, _meta: { 'lanport/error': 'call-lost' } },
    ],
  ])('%s', async (_what, readOnly, result) => {
    await using slow = await startSlowServer(readOnly);
    await change({ one: server(), slow: { transport: 'http', url: slow.url } });
    const answer = ask(MASTER_KEY, 'tools/call', { name: 'slow-wait', arguments: {} });
    await slow.called;
    const { servers } = await change({
      one: server(),
      slow: { transport: 'http', url: slow.url, timeout: 25 },
    });
    expect(servers.changed).toEqual(['slow']);
    slow.release();
    expect((await answer).json()).toMatchObject({ result });
  });

  it('asked for many times at once leaves one configuration and one process of each server', async () => {
    const pid = await pidOf('one');
    await write({ one: server(), two: server() });
    const answers = await Promise.all(Array.from({ length: 8 }, () => reload()));
    expect(answers.filter(({ servers }) => servers.added.includes('two')).length).toBeGreaterThan(0);
    expect(await pidOf('one')).toBe(pid);
    expect(await pidOf('two')).toBeGreaterThan(0);
    const states = (await health()).servers;
    expect(states.map(({ name, starts }) => [name, starts])).toEqual([
      ['one', 1],
      ['two', 1],
    ]);
    const added = gateway.log.filter((line) => JSON.stringify(line).includes('"added":["two"]'));
    expect(added).toHaveLength(1);
  });
});

describe('a configuration with a problem', () => {
  started('--no-watch');

  it.each([
    ['YAML that cannot be read', 'mcp_servers: {one: [', 'config.yaml:1'],
    [
      'an unknown key',
      JSON.stringify(configWith({})).replace('"mcp_servers"', '"mcp_server"'),
      'mcp_server:',
    ],
    [
      'no key on an address that others can reach',
      'general_settings: {host: 0.0.0.0, disable_database: true}\nmcp_servers: {}',
      'no key is configured, and 0.0.0.0',
    ],
  ])(
    'changes nothing, and is told in the log, in /health and in the answer: %s',
    async (_what, text, problem) => {
      verifies('config:reload-all-or-nothing');
      const pid = await pidOf('one');
      const { stream } = await session(ANNA);
      await writeFile(file, text);
      const answer = await post(MASTER_KEY);
      expect(answer.status).toBe(422);
      expect(answer.json()).toMatchObject({
        error: {
          lanport: 'config-refused',
          message: expect.stringContaining(problem),
          problems: [expect.stringContaining(problem)],
        },
      });
      expect(await gateway.logged((line) => line.message === REFUSED)).toMatchObject({
        level: 'error',
        trigger: 'admin',
        problems: [expect.stringContaining(problem)],
      });
      expect((await health()).configuration).toMatchObject({
        files: [file],
        refusedAt: expect.any(String),
        problems: [expect.stringContaining(problem)],
      });
      expect(await health(ANNA)).toEqual({ status: expect.any(String) });
      expect(await pidOf('one')).toBe(pid);
      expect(await toolNames(ANNA)).toContain('echo');
      expect(stream.isOpen).toBe(true);
      await change({ one: server() });
      expect((await health()).configuration).toMatchObject({ problems: [] });
    },
  );
});

describe('the files', () => {
  started();

  it('bring a new server when one changes, and leave the others, sessions and streams alone', async () => {
    verifies('config:reload', 'config:reload-keeps-servers');
    const pid = await pidOf('one');
    const { headers, stream } = await session(MASTER_KEY);
    const before = (await health()).configuration;
    await write({ one: server(), two: server() });
    await stream.saw(LIST_CHANGED);
    expect(await gateway.logged((line) => isReload(line, 'file'))).toMatchObject({
      servers: { added: ['two'], removed: [], changed: [], unchanged: ['one'] },
      keys: { added: [], removed: ['anna', 'bert'], changed: [] },
      settings: [],
    });
    expect(await toolNames()).toEqual(expect.arrayContaining(['one-echo', 'two-echo']));
    expect(await pidOf('one')).toBe(pid);
    expect((await ask(MASTER_KEY, 'ping', {}, headers)).status).toBe(200);
    expect(stream.isOpen).toBe(true);
    expect((await health()).configuration.loadedAt).not.toBe(before.loadedAt);
  });

  it('change nothing when there is a problem in one', async () => {
    verifies('config:reload-all-or-nothing');
    await writeFile(file, 'mcp_servers: 7');
    const line = await gateway.logged((one) => one.message === REFUSED);
    expect(line).toMatchObject({ trigger: 'file', problems: [expect.stringContaining('mcp_servers')] });
    expect(await toolNames(ANNA)).toContain('echo');
  });

  it('change nothing when one is deleted, until it is back', async () => {
    verifies('config:reload-all-or-nothing');
    await unlink(file);
    const line = await gateway.logged((one) => one.message === REFUSED);
    expect(line['problems']).toEqual([expect.stringContaining('the file does not exist')]);
    expect(await toolNames(ANNA)).toContain('echo');
    await write({ one: server(), two: server() });
    await gateway.logged((one) => isReload(one, 'file'));
    expect((await health()).configuration.problems).toEqual([]);
    expect(await toolNames()).toContain('two-echo');
  });

  it('are noticed when an editor replaces one by renaming', async () => {
    verifies('config:reload');
    const beside = join(gateway.folder, 'config.yaml.swp');
    await writeFile(beside, JSON.stringify(configWith({ one: server(), two: server() }, PATIENT)));
    await rename(beside, file);
    await gateway.logged((line) => isReload(line, 'file'));
    expect(await toolNames()).toContain('two-echo');
  });

  it('are those that are included, too, from the moment that they are', async () => {
    verifies('config:reload');
    const included = join(gateway.folder, 'more.yaml');
    await write({ one: server() }, { include: ['more.yaml'] });
    await gateway.logged((line) => line.message === REFUSED);
    await writeFile(included, JSON.stringify({ mcp_servers: { two: server() } }));
    await gateway.logged((line) => isReload(line, 'file'));
    expect(await toolNames()).toContain('two-echo');
    await writeFile(included, JSON.stringify({ mcp_servers: { three: server() } }));
    await gateway.logged((line) => isReload(line, 'file') && JSON.stringify(line).includes('three'));
    expect((await health()).servers.map(({ name }) => name)).toEqual(['one', 'three']);
  });

  it('are the env file, too: a server with another secret is started anew', async () => {
    verifies('config:reload');
    const folder = await mkdtemp(join(tmpdir(), 'lanport-env-'));
    const envFile = join(folder, 'env');
    await writeFile(envFile, 'TOKEN=first-secret\n', { mode: 0o600 });
    await using other = await startGateway({
      config: configWith({ one: { ...server(), env: { TOKEN: '${TOKEN}' } }, two: server() }),
      args: ['--env-file', envFile],
    });
    await writeFile(envFile, 'TOKEN=second-secret\n');
    const line = await other.logged((one) => isReload(one, 'file'));
    expect(line).toMatchObject({ servers: { changed: ['one'], unchanged: ['two'] } });
    expect(JSON.stringify(other.log)).not.toContain('-secret');
    await rm(folder, { recursive: true });
  });
});

describe('the admin route', () => {
  started('--no-watch');

  it('takes the master key and POST alone', async () => {
    expect((await post(undefined)).status).toBe(401);
    expect((await post('sk-nobody')).status).toBe(401);
    expect((await post(ANNA)).status).toBe(403);
    const { status } = await http(`${gateway.url}/config/reload`, {
      headers: { authorization: `Bearer ${MASTER_KEY}` },
    });
    expect(status).toBe(405);
    expect(gateway.log.filter((line) => line.message === RELOADED)).toEqual([]);
    expect((await post(MASTER_KEY)).status).toBe(200);
  });

  it('answers what changed, and what waits for a restart', async () => {
    verifies('config:reload');
    const changed = await change(
      { one: server(), two: server() },
      {
        general_settings: {
          master_key: MASTER_KEY,
          disable_database: true,
          log_level: 'debug',
          database_connection_pool_limit: 3,
          allowed_hosts: ['lan.example'],
        },
        limits: { body_bytes_max: 500, sessions_max: 7, first_list_wait_ms: 25_000 },
        virtual_keys: [key(ANNA, 'anna', { blocked: true }), key('sk-carl-0123456789', 'carl')],
      },
    );
    expect(changed).toMatchObject({
      servers: { added: ['two'], removed: [], changed: [], unchanged: ['one'] },
      keys: { added: ['carl'], removed: ['bert'], changed: ['anna'] },
      settings: ['general_settings.allowed_hosts', 'general_settings.log_level', 'limits.body_bytes_max'],
      needsRestart: ['general_settings.database_connection_pool_limit', 'limits.sessions_max'],
    });
    expect((await health()).configuration).toMatchObject({ needsRestart: changed.needsRestart });
    expect((await ask(MASTER_KEY, 'tools/list', {}, { origin: 'http://lan.example' })).status).toBe(200);
    expect((await ask(MASTER_KEY, 'tools/list', { pad: 'x'.repeat(600) })).status).toBe(413);
    await gateway.logged((line) => line.level === 'debug' && line['server'] === 'two');
    await change({ one: server() });
    expect((await ask(MASTER_KEY, 'tools/list', {}, { origin: 'http://lan.example' })).status).toBe(403);
  });
});

describe('lanport config reload', () => {
  started('--no-watch');

  it('prints what changed, or every problem', async () => {
    const command = ['config', 'reload', '--url', gateway.url, '--key', MASTER_KEY];
    await write({ one: server(), two: server() }, { limits: { ...PATIENT.limits, sessions_max: 7 } });
    const { code, stdout } = await lanport(command);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Servers added +two$/m);
    expect(stdout).toMatch(/^Keys removed +anna, bert$/m);
    expect(stdout).toMatch(/^Needs a restart +limits\.sessions_max$/m);
    expect(await lanport(command)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Needs a restart/),
    });
    await write({ one: { comand: 'node' } });
    const refused = await lanport(command);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('comand: is not a known setting');
    expect(refused.stderr).toContain('mcp_servers.one: has neither url nor command');
  });
});

describe('a key', () => {
  started('--no-watch');

  it('that was removed or blocked stops working at once, with its streams and sessions; others go on', async () => {
    verifies('config:reload-revokes-keys');
    const [anna, bert, master] = await Promise.all([session(ANNA), session(BERT), session(MASTER_KEY)]);
    const sse = await listen('/sse', ANNA);
    await sse.saw('/messages');
    await change({ one: server() }, { virtual_keys: [key(BERT, 'bert', { blocked: true })] });
    await Promise.all([anna.stream.ended, bert.stream.ended, sse.ended]);
    expect((await ask(ANNA, 'ping', {}, anna.headers)).status).toBe(401);
    expect((await ask(BERT, 'ping', {}, bert.headers)).status).toBe(401);
    await expect(listen('/mcp', ANNA, anna.headers)).rejects.toThrow('401');
    expect((await ask(MASTER_KEY, 'ping', {}, master.headers)).status).toBe(200);
    expect(master.stream.isOpen).toBe(true);
  });

  it('that came back continues its session', async () => {
    const { headers } = await session(ANNA);
    await change({ one: server() });
    expect((await ask(ANNA, 'ping', {}, headers)).status).toBe(401);
    await change({ one: server() }, { virtual_keys: [key(ANNA, 'anna')] });
    expect((await ask(ANNA, 'ping', {}, headers)).status).toBe(200);
  });

  it('sees at once what it was given and not any more what it was taken, over an open HTTP+SSE stream, too', async () => {
    verifies('config:reload-revokes-keys');
    const sse = await listen('/sse', ANNA);
    const endpoint = (await sse.saw('/messages')).text;
    const say = (id: string, method: string, params = {}) =>
      rpc(`${gateway.url}${endpoint}`, ANNA, { jsonrpc: '2.0', id, method, params });
    await say('a', 'tools/list');
    expect((await sse.saw('"id":"a"')).text).toContain('"name":"echo"');
    await change(
      { one: server(), two: server() },
      { virtual_keys: [key(ANNA, 'anna', { mcp_servers: ['two'] })] },
    );
    await sse.saw(LIST_CHANGED);
    await say('b', 'tools/call', { name: 'pid' });
    expect((await sse.saw('"id":"b"')).text).toContain(String(await pidOf('two')));
    await change(
      { one: server(), two: server() },
      { virtual_keys: [key(ANNA, 'anna', { mcp_servers: ['two'], mcp_tools: ['echo'] })] },
    );
    await say('c', 'tools/call', { name: 'pid' });
    expect((await sse.saw('"id":"c"')).text).toContain('Unknown tool');
    expect(await toolNames(ANNA)).toEqual(['echo']);
  });
});
