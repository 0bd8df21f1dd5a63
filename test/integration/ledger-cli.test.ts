import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

let folder: string;
let postgres: TestPostgres;
let gateway: TestGateway;
/** Sends the beginning of an export, and then nothing until the test says what. */
let stalling: Server;
let stalled: ((response: ServerResponse) => void) | undefined;
const HALF = `${'{"id":"half"}\n'.repeat(5_000)}{"id":"ha`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-commands-'));
  postgres = await startTestPostgres();
  gateway = await startGateway({
    config: {
      general_settings: { master_key: MASTER_KEY, database_url: await postgres.createDatabase() },
      ledger: { levels: [{ level: 'response' }] },
      limits: { first_list_wait_ms: 25_000 },
      mcp_servers: {
        tools: { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts')] },
      },
    },
  });
  stalling = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.write(HALF, () => stalled?.(response));
  }).listen(0, '127.0.0.1');
  await once(stalling, 'listening');
}, 60_000);
afterAll(async () => {
  stalling?.closeAllConnections();
  stalling?.close();
  await gateway?.[Symbol.asyncDispose]();
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const at = (url: string): string[] => ['--url', url, '--key', MASTER_KEY];

/** A command that runs on. */
function begin(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(ROOT, 'src/main.ts'), 'ledger', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '' },
  });
}

/** Waits for its end. */
async function endOf(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  const [[code], stderr] = await Promise.all([
    once(child, 'exit') as Promise<[number | null]>,
    text(child.stderr!),
  ]);
  return { code, stderr };
}

const call = (name: string, said = 'x'): ReturnType<typeof rpc> =>
  rpc(`${gateway.url}/mcp`, MASTER_KEY, {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: { text: said } },
  });

async function asked(operation: string): Promise<number> {
  const answer = await http(`${gateway.url}/v1/ledger?kind=admin&limit=1000`, {
    headers: { authorization: `Bearer ${MASTER_KEY}` },
  });
  return answer.json<readonly { readonly operation: string }[]>().filter((row) => row.operation === operation)
    .length;
}

test('tail shows what was, follows what ends, and ends in order when it is interrupted', async () => {
  verifies('ledger:commands');
  await call('tools-echo');
  await call('tools-fail');
  for (const more of [
    ['-n', '1'],
    ['-n', '1', '--json', '--status', 'tool-error'],
  ]) {
    const child = begin(['tail', '--follow', ...at(gateway.url), ...more]);
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => String((await lines.next()).value);
    // What was is shown when what comes is listened for.
    expect(await next()).toMatch(/fail.*tool-error/);
    await call('tools-echo');
    const id = String((await call('tools-fail')).headers['x-request-id']);
    const [followed] = more.includes('--json') ? [await next()] : [await next(), await next()].reverse();
    if (more.includes('--json'))
      expect(JSON.parse(followed!)).toMatchObject({ id, originalName: 'fail', status: 'tool-error' });
    else expect(followed).toMatch(/fail.*tool-error/);
    const ended = endOf(child);
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 0, stderr: '' });
  }
});

test('the code of a secret is what stands for it in what is recorded', async () => {
  verifies('ledger:commands');
  const secret = 'ghp_0123456789abcdefghijklmnopqrstuvwxyz';
  const id = String((await call('tools-echo', `the token is ${secret}`)).headers['x-request-id']);
  const child = begin(['code', ...at(gateway.url)]);
  child.stdin!.end(secret);
  const mark = (await text(child.stdout!)).trim();
  expect(mark).toMatch(/^\[redacted:[\w-]+\]$/);
  const { stdout } = await lanport(['ledger', 'show', id, ...at(gateway.url)]);
  expect(stdout).toContain(`the token is ${mark}`);
  expect(stdout).not.toContain(secret);
});

test('an export into a file is the export, in both formats, readable by its owner alone', async () => {
  verifies('ledger:commands');
  for (let calls = 0; calls < 5; calls++) await call('tools-echo', `called "${calls}", twice`);
  for (const format of ['jsonl', 'csv']) {
    const file = join(folder, `whole.${format}`);
    const args = ['ledger', 'export', '--format', format, ...at(gateway.url)];
    expect(await lanport([...args, '-o', file])).toEqual({ code: 0, stdout: '', stderr: '' });
    const saved = await readFile(file, 'utf8');
    expect(saved).toBe((await lanport(args)).stdout);
    expect(saved.split('\n').length).toBeGreaterThan(5);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  }
  expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('a file that is there stays as it is, and where none can be made nothing is asked for', async () => {
  verifies('ledger:commands');
  const file = join(folder, 'mine.csv');
  await writeFile(file, 'mine');
  const before = await asked('GET /v1/ledger/export');
  const taken = await lanport(['ledger', 'export', '-o', file, ...at(gateway.url)]);
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining(`${file} is there already`) });
  expect(await readFile(file, 'utf8')).toBe('mine');
  for (const path of [join(folder, 'no-such-folder', 'x.csv'), join(file, 'x.csv')]) {
    const { code, stderr } = await lanport(['ledger', 'export', '-o', path, ...at(gateway.url)]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/was not written: .*(?:no folder|not a folder)/),
    ]);
  }
  expect(await asked('GET /v1/ledger/export')).toBe(before);
});

/** Begins an export that stalls half-way, and waits until its first half is in the file beside. */
async function halfWay(file: string): Promise<{ child: ChildProcess; response: ServerResponse }> {
  const begun = new Promise<ServerResponse>((resolve) => (stalled = resolve));
  const child = begin([
    'export',
    '-o',
    file,
    ...at(`http://127.0.0.1:${(stalling.address() as AddressInfo).port}`),
  ]);
  const response = await begun;
  const watcher = watch(folder);
  for (;;) {
    // Listened for before the look: what changes during the look must not be missed.
    const changed = once(watcher, 'change');
    const { size } = await stat(`${file}.${child.pid!}.part`).catch(() => ({ size: 0 }));
    if (size === HALF.length) break;
    await changed;
  }
  watcher.close();
  return { child, response };
}

test.each(['SIGINT', 'SIGTERM', 'cut off', 'killed'] as const)(
  'an export that ends half-way (%s) leaves no file that looks whole',
  async (how) => {
    verifies('ledger:commands');
    const file = join(folder, `${how.replace(' ', '-')}.jsonl`);
    const { child, response } = await halfWay(file);
    const ended = endOf(child);
    if (how === 'cut off') response.destroy();
    else child.kill(how === 'killed' ? 'SIGKILL' : how);
    const { code, stderr } = await ended;
    const left = (await readdir(folder)).filter((name) => file.endsWith(name.replace(/\.\d+\.part$/, '')));
    if (how === 'killed') {
      expect(left).toEqual([`killed.jsonl.${child.pid!}.part`]);
      // What it left is in nobody's way.
      const again = await lanport(['ledger', 'export', '-o', file, ...at(gateway.url)]);
      expect(again.code).toBe(0);
      expect((await readdir(folder)).filter((name) => name.startsWith('killed'))).toEqual(['killed.jsonl']);
      return;
    }
    expect([code, left]).toEqual([1, []]);
    expect(stderr).toMatch(
      how === 'cut off' ? /was not written: the gateway broke off/ : /was not written: interrupted by SIG/,
    );
  },
);
