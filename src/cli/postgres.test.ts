import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { Command, CommanderError } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../test/support/clients/clients.ts';
import { openTestDatabase, type TestDatabase } from '../../test/support/connector-database.ts';
import { http } from '../../test/support/http.ts';
import { verifies } from '../../test/support/verifies.ts';
import { StartupError } from '../app/startup-error.ts';
import { registerPostgresCommand } from './postgres.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');
const PLAIN_ENV = { PATH: process.env['PATH'] ?? '' };

let database: TestDatabase;
let url = '';

beforeAll(async () => {
  database = await openTestDatabase();
  await database.run(
    "CREATE TABLE public.notes (id int); INSERT INTO public.notes VALUES (1); COMMENT ON TABLE public.notes IS 'Notes.'",
  );
  const { host, port, user, database: name } = database.target();
  url = `postgresql://${user}@/${name}?host=${encodeURIComponent(host)}&port=${port}`;
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, 'postgres', ...args], {
    env: { ...PLAIN_ENV, ...env },
    stdio: 'pipe',
  });
}

/** Starts it over HTTP and gives its address once it listens. */
async function startHttp(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ base: string; child: ChildProcess } & AsyncDisposable> {
  const child = start(['--port', '0', ...args], env);
  const lines = createInterface({ input: child.stdout! });
  const [line] = (await once(lines, 'line')) as [string];
  const base = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? line;
  return {
    base,
    child,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = start(args, env);
  const text = { stdout: '', stderr: '' };
  child.stdout!.on('data', (chunk) => (text.stdout += String(chunk)));
  child.stderr!.on('data', (chunk) => (text.stderr += String(chunk)));
  child.stdin!.end();
  const [code] = (await once(child, 'close')) as [unknown];
  return { code, ...text };
}

test('over stdio, an official client that starts the command gets the tools; the URL comes from DATABASE_URI', async () => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MAIN, 'postgres'],
    env: { ...PLAIN_ENV, DATABASE_URI: url },
    stderr: 'pipe',
  });
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  const { tools } = await client.listTools();
  expect(tools.map((tool) => tool.name)).toEqual([
    'list_schemas',
    'list_objects',
    'search_objects',
    'get_object_details',
    'execute_sql',
    'explain_query',
  ]);
  // The client checks structuredContent against outputSchema.
  expect(await client.callTool({ name: 'list_objects', arguments: {} })).toMatchObject({
    structuredContent: { objects: [{ name: 'notes', comment: 'Notes.' }] },
  });
  expect(await client.callTool({ name: 'list_schemas' })).toMatchObject({
    structuredContent: { schemas: expect.anything() },
  });
  expect(
    await client.callTool({ name: 'get_object_details', arguments: { object_name: 'notes' } }),
  ).toMatchObject({ structuredContent: { object: { kind: 'table' } } });
  expect(
    await client.callTool({ name: 'execute_sql', arguments: { sql: 'SELECT id FROM notes' } }),
  ).toMatchObject({ structuredContent: { rows: [[1]] } });
  expect(
    await client.callTool({ name: 'explain_query', arguments: { sql: 'SELECT id FROM notes' } }),
  ).toMatchObject({ structuredContent: { analyzed: false } });
  expect(
    await client.callTool({ name: 'execute_sql', arguments: { sql: 'DROP TABLE notes' } }),
  ).toMatchObject({ isError: true });
  await client.close();
});

test.each(['streamable-http', 'sse'])(
  'with --transport %s it serves /mcp, /sse and /health, and ends on SIGTERM',
  async (transport) => {
    await using server = await startHttp([url, '--transport', transport]);
    for (const kind of ['2026-07-28', '2025-11-25', 'http+sse'] as const) {
      await using client = await connect(kind, server.base, 'unused');
      expect(await client.call('execute_sql', { sql: 'SELECT 1 AS one' })).toMatchObject({
        structuredContent: { rows: [[1]] },
      });
    }
    expect((await http(`${server.base}/health`)).status).toBe(200);
    server.child.kill('SIGTERM');
    expect(await once(server.child, 'exit')).toEqual([0, null]);
  },
);

