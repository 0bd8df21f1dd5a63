import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_KINDS, connect } from '../support/clients/clients.ts';
import { http } from '../support/http.ts';
import { INSTALL_MS } from '../support/installed.ts';
import { lastingPort } from '../support/ports.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

const run = promisify(execFile);
const START_MS = 240_000;
/** As the README says. */
const OLDEST_NODE = 'node@20';
const INSPECTOR = join(ROOT, 'node_modules/@modelcontextprotocol/inspector');

let folder: string;
let clone: string;
let port: number;
let printed: string[];
let key: string;
let stop: () => Promise<number | null>;

/** `npm start` in the clone, up to the line that says it is ready. */
async function npmStart(): Promise<void> {
  const child = spawn('npm', ['start', '--', '--port', String(port)], {
    cwd: clone,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  printed = [];
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        printed.push(line);
        if (line.includes('Stop with Ctrl-C')) resolve();
      });
    }
    child.once('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${printed.join('\n')}`)));
  });
  stop = async () => {
    if (child.exitCode !== null) return child.exitCode;
    const exited = once(child, 'exit');
    // As Ctrl-C does: to every process in front of the terminal.
    process.kill(-child.pid!, 'SIGINT');
    const [code] = (await exited) as [number | null];
    return code;
  };
  await ready;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-clone-'));
  clone = join(folder, 'lanport');
  await run('git', ['clone', '--quiet', ROOT, clone]);
  port = await lastingPort();
  await npmStart();
  const keyFile = /\$\(cat (\S+)\)/.exec(printed.join('\n'))?.[1];
  key = (await run('cat', [keyFile ?? 'no key file was printed'])).stdout.trim();
}, START_MS);

afterAll(async () => {
  await stop?.();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

interface Rows {
  readonly structuredContent: { readonly rows: unknown[][]; readonly objects: { name: string }[] };
}

describe('a fresh clone after npm start', () => {
  it('is ready, tells how to connect, and shows the key nowhere', async () => {
    verifies('run:fresh-clone');
    expect((await http(`http://127.0.0.1:${port}/health/readiness`)).status).toBe(200);
    expect(printed.join('\n')).toContain(
      `claude mcp add --transport http lanport http://127.0.0.1:${port}/mcp`,
    );
    expect(key).toMatch(/^sk-/);
    expect(printed.join('\n')).not.toContain(key);
  });

  it.each(CLIENT_KINDS)('gives the tables and rows of the demo to a %s client', async (kind) => {
    await using client = await connect(kind, `http://127.0.0.1:${port}`, key);
    expect(await client.list()).toEqual(
      expect.arrayContaining([
        'list_schemas',
        'list_objects',
        'search_objects',
        'get_object_details',
        'execute_sql',
        'explain_query',
      ]),
    );
    const tables = (await client.call('list_objects', {})) as unknown as Rows;
    expect(tables.structuredContent.objects.map((object) => object.name)).toEqual(
      expect.arrayContaining(['customers', 'orders', 'products']),
    );
    const counted = (await client.call('execute_sql', {
      sql: 'SELECT count(*)::int FROM shop.orders',
    })) as unknown as Rows;
    expect(counted.structuredContent.rows).toEqual([[4500]]);
    expect(await client.call('execute_sql', { sql: 'DELETE FROM shop.orders' })).toMatchObject({
      isError: true,
    });
  });

  it(
    'lists its tools to whoever tries the line that it prints for that, on the oldest Node.js that will do',
    async () => {
      verifies('run:fresh-clone');
      const line = printed.find((one) => one.includes('npx @modelcontextprotocol/inspector'))!;
      // Outside of any project, which may have an inspector of its own, and without anybody who could be asked whether it may be installed.
      await run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', OLDEST_NODE], {
        timeout: INSTALL_MS,
      });
      const path = [join(folder, 'node_modules/node/bin'), process.env['PATH']].join(delimiter);
      const env = { ...process.env, PATH: path, npm_config_yes: 'true' };
      const said = async (command: string): Promise<string> =>
        (await run('sh', ['-c', command], { cwd: folder, env, timeout: 180_000 })).stdout;
      expect(await said('node --version')).toMatch(/^v20\./);
      expect(await said(line)).toMatch(/"name": "execute_sql"/);
    },
    200_000 + INSTALL_MS,
  );

  it('answers the MCP inspector on the command line', async () => {
    const { bin } = (await import(join(INSPECTOR, 'package.json'), { with: { type: 'json' } })).default as {
      bin: Record<string, string>;
    };
    const program = join(INSPECTOR, bin['mcp-inspector'] ?? Object.values(bin)[0]!);
    const args = [
      '--cli',
      `http://127.0.0.1:${port}/mcp`,
      '--transport',
      'http',
      '--header',
      `Authorization: Bearer ${key}`,
    ];
    const { stdout } = await run(
      process.execPath,
      [
        program,
        ...args,
        '--method',
        'tools/call',
        '--tool-name',
        'execute_sql',
        '--tool-arg',
        'sql=SELECT 6 * 7 AS answer',
      ],
      { timeout: 60_000 },
    );
    expect(stdout).toMatch(/42/);
  }, 90_000);

  it(
    'stops on Ctrl-C, leaves nothing running, and is ready again on the same key at a second start',
    async () => {
      verifies('run:second-start', 'run:clean-stop');
      expect(await stop()).toBe(0);
      await expect(http(`http://127.0.0.1:${port}/health`)).rejects.toThrow(/ECONNREFUSED/);
      const { stdout } = await run('ps', ['-eo', 'args']);
      expect(stdout.split('\n').filter((line) => line.includes(clone))).toEqual([]);
      await npmStart();
      await using client = await connect('2025-11-25', `http://127.0.0.1:${port}`, key);
      expect(await client.list()).toContain('execute_sql');
    },
    START_MS,
  );
});
