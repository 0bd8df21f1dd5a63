import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { descendants } from '../../src/net/process-tree.ts';
import { type DiagnosingOptions, diagnose } from '../support/diagnosing.ts';
import { ROOT } from '../support/process.ts';

const FAULTY = join(ROOT, 'test/support/upstreams/faulty');
const GOOD = join(ROOT, 'test/support/upstreams/stdio-2025.ts');
/** Milliseconds for a program that starts and then says nothing; it must have printed what it prints by then. */
const PATIENT_MS = 6_000;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-doctor-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const faulty = (way: string, options: DiagnosingOptions = {}) =>
  diagnose({ transport: 'stdio', command: process.execPath, args: [join(FAULTY, 'stdio.ts'), way] }, options);

/** An executable file in a folder of its own. */
async function script(name: string, text: string, mode = 0o755): Promise<string> {
  const file = join(await mkdtemp(join(folder, 'bin-')), name);
  await writeFile(file, text);
  await chmod(file, mode);
  return file;
}

describe('a program that works', () => {
  it('is ok', async () => {
    expect(await diagnose({ transport: 'stdio', command: process.execPath, args: [GOOD] })).toMatchObject({
      code: 'ok',
      verdict: 'works',
      works: { transport: 'stdio', revision: '2025-11-25', tools: 4 },
    });
  });

  it('is to be changed when it prints text among its messages, has no tools, or is declared as HTTP', async () => {
    expect(await faulty('noise')).toMatchObject({
      code: 'stdout-noise',
      verdict: 'change',
      words: expect.stringContaining('"Listening for messages ..."'),
      works: { tools: 4 },
    });
    expect(await faulty('no-tools')).toMatchObject({ code: 'no-tools', verdict: 'change' });
    expect(
      await diagnose(
        { transport: 'stdio', command: process.execPath, args: [GOOD] },
        { written: { transport: 'http' } },
      ),
    ).toMatchObject({ code: 'wrong-transport', fix: [{ path: ['transport'], value: 'stdio' }] });
  });
});

describe('a program that does not work', () => {
  it('ended: its exit code and its last words are said', async () => {
    const found = await faulty('die');
    expect(found).toMatchObject({
      code: 'exits',
      verdict: 'broken',
      stderr: 'Traceback: the licence file is not readable',
    });
    expect(found.words).toMatch(/exited with code 7.*licence file is not readable/);
  });

  it('ended for want of a variable, which is named and not handed to it unasked', async () => {
    const environment = { PATH: process.env['PATH'], SHOP_API_TOKEN: 'a-secret-of-the-gateway' };
    expect(await faulty('variable', { environment })).toMatchObject({
      code: 'env-missing',
      verdict: 'broken',
      suggestion: [{ path: ['env', 'SHOP_API_TOKEN'], value: '${SHOP_API_TOKEN}' }],
    });
  });

  it('prints a secret of its entry, which is not passed on', async () => {
    const found = await faulty('leak', { env: { SHOP_API_TOKEN: 'do-not-print-me' } });
    expect(found.stderr).toBe('cannot log in with [secret]');
    expect(JSON.stringify(found)).not.toContain('do-not-print-me');
  });

  it.concurrent.each([
    ['text', 'stdout-not-protocol', '"usage: tool [--mcp] FILE"'],
    ['hang', 'hang', 'did not answer within 6 s'],
    ['web', 'serves-http', 'http://127.0.0.1:8000'],
  ])('in the way "%s" is %s', async (way, code, words) => {
    expect(await faulty(way, { attemptMs: PATIENT_MS })).toMatchObject({
      code,
      verdict: 'broken',
      words: expect.stringContaining(words),
    });
  });

  it('speaks an unknown revision', async () => {
    expect(await faulty('revision')).toMatchObject({
      code: 'revision-unknown',
      verdict: 'broken',
      words: expect.stringContaining('2019-01-01'),
    });
  });

  it('leaves no process behind', async () => {
    await faulty('hang', { attemptMs: 500 });
    await faulty('noise');
    expect(descendants(process.pid)).toEqual([]);
  });
});

describe('a built-in connector', () => {
  it('says why it cannot start', async () => {
    const create = (): never => {
      throw new Error('env.DATABASE_URI is missing');
    };
    expect(
      await diagnose(
        { transport: 'in-process', command: 'lanport:postgres' },
        { inProcess: new Map([['postgres', create]]) },
      ),
    ).toMatchObject({
      code: 'connector-failed',
      verdict: 'broken',
      words: 'env.DATABASE_URI is missing.',
    });
  });
});

