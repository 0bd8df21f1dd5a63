import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { type CommandResult, lanport } from '../support/lanport.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

const TEAM_KEY = 'sk-team-0123456789abcdef';
const CALL = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'echo', arguments: { text: 'x' } },
};

let folder: string;
let gateway: TestGateway;
/** Made of `gateway` while it was under load. */
let backup: string;
let made: CommandResult;
/** Status of each call that was made meanwhile. */
let meanwhile: readonly number[];
/** What was there before the backup was asked for. */
let before: { readonly calls: readonly string[]; readonly response: string };

/** A configuration with a master key of its own making. */
const config = {
  limits: { first_list_wait_ms: 25_000 },
  mcp_servers: {
    tools: { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts')] },
  },
  model_list: [{ model_name: 'mocked', litellm_params: { model: 'mock/x', mock_response: 'Hello.' } }],
  virtual_keys: [{ api_key: TEAM_KEY, models: ['*'], mcp_servers: ['*'] }],
};

const keyOf = (data: string): Promise<string> =>
  readFile(join(data, 'master.key'), 'utf8').then((key) => key.trim());

function ask(one: TestGateway, body: Record<string, unknown>): ReturnType<typeof http> {
  return http(`${one.url}/v1/responses`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEAM_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'mocked', ...body }),
  });
}

async function loadUntil(signal: AbortSignal): Promise<number[]> {
  const statuses: number[] = [];
  while (!signal.aborted) statuses.push((await rpc(`${gateway.url}/mcp`, TEAM_KEY, CALL)).status);
  return statuses;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-backup-'));
  gateway = await startGateway({ config });
  const first = (await ask(gateway, { input: 'one' })).json<{ id: string }>();
  const calls: string[] = [];
  for (let count = 0; count < 20; count++)
    calls.push(String((await rpc(`${gateway.url}/mcp`, TEAM_KEY, CALL)).headers['x-request-id']));
  before = { calls, response: first.id };
  const load = new AbortController();
  const loaded = loadUntil(load.signal);
  backup = join(folder, 'one.tar.gz');
  made = await lanport([
    'backup',
    '--url',
    gateway.url,
    '--data',
    join(gateway.folder, 'data'),
    '-o',
    backup,
  ]);
  load.abort();
  meanwhile = await loaded;
}, 90_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test('a backup of a gateway under load, restored on a fresh one, has every call, answer and key from before', async () => {
  verifies('backup:restores');
  expect(made).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('read back and whole') as string,
  });
  expect(new Set(meanwhile)).toEqual(new Set([200]));
  const file = join(folder, 'config.yaml');
  const data = join(folder, 'fresh');
  await writeFile(file, JSON.stringify(config));
  const restored = await lanport(['restore', backup, '--config', file, '--data', data]);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(await keyOf(data)).toBe(await keyOf(join(gateway.folder, 'data')));
  expect((await stat(join(data, 'master.key'))).mode & 0o777).toBe(0o600);

  await using fresh = await startGateway({ config, args: ['--data', data] });
  const rows = await ledgerRows({ ...fresh, url: fresh.url, key: await keyOf(data) });
  const known = new Map(rows.map((row) => [row.id, row]));
  expect(before.calls.length).toBe(20);
  for (const id of before.calls) expect(known.get(id)).toMatchObject({ status: 'ok', server: 'tools' });
  expect((await ask(fresh, { input: 'two', previous_response_id: before.response })).status).toBe(200);
  expect((await rpc(`${fresh.url}/mcp`, TEAM_KEY, CALL)).status).toBe(200);
}, 90_000);

test('a backup that was cut off, changed or is none is refused before anything is touched', async () => {
  verifies('backup:whole-or-nothing');
  const bytes = await readFile(backup);
  const tar = gunzipSync(bytes);
  const at = tar.indexOf('echo');
  expect(at).toBeGreaterThan(0);
  const changed = Buffer.from(tar);
  changed.write('ecHo', at);
  const damaged: [string, Buffer, RegExp][] = [
    ['cut', bytes.subarray(0, bytes.length - 2_000), /cannot be read to its end|cut off/],
    ['ended early', gzipSync(tar.subarray(0, 512 * 8)), /cut off|cannot be read/],
    ['changed', gzipSync(changed), /is not as it was written/],
    ['none', gzipSync(Buffer.from('hello')), /cannot be used/],
    ['text', Buffer.from('hello, this is no archive at all'), /cannot be read to its end/],
    ['empty', Buffer.alloc(0), /cannot be used/],
  ];
  for (const [name, content, words] of damaged) {
    const file = join(folder, 'damaged.tar.gz');
    const data = join(folder, `data-${name}`);
    await writeFile(file, content);
    for (const args of [['--check'], []]) {
      const result = await lanport(['restore', file, '--data', data, ...args]);
      expect(result.code, name).toBe(1);
      expect(result.stderr, name).toMatch(words);
    }
    await expect(stat(data), name).rejects.toThrow('ENOENT');
  }
  expect(await lanport(['restore', join(folder, 'nothing.tar.gz'), '--check'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('nothing.tar.gz') as string,
  });
  expect(await lanport(['restore', backup, '--check'])).toMatchObject({ code: 0 });
}, 300_000);

test('a data folder that holds something is left alone, or put aside when asked', async () => {
  verifies('backup:overwrites-nothing');
  const data = join(folder, 'used');
  await mkdir(data);
  await writeFile(join(data, 'mine'), 'keep');
  const refused = await lanport(['restore', backup, '--data', data]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('holds something already');
  expect(await readdir(data)).toEqual(['mine']);
  const result = await lanport(['restore', backup, '--data', data, '--replace', '--json']);
  expect(result).toMatchObject({ code: 0 });
  const { putAside, rows } = JSON.parse(result.stdout) as { putAside: string; rows: number };
  expect(rows).toBeGreaterThan(20);
  expect(await readdir(putAside)).toEqual(['mine']);
  const running = await lanport(['restore', backup, '--data', join(gateway.folder, 'data'), '--replace']);
  expect(running.code).toBe(1);
  expect(running.stderr).toContain('in use by process');
}, 90_000);

test('only the master key gets a backup, and a file that is there is not overwritten', async () => {
  verifies('backup:overwrites-nothing');
  const refused = await http(`${gateway.url}/v1/backup`, {
    headers: { authorization: `Bearer ${TEAM_KEY}` },
  });
  expect(refused.status).toBe(403);
  expect((await http(`${gateway.url}/v1/backup`)).status).toBe(401);
  const data = join(gateway.folder, 'data');
  const again = await lanport(['backup', '--url', gateway.url, '--data', data, '-o', backup]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('is not overwritten') as string });
  const dead = await lanport(['backup', '--url', 'http://127.0.0.1:9', '-o', join(folder, 'two.tar.gz')]);
  expect(dead).toMatchObject({ code: 4, stderr: expect.stringContaining('no gateway answers') as string });
  expect((await readdir(folder)).filter((name) => name.startsWith('two'))).toEqual([]);
});
