import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../support/clients/clients.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { ROOT, startProgram, type TestProcess } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

const TEAM_KEY = 'sk-team-0123456789abcdef';
const LITELLM_MASTER_KEY = 'sk-master-0123456789abcdef';

let postgres: TestPostgres;
let sse: TestProcess;
let streamable: TestProcess;
let bin: string;

beforeAll(async () => {
  [postgres, sse, streamable] = await Promise.all([
    startTestPostgres(),
    startProgram('test/support/upstreams/http-sse.ts'),
    startProgram('test/support/upstreams/http-sessions.ts'),
  ]);
  bin = await mkdtemp(join(tmpdir(), 'lanport-bin-'));
  const command = join(bin, 'postgres-mcp');
  await writeFile(
    command,
    `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, 'test/support/upstreams/stdio-2025.ts')}"\n`,
  );
  await chmod(command, 0o755);
}, 90_000);

afterAll(async () => {
  await Promise.all([postgres, sse, streamable].map((one) => one?.[Symbol.asyncDispose]()));
  await rm(bin, { recursive: true, force: true });
});

interface Shape {
  readonly file: string;
  readonly server: string;
  readonly narrow: string;
  readonly declared: () => TestProcess | undefined;
  /** A server on a transport that is not the declared one; a command has none. */
  readonly other?: () => TestProcess | undefined;
}

const SHAPES: readonly Shape[] = [
  {
    file: 'litellm-1-sse-alias.yaml',
    server: 'postgres_mcp',
    narrow: 'db',
    declared: () => sse,
    other: () => streamable,
  },
  {
    file: 'litellm-2-mcp-aliases.yaml',
    server: 'postgres_server',
    narrow: 'warehouse',
    declared: () => sse,
    other: () => streamable,
  },
  { file: 'litellm-3-mcp-settings.yaml', server: 'db', narrow: 'db', declared: () => undefined },
  {
    file: 'litellm-4-http-no-database.yaml',
    server: 'db',
    narrow: 'databases',
    declared: () => streamable,
    other: () => sse,
  },
];

async function start(shape: Shape, upstream: TestProcess | undefined): Promise<TestGateway> {
  const text = await readFile(join(ROOT, 'examples', shape.file), 'utf8');
  return startGateway({
    config:
      upstream === undefined ? text : text.replaceAll('postgres-mcp:8686', `127.0.0.1:${upstream.ready}`),
    env: {
      PATH: `${bin}:${process.env['PATH']}`,
      OPENAI_API_KEY: 'sk-none',
      LITELLM_MASTER_KEY,
      TEAM_KEY,
      DATABASE_URL: await postgres.createDatabase(),
    },
  });
}

async function usesTools(gateway: TestGateway, shape: Shape): Promise<void> {
  for (const scope of ['/mcp', `/mcp/${shape.narrow}`, `/${shape.narrow}/mcp`]) {
    await using client = await connect('2025-11-25', gateway.url, TEAM_KEY, scope);
    await expect.poll(() => client.list(), { message: scope }).toContain('echo');
    expect(await client.call('echo', { text: scope })).toMatchObject({ content: [{ text: scope }] });
  }
}

describe.each(SHAPES)('a LiteLLM configuration of the shape $file', (shape) => {
  it('lists and calls the tools of its server with the virtual key, as it stands', async () => {
    verifies('config:litellm-shapes');
    await using gateway = await start(shape, shape.declared());
    await usesTools(gateway, shape);
    expect(gateway.log.filter((line) => line['code'] === 'transport-mismatch')).toEqual([]);
  });
});

describe.each(SHAPES.filter((shape) => shape.other !== undefined))(
  'a LiteLLM configuration of the shape $file with the wrong transport in it',
  (shape) => {
    it('works, and says in the log, in "servers show" and in /health which line to change', async () => {
      verifies('config:transport-mismatch', 'pain:19-wrong-transport-declared');
      await using gateway = await start(shape, shape.other?.());
      await usesTools(gateway, shape);
      const logged = await gateway.logged((line) => line['code'] === 'transport-mismatch');
      expect(logged).toMatchObject({
        server: shape.server,
        fix: expect.stringMatching(/config\.yaml:\d+: transport: (http|sse)/),
      });
      const shown = await lanport([
        'servers',
        'show',
        shape.server,
        '--json',
        '--url',
        gateway.url,
        '--key',
        LITELLM_MASTER_KEY,
      ]);
      expect(shown.code, shown.stderr).toBe(0);
      expect(JSON.parse(shown.stdout)).toMatchObject({
        state: 'ready',
        findings: [{ code: 'transport-mismatch', fix: logged['fix'] }],
      });
      const health = await http(`${gateway.url}/health`, {
        headers: { authorization: `Bearer ${LITELLM_MASTER_KEY}` },
      });
      expect(health.json()).toMatchObject({
        servers: [{ name: shape.server, findings: [{ fix: logged['fix'] }] }],
      });
      expect((await http(`${gateway.url}/health`)).json()).not.toHaveProperty('servers');
    });
  },
);