test('a database that is down does not keep it from starting: health is 503 with the reason, calls say what to do', async () => {
  await using server = await startHttp([], {
    DATABASE_URI: 'postgresql://nobody:hunter2@127.0.0.1:1/none',
    MCP_TRANSPORT: 'http',
  });
  const health = await http(`${server.base}/health`);
  expect(health.status).toBe(503);
  expect(health.text).toContain('ECONNREFUSED');
  await using client = await connect('2025-11-25', server.base, 'unused');
  expect(await client.list()).toHaveLength(6);
  const result = JSON.stringify(await client.call('list_objects', {}));
  expect(result).toContain('"isError":true');
  expect(result).not.toContain('hunter2');
});

test('MCP_ALLOW_WRITE=true adds execute_write; --access-mode wins over it', async () => {
  await using writing = await startHttp(['-t', 'http'], { DATABASE_URI: url, MCP_ALLOW_WRITE: 'true' });
  await using writer = await connect('2025-11-25', writing.base, 'unused');
  expect(await writer.list()).toContain('execute_write');
  await using reading = await startHttp(['-t', 'http', '--access-mode', 'restricted'], {
    DATABASE_URI: url,
    MCP_ALLOW_WRITE: 'true',
  });
  await using reader = await connect('2025-11-25', reading.base, 'unused');
  expect(await reader.list()).not.toContain('execute_write');
});

test('--role-policy enforce refuses a role that may write', async () => {
  await using server = await startHttp(['-t', 'http', '--role-policy', 'enforce', url]);
  await using client = await connect('2025-11-25', server.base, 'unused');
  expect(await client.call('list_objects', {})).toMatchObject({ isError: true });
});

test('the options that tighten are in force, and win over their variables', async () => {
  verifies('postgres:safety-options');
  await database.run(
    'CREATE SCHEMA "Other"; CREATE TABLE "Other".people (id int, email text, phone text); INSERT INTO "Other".people VALUES (1, \'a@b\', \'55\')',
  );
  const flags = [
    ...[
      '--statement-timeout',
      '7s',
      '--lock-timeout',
      '150ms',
      '--idle-timeout',
      '2min',
      '--search-path',
      'Other',
    ],
    ...['--mask', 'email', '--mask', '/^pho/', '--max-cost', '100000', '--max-rows-estimated', '5000'],
    ...['--server-name', 'tight', '--toolsets', 'data', '--database', `more=${url}`],
  ];
  const env = {
    MCP_STATEMENT_TIMEOUT: '1h',
    MCP_LOCK_TIMEOUT: '1h',
    MCP_IDLE_TIMEOUT: '1h',
    MCP_SEARCH_PATH: 'public',
    MCP_MASK: 'id',
    MCP_MAX_COST: '1',
    MCP_MAX_ROWS_ESTIMATED: '1',
    MCP_SERVER_NAME: 'loose',
    MCP_TOOLSETS: 'schema',
  };
  await using server = await startHttp([url, '-t', 'http', ...flags], env);
  await using client = await connect('2025-11-25', server.base, 'unused');
  expect(await client.list()).toEqual(expect.arrayContaining(['sample_rows', 'fetch_more']));
  expect(await client.list()).not.toContain('get_er_diagram');
  const rowsOf = async (sql: string, more = {}): Promise<unknown> =>
    ((await client.call('execute_sql', { sql, ...more })) as { structuredContent?: { rows: unknown } })
      .structuredContent?.rows;
  expect(await rowsOf('SHOW statement_timeout')).toEqual([['7s']]);
  expect(await rowsOf('SHOW lock_timeout')).toEqual([['150ms']]);
  expect(await rowsOf('SHOW idle_in_transaction_session_timeout')).toEqual([['2min']]);
  expect(await rowsOf('SELECT * FROM people')).toEqual([[1, '[masked]', '[masked]']]);
  expect(await rowsOf('SELECT id FROM public.notes', { database: 'more' })).toEqual([[1]]);
  for (const [sql, reason] of [
    ['SELECT * FROM generate_series(1, 6000)', 'expects 6000 rows'],
    ['SELECT count(*) FROM pg_class AS a, pg_class AS b, pg_class AS c', 'the planner expects it to cost'],
    ['SELECT upper(email) FROM people', 'column email is masked'],
  ] as const)
    expect(JSON.stringify(await client.call('execute_sql', { sql })), sql).toContain(reason);
});

