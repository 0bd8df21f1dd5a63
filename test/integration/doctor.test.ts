import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Examined } from '../../src/app/doctor.ts';
import { MASTER_KEY, startGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import { lanport } from '../support/lanport.ts';
import { ROOT, startProgram } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const HTTP = 'test/support/upstreams/faulty/http.ts';
const CERTIFICATES = join(ROOT, 'test/support/certificates');
const GOOD = join(ROOT, 'test/support/upstreams/stdio-2025.ts');

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-doctor-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function configFile(text: string): Promise<string> {
  const file = join(await mkdtemp(join(folder, 'config-')), 'config.yaml');
  await writeFile(file, text);
  return file;
}

async function doctor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await lanport(['doctor', '--json', ...args], { env });
  const servers = stdout === '' ? [] : (JSON.parse(stdout) as { servers: Examined[] }).servers;
  return { code, servers, stderr };
}

describe('lanport doctor --fix', () => {
  it('corrects each server that can be, keeps every other byte, and the gateway serves them', async () => {
    verifies('doctor:fix');
    await using sse = await startProgram('test/support/upstreams/http-sse.ts');
    await using elsewhere = await startProgram(HTTP, ['path']);
    await using guarded = await startProgram(HTTP, ['bearer']);
    const text = `# The servers of the office. Ask Anna before you change the ports.
general_settings:
  master_key:   "${MASTER_KEY}"     # for tests
  disable_database: true

mcp_servers:

  events:            # an older one
    transport: http  # as its README says
    url: "http://127.0.0.1:${sse.ready}/sse"


  tools: {url: 'http://127.0.0.1:\${TOOLS_PORT}/api', alias: t}   # on one line
  guarded:
    url: http://127.0.0.1:${guarded.ready}/mcp
    # the token of the team
    auth_value: \${TEAM_TOKEN}
  local:
    command: ${process.execPath}
    args:
        - ${GOOD}   # nothing is wrong here
`;
    const file = await configFile(text);
    await chmod(file, 0o640);
    const env = { TOOLS_PORT: elsewhere.ready, TEAM_TOKEN: 'right-token-123456' };

    const before = await doctor(['--config', file], env);
    expect(before.code).toBe(1);
    expect(before.servers.map(({ server, code, verdict }) => [server, code, verdict])).toEqual([
      ['events', 'wrong-transport', 'change'],
      ['tools', 'wrong-path', 'change'],
      ['guarded', 'auth-type-wrong', 'change'],
      ['local', 'ok', 'works'],
    ]);
    expect(before.servers[0]?.change).toEqual([`${file}:9: transport: sse`]);
    expect(await readFile(file, 'utf8')).toBe(text);

    const fixing = await doctor(['--config', file, '--fix'], env);
    expect(fixing.code).toBe(1);
    expect(fixing.servers.map(({ fixed }) => fixed)).toEqual([true, true, true, false]);
    expect(await readFile(file, 'utf8')).toBe(
      text
        .replace('transport: http ', 'transport: sse ')
        .replace('${TOOLS_PORT}/api', '${TOOLS_PORT}/mcp')
        .replace('/mcp\n    # the token', '/mcp\n    auth_type: bearer_token\n    # the token'),
    );
    expect((await stat(file)).mode & 0o777).toBe(0o640);

    expect(await doctor(['--config', file], env)).toMatchObject({ code: 0 });
    expect((await lanport(['config', 'check', file], { env })).code).toBe(0);
    await using gateway = await startGateway({ config: await readFile(file, 'utf8'), env });
    await serversSettled(gateway);
    for (const prefix of ['events', 't', 'guarded', 'local']) {
      const call = { name: `${prefix}-echo`, arguments: { text: `through ${prefix}` } };
      const answer = await rpc(`${gateway.url}/mcp`, MASTER_KEY, {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: call,
      });
      expect(answer.json()).toMatchObject({ result: { content: [{ text: `through ${prefix}` }] } });
    }
  });

  it('leaves alone what cannot be changed by itself, and says which line to change', async () => {
    await using sse = await startProgram('test/support/upstreams/http-sse.ts');
    const text = `x-old: &old
  transport: http
mcp_servers:
  one: {url: "\${ADDRESS}", transport: http}
  two:
    url: &address http://127.0.0.1:${sse.ready}/mcp
  three:
    url: *address
`;
    const file = await configFile(text);
    const { code, servers } = await doctor(['--config', file, '--fix'], {
      ADDRESS: `http://127.0.0.1:${sse.ready}/nowhere`,
    });
    expect(code).toBe(1);
    expect(servers[0]?.notFixed).toContain('comes from a variable');
    expect(servers[0]?.change).toContain(`${file}:4: url: http://127.0.0.1:${sse.ready}/sse`);
    expect(servers[1]?.notFixed).toContain('an anchor');
    // An alias can be replaced by a value of its own.
    expect(servers[2]?.fixed).toBe(true);
    expect(await readFile(file, 'utf8')).toBe(text.replace('*address', `http://127.0.0.1:${sse.ready}/sse`));
  });

  it('writes into the included file that declares the server', async () => {
    await using elsewhere = await startProgram(HTTP, ['path']);
    const file = await configFile('include: [more.yaml]\n');
    const more = join(file, '../more.yaml');
    await writeFile(more, `mcp_servers:\n  a:\n    url: http://127.0.0.1:${elsewhere.ready}/x # here\n`);
    expect((await doctor(['a', '--config', file, '--fix'])).servers).toMatchObject([{ fixed: true }]);
    expect(await readFile(more, 'utf8')).toContain('/mcp # here');
    expect(await readFile(file, 'utf8')).toBe('include: [more.yaml]\n');
  });
});

