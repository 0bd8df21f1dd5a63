import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallAnswer, connectWhole, ERAS } from '../support/clients/whole-client.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { serversSettled } from '../support/servers.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import {
  findPython,
  installNpmServers,
  installPythonServers,
  startHttpServer,
} from '../support/real-servers.ts';
import { verifies } from '../support/verifies.ts';

/** What a real server is expected to offer, and one call of it with a part of its answer. */
interface Expectation {
  readonly server: string;
  readonly tools: readonly string[];
  readonly call: readonly [tool: string, args: () => Record<string, unknown>];
  readonly answer: () => RegExp;
}

const INSTALL_MS = 300_000;
const EVERYTHING = ['echo', 'get-sum', 'get-structured-content', 'trigger-long-running-operation'];
const sum = { call: ['get-sum', () => ({ a: 17, b: 25 })], answer: () => /42/ } as const;

let folder: string;
let database: string;
let postgres: TestPostgres;
let gateway: TestGateway;
const opened: AsyncDisposable[] = [];

const FROM_NPM: readonly Expectation[] = [
  { server: 'everything', tools: EVERYTHING, ...sum },
  { server: 'everythinghttp', tools: EVERYTHING, ...sum },
  { server: 'everythingsse', tools: EVERYTHING, ...sum },
  { server: 'remote', tools: EVERYTHING, ...sum },
  {
    server: 'filesystem',
    tools: ['read_text_file', 'write_file', 'list_directory', 'list_allowed_directories'],
    call: ['read_text_file', () => ({ path: join(folder, 'hello.txt') })],
    answer: () => /grüße, 世界/,
  },
  {
    server: 'memory',
    tools: ['create_entities', 'read_graph', 'search_nodes'],
    call: [
      'create_entities',
      () => ({ entities: [{ name: 'ada', entityType: 'person', observations: ['wrote a program'] }] }),
    ],
    // The same entity is created in both eras; the second time it is already there and the list of new ones is empty.
    answer: () => /ada|\[\]/,
  },
  {
    server: 'thinking',
    tools: ['sequentialthinking'],
    call: [
      'sequentialthinking',
      () => ({ thought: 'one', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 }),
    ],
    answer: () => /"thoughtNumber": 1/,
  },
  {
    server: 'postgres',
    tools: ['query'],
    call: ['query', () => ({ sql: 'SELECT name FROM planets ORDER BY name' })],
    answer: () => /earth[\s\S]*mars/,
  },
];

const REFERENCE: readonly Expectation[] = [
  {
    server: 'time',
    tools: ['get_current_time', 'convert_time'],
    call: [
      'convert_time',
      () => ({ source_timezone: 'Asia/Tokyo', time: '12:00', target_timezone: 'Asia/Kolkata' }),
    ],
    answer: () => /08:30/,
  },
  {
    server: 'git',
    tools: ['git_status', 'git_log', 'git_diff'],
    call: ['git_log', () => ({ repo_path: folder })],
    answer: () => /the only commit/,
  },
];

const POSTGRES_MCP: Expectation = {
  server: 'pgmcp',
  tools: ['list_schemas', 'list_objects', 'execute_sql'],
  call: ['execute_sql', () => ({ sql: 'SELECT name FROM planets ORDER BY name' })],
  answer: () => /earth[\s\S]*mars/,
};

const REFERENCE_PYTHON = await findPython(11);
const POSTGRES_PYTHON = await findPython(12);