test('execute_write defines tables with --allow-ddl only', async () => {
  const sql = 'CREATE TABLE public.made (id int)';
  await using rows = await startHttp(['-t', 'http', '--access-mode', 'unrestricted', url]);
  await using writer = await connect('2025-11-25', rows.base, 'unused');
  expect(JSON.stringify(await writer.call('execute_write', { sql }))).toContain('MCP_ALLOW_DDL=true');
  await using all = await startHttp(['-t', 'http', '--access-mode', 'unrestricted', '--allow-ddl', url]);
  await using owner = await connect('2025-11-25', all.base, 'unused');
  expect(await owner.call('execute_write', { sql })).toMatchObject({
    structuredContent: { committed: true },
  });
  await database.run('DROP TABLE public.made');
});

test('two processes with the same MCP_CURSOR_SECRET go on with each other', async () => {
  const env = { MCP_CURSOR_SECRET: '0123456789-0123456789-0123456789', MCP_TOOLSETS: 'data' };
  const page = async (
    name: string,
    args: Readonly<Record<string, unknown>>,
    own = env,
  ): Promise<Record<string, unknown>> => {
    await using server = await startHttp(['-t', 'http', url], own);
    await using client = await connect('2025-11-25', server.base, 'unused');
    return await client.call(name, args);
  };
  const sql = 'SELECT n FROM generate_series(1, 5) AS n ORDER BY n';
  const first = await page('execute_sql', { sql, max_rows: 2 });
  const { next_cursor: cursor } = first['structuredContent'] as { next_cursor: string };
  expect(await page('fetch_more', { cursor })).toMatchObject({ structuredContent: { rows: [[3], [4]] } });
  const stranger = { ...env, MCP_CURSOR_SECRET: 'another-0123456789-0123456789-01' };
  expect(await page('fetch_more', { cursor }, stranger)).toMatchObject({ isError: true });
});

test.each([
  [['postgresql://h/db', '--allow-ddl'], {}, /--allow-ddl\) needs MCP_ALLOW_WRITE=true/],
  [['postgresql://h/db'], { MCP_CURSOR_SECRET: 'short' }, /MCP_CURSOR_SECRET is too short/],
  [['postgresql://h/db', '--statement-timeout', '0'], {}, /MCP_STATEMENT_TIMEOUT is "0": write 500ms/],
  [['postgresql://h/db', '--mask', 'a b'], {}, /mask: "a b" is not a rule/],
  [['postgresql://h/db', '--max-cost', '-1'], {}, /MCP_MAX_COST is "-1"/],
  [[], {}, /no database is given: set DATABASE_URI=/],
  [['mysql://h/db'], {}, /the database URL cannot be read/],
  [['-t', 'carrier-pigeon', 'postgresql://h/db'], {}, /transport "carrier-pigeon" is not known/],
  [['postgresql://h/db'], { MCP_PORT: 'x' }, /MCP_PORT is "x"/],
  [['postgresql://h/db'], { MCP_ROLE_POLICY: 'trust' }, /MCP_ROLE_POLICY is "trust"/],
  [['postgresql://h/db'], { MCP_ALLOW_FUNCTIONS: 'all, everything' }, /write schema\.name/],
  [['postgresql://h/db'], { MCP_ALLOW_WRITE: 'perhaps' }, /MCP_ALLOW_WRITE is "perhaps"/],
  [['postgresql://h/db', '--allow-function', 'all'], {}, /write schema\.name/],
  [['postgresql://h/db', '--toolsets', 'every'], {}, /toolset "every" is not known: use all/],
  [['postgresql://h/db'], { MCP_TOOLSETS: 'write' }, /toolset "write" needs MCP_ALLOW_WRITE=true/],
  [['postgresql://h/db'], { MCP_DEBUG: 'loud' }, /MCP_DEBUG is "loud"/],
  [
    ['postgresql://h/db'],
    { MCP_DATABASES: 'postgresql://u:hunter2@h/db' },
    /MCP_DATABASES .*cannot be read: write name=/,
  ],
  [['postgresql://h/db', '--database', 'main=postgresql://h/other'], {}, /names database main twice/],
  [
    ['postgresql://h/db'],
    { MCP_WRITE_DATABASES: 'hr=postgresql://h/hr' },
    /names hr, which is none of: main/,
  ],
  [['postgresql://h/db', '--port', '99999'], {}, /A port is a number/],
])('wrong options end it with code 2 and the reason: %j %j', async (args, env, reason) => {
  const written: string[] = [];
  const note = (text: string): boolean => written.push(text) > 0;
  const output = { write: note };
  const program = new Command('lanport').exitOverride().configureOutput({ writeErr: note });
  const io = {
    stdout: output,
    stderr: output,
    env,
    now: Date.now,
    exit: () => undefined,
    stopRequested: () => new Promise<string>(() => undefined),
    onReloadRequested: () => undefined,
    onCrash: () => undefined,
  };
  registerPostgresCommand(program, io);
  const error: unknown = await program
    .parseAsync(['postgres', ...args], { from: 'user' })
    .catch((thrown: unknown) => thrown);
  if (error instanceof StartupError) expect(error.exitCode).toBe(2);
  else expect(error).toBeInstanceOf(CommanderError);
  expect((error as Error).message).toMatch(reason);
});