describe('a command', () => {
  it('that is nowhere is said with the PATH that was searched', async () => {
    const environment = { PATH: `${folder}:/nowhere/at/all`, HOME: folder };
    const found = await diagnose({ transport: 'stdio', command: 'no-such-program' }, { environment });
    expect(found).toMatchObject({ code: 'command-not-found', verdict: 'broken', fix: [] });
    expect(found.words).toContain(`${folder}, /nowhere/at/all`);
    expect(await diagnose({ transport: 'stdio', command: join(folder, 'no-such-program') })).toMatchObject({
      code: 'command-not-found',
      words: expect.stringContaining('There is no file'),
    });
  });

  it('that is docker, and nowhere, has three ways out', async () => {
    const found = await diagnose(
      { transport: 'stdio', command: 'docker', args: ['run', '-i', 'x'] },
      { environment: { PATH: folder } },
    );
    expect(found.code).toBe('docker-not-found');
    expect(found.advice).toMatch(/1\. .*\n2\. .*url.*\n3\. /);
  });

  it('that is in a folder beside the PATH is found there, with that folder on the PATH when it needs it', async () => {
    const home = await mkdtemp(join(folder, 'home-'));
    const bin = join(home, '.local/bin');
    await mkdir(bin, { recursive: true });
    const plain = join(bin, 'plain-server');
    await writeFile(plain, `#!/bin/sh\nexec "${process.execPath}" "${GOOD}"\n`);
    const needy = join(bin, 'needy-server');
    await writeFile(needy, `#!/bin/sh\nexec plain-server\n`);
    for (const file of [plain, needy]) await chmod(file, 0o755);
    const environment = { PATH: '/usr/bin:/bin', HOME: home };
    expect(await diagnose({ transport: 'stdio', command: 'plain-server' }, { environment })).toMatchObject({
      code: 'command-not-found',
      verdict: 'change',
      fix: [{ path: ['command'], value: plain }],
    });
    expect(await diagnose({ transport: 'stdio', command: 'needy-server' }, { environment })).toMatchObject({
      verdict: 'change',
      fix: [
        { path: ['command'], value: needy },
        { path: ['env', 'PATH'], value: `${bin}:/usr/bin:/bin` },
      ],
    });
  });

  it('that may not be executed, or whose interpreter is missing, is said to be so', async () => {
    const mute = await script('tool', 'text', 0o644);
    expect(await diagnose({ transport: 'stdio', command: mute })).toMatchObject({
      code: 'command-not-executable',
      words: expect.stringContaining('may not execute it'),
    });
    const lost = await script('tool', '#!/no/such/python\n');
    expect(await diagnose({ transport: 'stdio', command: lost })).toMatchObject({
      code: 'command-not-executable',
      words: expect.stringContaining('/no/such/python'),
    });
  });

  it('in a folder that does not exist is not looked for', async () => {
    expect(await diagnose({ transport: 'stdio', command: 'sh', cwd: join(folder, 'gone') })).toMatchObject({
      code: 'cwd-missing',
      words: expect.stringContaining(join(folder, 'gone')),
    });
  });

  it('docker run gets its -i', async () => {
    const docker = await script('docker', '');
    await copyFile(join(FAULTY, 'docker.sh'), docker);
    await chmod(docker, 0o755);
    const env = { LANPORT_TEST_NODE: process.execPath, LANPORT_TEST_SERVER: GOOD };
    expect(
      await diagnose(
        { transport: 'stdio', command: 'docker', args: ['run', '--rm', 'image'] },
        { env, environment: { PATH: `${dirname(docker)}:/usr/bin:/bin` } },
      ),
    ).toMatchObject({
      code: 'docker-not-interactive',
      verdict: 'change',
      fix: [{ path: ['args'], insertAt: 1, item: '-i' }],
    });
  });

  it('docker without its daemon is told from a server that ends', async () => {
    const docker = await script(
      'docker',
      '#!/bin/sh\necho "Cannot connect to the Docker daemon at unix:///var/run/docker.sock." >&2\nexit 1\n',
    );
    expect(
      await diagnose({ transport: 'stdio', command: docker, args: ['run', '-i', 'image'] }),
    ).toMatchObject({ code: 'docker-not-running', verdict: 'broken' });
  });
});