/** Which Python, if there is one, runs which servers. */
const FROM_PYPI = [
  { minor: 11, python: REFERENCE_PYTHON, servers: REFERENCE },
  { minor: 12, python: POSTGRES_PYTHON, servers: [POSTGRES_MCP] },
] as const;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-real-'));
  await writeFile(join(folder, 'hello.txt'), 'grüße, 世界');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: folder });
  git('init', '-q');
  git('commit', '-q', '--allow-empty', '-m', 'the only commit');
  postgres = await startTestPostgres();
  database = await postgres.createDatabase();
  await postgres.query(
    database,
    "CREATE TABLE planets (name text); INSERT INTO planets VALUES ('mars'), ('earth')",
  );
  const modules = await installNpmServers();
  const node = (path: string, ...args: string[]) => ({
    command: process.execPath,
    args: [join(modules, path), ...args],
  });
  const own = (name: string, ...args: string[]) =>
    node(`@modelcontextprotocol/${name}/dist/index.js`, ...args);
  const over = async (transport: string): Promise<number> => {
    const { command, args } = own('server-everything', transport);
    const server = await startHttpServer(command, args);
    opened.push(server);
    return server.port;
  };
  const http = `http://127.0.0.1:${await over('streamableHttp')}/mcp`;
  const servers: Record<string, unknown> = {
    everything: own('server-everything', 'stdio'),
    everythinghttp: { transport: 'http', url: http },
    everythingown: { ...own('server-everything', 'stdio'), isolation: 'session' },
    everythingsse: { transport: 'sse', url: `http://127.0.0.1:${await over('sse')}/sse` },
    remote: {
      ...node('mcp-remote/dist/proxy.js', http, '--transport', 'http-only'),
      env: { MCP_REMOTE_CONFIG_DIR: join(folder, 'mcp-remote') },
    },
    filesystem: own('server-filesystem', folder),
    memory: { ...own('server-memory'), env: { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') } },
    thinking: own('server-sequential-thinking'),
    postgres: own('server-postgres', database),
  };
  if (REFERENCE_PYTHON !== undefined) {
    const command = await installPythonServers(REFERENCE_PYTHON, 'python-reference.txt');
    servers['time'] = { command, args: ['-m', 'mcp_server_time'] };
    servers['git'] = { command, args: ['-m', 'mcp_server_git', '--repository', folder] };
  }
  if (POSTGRES_PYTHON !== undefined) {
    const command = await installPythonServers(POSTGRES_PYTHON, 'python-postgres-mcp.txt');
    servers['pgmcp'] = { command, args: ['-c', 'import postgres_mcp; postgres_mcp.main()', database] };
  }
  gateway = await startGateway({ config: configWith(servers) });
  // Those that import much take longer than a list waits for servers that were never seen before.
  await serversSettled(gateway);
}, INSTALL_MS);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await Promise.all(opened.map((server) => server[Symbol.asyncDispose]()));
  await postgres?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

const textOf = (answer: CallAnswer): string => answer.content.map((block) => block.text).join('\n');

/** Lists and calls one server in a scope of its own and among all the others. */
function works({ server, tools, call: [tool, args], answer }: Expectation): void {
  it.each(ERAS)(`${server} is listed and called by a %s client`, async (era) => {
    verifies('mcp:matrix');
    await using alone = await connectWhole(era, gateway.url, gateway.key, `/${server}/mcp`);
    expect((await alone.sdk.listTools()).tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining([...tools]),
    );
    const direct = await alone.call(tool, args());
    expect(direct.isError ?? false, textOf(direct)).toBe(false);
    expect(textOf(direct)).toMatch(answer());
    await using among = await connectWhole(era, gateway.url, gateway.key);
    expect((await among.sdk.listTools()).tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(tools.map((name) => `${server}-${name}`)),
    );
    expect(textOf(await among.call(`${server}-${tool}`, args()))).toMatch(answer());
  });
}

describe('servers from npm', () => {
  for (const expectation of FROM_NPM) works(expectation);
});

describe('servers from PyPI', () => {
  for (const { minor, python, servers } of FROM_PYPI) {
    for (const expectation of python === undefined ? [] : servers) works(expectation);
    it.each(python === undefined ? servers : [])(
      `$server is not tested, because no Python from 3.${minor} with venv is here`,
      async () => {
        expect(await findPython(minor)).toBeUndefined();
      },
    );
  }
});