test('a port that is taken ends it with code 3 and the way out', async () => {
  await using server = await startHttp([url, '-t', 'http']);
  const { code, stderr } = await run([url, '-t', 'http', '--port', new URL(server.base).port]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/is taken by another program: choose another with --port/);
});

test('the printed role can read its schema and nothing else', async () => {
  const { code, stdout } = await run(['--print-role', 'printed reader', url]);
  expect(code).toBe(0);
  const statements = stdout.split('\n').filter((line) => !line.startsWith('--'));
  // Run as it is, it must neither give a password that anybody knows nor change what others may do.
  expect(statements.join('\n')).not.toMatch(/PASSWORD|PUBLIC/);
  await database.run('DROP ROLE IF EXISTS "printed reader"');
  await database.run(stdout);
  const target = database.target('printed reader');
  const reader = `postgresql://printed%20reader@/${target.database}?host=${encodeURIComponent(target.host)}&port=${target.port}`;
  await using server = await startHttp([reader, '-t', 'http', '--role-policy', 'enforce']);
  await using client = await connect('2025-11-25', server.base, 'unused');
  expect(await client.call('execute_sql', { sql: 'SELECT id FROM notes' })).toMatchObject({
    structuredContent: { rows: [[1]] },
  });
  await database.run('DROP OWNED BY "printed reader"; DROP ROLE "printed reader"');
});

test("postgres-mcp's flags and this connector's variables are understood", async () => {
  verifies('postgres:environment');
  const flags = [
    '--access-mode',
    'unrestricted',
    '--transport',
    'sse',
    '--sse-host',
    '127.0.0.1',
    '--sse-port',
    '0',
  ];
  const env = {
    DATABASE_URI: url,
    MCP_SERVER_NAME: 'our database',
    MCP_TOOLSETS: 'schema,aliases',
    MCP_DATABASES: `second=${url}`,
  };
  const child = spawn(process.execPath, [MAIN, 'postgres', ...flags], {
    env: { ...PLAIN_ENV, ...env },
    stdio: 'pipe',
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const base = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? line;
  await using client = await connect('http+sse', base, 'unused');
  const names = await client.list();
  expect(names).toEqual(expect.arrayContaining(['execute_write', 'list_databases', 'query', 'list_tables']));
  expect(await client.call('query', { sql: 'SELECT id FROM notes', database: 'second' })).toMatchObject({
    structuredContent: { rows: [[1]] },
  });
  const body = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
  };
  const greeted = await http(`${base}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify(body),
  });
  expect(greeted.text).toContain('"name":"our database"');
  child.kill('SIGTERM');
  await once(child, 'exit');
});