describe('lanport doctor', () => {
  it('tries an address, with headers, and prints an entry that works', async () => {
    await using guarded = await startProgram(HTTP, ['bearer']);
    const url = `http://127.0.0.1:${guarded.ready}/mcp`;
    expect(await doctor([url])).toMatchObject({ code: 3, servers: [{ code: 'auth-missing' }] });
    const right = await doctor([url, '--header', 'Authorization: Bearer right-token-123456']);
    expect(right).toMatchObject({ code: 0, servers: [{ code: 'ok' }] });
    expect(right.servers[0]?.entry).toContain('Authorization: ${AUTHORIZATION}');
    expect(JSON.stringify(right.servers)).not.toContain('right-token');
  });

  it('tries a command behind --, whose options are its own', async () => {
    const good = await doctor(['--', process.execPath, '--no-warnings', GOOD]);
    expect(good).toMatchObject({ code: 0, servers: [{ code: 'ok', works: { tools: 4 } }] });
    expect(await doctor(['--', 'no-such-program'])).toMatchObject({
      code: 3,
      servers: [{ code: 'command-not-found' }],
    });
  });

  it('ends what it started when it is told to stop', async () => {
    const room = await mkdtemp(join(folder, 'stop-'));
    const started = new Promise<void>((resolve) => {
      const watcher = watch(room, (_event, name) => {
        if (name !== 'ready') return;
        watcher.close();
        resolve();
      });
    });
    // The name appears once the number is in the file.
    const script = 'echo $$ > number; mv number ready; exec sleep 1000';
    const child = spawn(process.execPath, [join(ROOT, 'src/main.ts'), 'doctor', '--', 'sh', '-c', script], {
      cwd: room,
      stdio: 'ignore',
    });
    const ended = once(child, 'exit');
    await started;
    const pid = Number(await readFile(join(room, 'ready'), 'utf8'));
    expect(pid).toBeGreaterThan(1);
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('says it in words for people', async () => {
    await using sse = await startProgram('test/support/upstreams/http-sse.ts');
    const file = await configFile(
      `mcp_servers:\n  db:\n    transport: http\n    url: http://127.0.0.1:${sse.ready}/sse\n`,
    );
    const { code, stdout } = await lanport(['doctor', 'db', '--config', file]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^db: works, but has to be changed \(wrong-transport\)\n/);
    expect(stdout).toContain(`Change:\n    ${file}:3: transport: sse\n  or run this again with --fix`);
    expect(stdout).toMatch(/\n {4}\+ {2}HTTP\+SSE +http:\S+ +works: protocol 2025-11-25, 4 tools\n/);
    expect(stdout).toContain('docs/reference/diagnoses.md#wrong-transport');
  });

  it('knows an authority that the environment names, and then sees what else is wrong with a certificate', async () => {
    const trusting = { NODE_EXTRA_CA_CERTS: join(CERTIFICATES, 'authority.pem') };
    for (const [certificate, code, words] of [
      ['expired', 'tls-expired', 'expired on Jan  1 00:00:00 2021 GMT'],
      ['other-name', 'tls-name', 'The certificate is for db.example, not for localhost'],
    ] as const) {
      await using upstream = await startProgram('test/support/upstreams/faulty/tls.ts', [certificate]);
      const { servers } = await doctor([`https://localhost:${upstream.ready}/mcp`], trusting);
      expect(servers).toMatchObject([{ code, words: expect.stringContaining(words) }]);
    }
    await using upstream = await startProgram('test/support/upstreams/faulty/tls.ts', ['self-signed']);
    const url = `https://localhost:${upstream.ready}/mcp`;
    expect(await doctor([url], { NODE_EXTRA_CA_CERTS: join(CERTIFICATES, 'self-signed.pem') })).toMatchObject(
      {
        code: 0,
      },
    );
  });

  it('finds nothing to do without a file, with a wrong name, with a broken file, and with --fix for an address', async () => {
    const file = await configFile('mcp_servers:\n  database:\n    url: http://127.0.0.1:1/mcp\n');
    const broken = await configFile('mcp_servers:\n  a:\n    url: 5\n    transport: carrier pigeon\n');
    for (const [args, words] of [
      [[], '--config'],
      [['databse', '--config', file], 'Did you mean "database"?'],
      [['--config', broken], 'transport'],
      [['http://127.0.0.1:1/', '--fix'], '--fix writes into a configuration file'],
      [['one', 'two'], 'behind --'],
      [['ftp://x/'], 'begins with http'],
      [['--timeout', 'soon', 'x'], 'number of seconds'],
    ] as const) {
      const { code, stderr, servers } = await doctor(args);
      expect({ code, servers }).toEqual({ code: 2, servers: [] });
      expect(stderr).toContain(words);
    }
  });
});