describe.each(['everything', 'everythinghttp', 'everythingsse', 'remote'])('%s', (server) => {
  const scope = `/${server}/mcp`;

  it.each(ERAS)('tells a %s client of the progress of a call', async (era) => {
    await using client = await connectWhole(era, gateway.url, gateway.key, scope);
    const steps: number[] = [];
    const answer = await client.call(
      'trigger-long-running-operation',
      { duration: 0.9, steps: 3 },
      { onprogress: ({ progress }) => void steps.push(progress) },
    );
    expect(textOf(answer)).toMatch(/completed/);
    // SDK v1 drops a progress that it reads together with the answer, also when it talks to the server itself: the last may be missing.
    expect([1, 2, 3].slice(0, Math.max(1, steps.length))).toEqual(steps);
  });

  it.each(ERAS)('gives a %s client its structured content', async (era) => {
    await using client = await connectWhole(era, gateway.url, gateway.key, scope);
    const answer = await client.call('get-structured-content', { location: 'Chicago' });
    expect(answer.structuredContent).toMatchObject({
      temperature: expect.any(Number),
      conditions: expect.any(String),
    });
  });

  it.each(ERAS)('gives a %s client its prompts', async (era) => {
    await using client = await connectWhole(era, gateway.url, gateway.key, scope);
    expect(client.sdk.getServerCapabilities()).toMatchObject({ prompts: {}, resources: {} });
    expect((await client.sdk.listPrompts()).prompts.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['simple-prompt', 'args-prompt', 'completable-prompt', 'resource-prompt']),
    );
    const prompt = await client.sdk.getPrompt({ name: 'args-prompt', arguments: { city: 'Ulm' } });
    expect(prompt.messages).toMatchObject([{ role: 'user', content: { text: "What's weather in Ulm?" } }]);
  });

  it.each(ERAS)('completes the argument of a prompt for a %s client', async (era) => {
    await using client = await connectWhole(era, gateway.url, gateway.key, scope);
    const { completion } = await client.sdk.complete({
      ref: { type: 'ref/prompt', name: 'completable-prompt' },
      argument: { name: 'name', value: 'D' },
      context: { arguments: { department: 'Sales' } },
    });
    expect(completion.values).toEqual(['David']);
  });

  it.each(ERAS)('gives a %s client its resources and templates', async (era) => {
    await using client = await connectWhole(era, gateway.url, gateway.key, scope);
    const { resources } = await client.sdk.listResources();
    const features = resources.find(({ name }) => name === 'features.md');
    expect(features).toMatchObject({ mimeType: 'text/markdown' });
    const read = await client.sdk.readResource({ uri: features!.uri });
    expect(read.contents).toMatchObject([{ uri: features!.uri, text: expect.stringContaining('#') }]);
    const { resourceTemplates } = await client.sdk.listResourceTemplates();
    const text = resourceTemplates.find(({ uriTemplate }) => uriTemplate.includes('/text/'));
    expect(text).toBeDefined();
    const uri = text!.uriTemplate.replace('{resourceId}', '7');
    expect((await client.sdk.readResource({ uri })).contents).toMatchObject([
      { uri, text: expect.stringMatching(/^Resource 7: /) },
    ]);
  });

  it.each(ERAS)('asks a %s client for input and for a model, and uses the answers', async (era) => {
    await using client = await connectWhole(era, gateway.url, gateway.key, scope, {
      elicitation: () => ({ action: 'accept', content: { name: 'Ada Lovelace', check: true } }),
      sampling: () => ({
        role: 'assistant',
        model: 'a-model',
        content: { type: 'text', text: 'a sampled sentence' },
      }),
    });
    expect(textOf(await client.call('trigger-elicitation-request', {}))).toMatch(/Ada Lovelace/);
    expect(textOf(await client.call('trigger-sampling-request', { prompt: 'say something' }))).toMatch(
      /a sampled sentence/,
    );
  });

  // It asks once by itself after the handshake, when there is no client yet, and keeps what it is told.
  it.each(ERAS)('learns the roots of a %s client from a call that needs them', async (era) => {
    await using client = await connectWhole(era, gateway.url, gateway.key, scope, {
      roots: () => ({ roots: [{ uri: 'file:///of/this/client', name: 'its root' }] }),
    });
    expect(textOf(await client.call('get-roots-list', {}))).toMatch(/file:\/\/\/of\/this\/client/);
  });
});

it('a server that keeps the roots of its client knows those of each client, when each session has a process of its own', async () => {
  const roots = async (who: string): Promise<string> => {
    await using client = await connectWhole('legacy', gateway.url, gateway.key, '/everythingown/mcp', {
      roots: () => ({ roots: [{ uri: `file:///of/${who}`, name: who }] }),
    });
    return textOf(await client.call('get-roots-list', {}));
  };
  const [ann, ben] = await Promise.all([roots('ann'), roots('ben')]);
  expect([ann, ben].map((text) => text.match(/file:\/\/\S+/g))).toEqual([
    ['file:///of/ann'],
    ['file:///of/ben'],
  ]);
});
