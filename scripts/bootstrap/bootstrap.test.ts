import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** Stands in for npm: notes its arguments, waits for a file when asked to, installs what the lock file names, or fails as told. */
const FAKE_NPM = `
import { appendFileSync, existsSync, mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
if (process.env.FAKE_HOLD) await new Promise((resolve) => { const w = watch('.', () => { if (existsSync('go')) { w.close(); resolve(); } }); writeFileSync('npm-waits', ''); if (existsSync('go')) { w.close(); resolve(); } });
if (process.env.FAKE_FAILURE) { console.error('npm error ' + process.env.FAKE_FAILURE + '\\n' + 'a wall of text\\n'.repeat(100)); process.exit(1); }
const packages = {};
for (const [path, entry] of Object.entries(JSON.parse(readFileSync('package-lock.json', 'utf8')).packages)) {
  if (path === '' || (entry.dev && process.argv.includes('--omit=dev')) || path === process.env.FAKE_LEAVES_OUT || entry.os?.[0] === 'plan9') continue;
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), '{}');
  packages[path] = entry;
}
writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
`;

/** Stands in for the gateway: says what it was given, then ends, or waits for signals and says which came. */
const FAKE_MAIN = `
const [, , ...args] = process.argv;
if (args.includes('wait')) {
  const keep = setInterval(() => {}, 1000);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { console.log('got ' + signal); if (signal === 'SIGTERM') { clearInterval(keep); process.exitCode = 7; } });
}
console.log(JSON.stringify({ args, pid: process.pid }));
if (args.includes('three')) process.exitCode = 3;
`;

const LOCK = {
  '': {},
  'node_modules/a': { version: '1.0.0' },
  'node_modules/tool': { version: '1.0.0', dev: true },
  'node_modules/here': { version: '1.0.0', optional: true, os: [process.platform], cpu: [process.arch] },
  'node_modules/elsewhere': { version: '1.0.0', optional: true, os: ['plan9'], cpu: [process.arch] },
};

let root: string;
let running: Run[];

beforeEach(async () => {
  running = [];
  root = await mkdtemp(join(tmpdir(), 'lanport-bootstrap-'));
  await cp(dirname(import.meta.dirname), join(root, 'scripts'), { recursive: true });
  await mkdir(join(root, 'src'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await writeFile(join(root, 'src/main.ts'), FAKE_MAIN);
  await writeFile(join(root, 'npm-cli.js'), FAKE_NPM);
  await writeLock(LOCK);
});

afterEach(async () => {
  for (const one of running) {
    if (one.child.exitCode === null && one.child.signalCode === null) one.child.kill('SIGKILL');
    killGateway(one.out());
  }
  await rm(root, { recursive: true, force: true });
});

const writeLock = (packages: object): Promise<void> =>
  writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages }));

interface Run {
  readonly child: ChildProcess;
  /** Standard output so far. */
  out(): string;
  /** Resolves when standard output contains `text`. */
  saw(text: string): Promise<void>;
  readonly done: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
}

function start(
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Run {
  return launch(process.execPath, [join(root, 'scripts', script), ...args], env);
}

function launch(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Run {
  const child = spawn(program, args, {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: root, npm_execpath: join(root, 'npm-cli.js'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const done = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }));
  const saw = async (text: string): Promise<void> => {
    while (!out.includes(text))
      await Promise.race([
        once(child.stdout, 'data'),
        once(child, 'close').then(() => Promise.reject(new Error(err))),
      ]);
  };
  const started: Run = { child, out: () => out, saw, done };
  running.push(started);
  return started;
}

/** The stand-in for the gateway has a process group of its own and may outlive what started it when a test fails. */
function killGateway(out: string): void {
  const pid = /"pid":(\d+)/.exec(out)?.[1];
  try {
    if (pid !== undefined) process.kill(Number(pid), 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
}

const npmCalls = async (): Promise<readonly string[]> =>
  (await readFile(join(root, 'npm-calls'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

/** Resolves when the stand-in for npm has begun and waits for the file `go`. */
async function npmWaits(run: Run): Promise<void> {
  while (!(await readdir(root)).includes('npm-waits')) {
    if (run.child.exitCode !== null) throw new Error((await run.done).err);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('npm start', () => {
  it('installs on the first start only, passes its arguments on and ends with the same code', async () => {
    const first = await start('start.mjs', ['--port', '5', 'three']).done;
    expect(first.code).toBe(3);
    expect(JSON.parse(first.out)).toMatchObject({ args: ['serve', '--port', '5', 'three'] });
    expect(await npmCalls()).toEqual([expect.stringMatching(/^ci --omit=dev .*--ignore-scripts/)]);
    const second = await start('start.mjs').done;
    expect(second).toMatchObject({ code: 0, err: '' });
    expect(await npmCalls()).toHaveLength(1);
  });

  it('never reduces an install with development packages, also when the lock file changes', async () => {
    await start('run.mjs', ['src/main.ts']).done;
    await start('start.mjs').done;
    expect(await npmCalls()).toEqual([expect.stringContaining('--include=dev')]);
    await writeLock({ ...LOCK, 'node_modules/b': { version: '1.0.0' } });
    await start('start.mjs').done;
    expect(await npmCalls()).toEqual([
      expect.stringContaining('--include=dev'),
      expect.stringContaining('--include=dev'),
    ]);
  });

  it('adds the development packages to a plain install when they are needed', async () => {
    await start('start.mjs').done;
    await start('run.mjs', ['src/main.ts']).done;
    expect(await npmCalls()).toEqual([
      expect.stringContaining('--omit=dev'),
      expect.stringContaining('--include=dev'),
    ]);
  });

  it('accepts packages that someone installed by hand', async () => {
    await start('run.mjs', ['src/main.ts']).done;
    await rm(join(root, 'node_modules/.lanport-installed.json'));
    await start('start.mjs').done;
    await start('run.mjs', ['src/main.ts']).done;
    expect(await npmCalls()).toHaveLength(1);
  });

  it('notices an optional package that npm left out without saying so', async () => {
    const run = await start('start.mjs', [], { FAKE_LEAVES_OUT: 'node_modules/here' }).done;
    expect(run.code).toBe(1);
    expect(run.err).toMatch(
      /^lanport: npm left out node_modules\/here: start again, it resumes\. Details: .*npm\.log$/m,
    );
    expect((await start('start.mjs').done).code).toBe(0);
  });

  it.each([
    ['code ENOSPC', /^lanport: the disk that holds .* is full: free about 1 GB/],
    ['code EACCES', /^lanport: npm may not write to .*: make both writable/],
    [
      'code ENOTFOUND request to registry failed',
      /^lanport: npm cannot reach its registry: connect this machine, or set a proxy/,
    ],
    ['code E403', /^lanport: the npm registry refuses access: check/],
    ['code EUSAGE', /^lanport: package\.json and package-lock\.json do not agree: restore both/],
    [
      'code SELF_SIGNED_CERT_IN_CHAIN self-signed certificate',
      /^lanport: the registry's certificate is not trusted here: set NODE_EXTRA_CA_CERTS/,
    ],
    ['something else', /^lanport: npm could not install the packages\. Details: /],
  ])('tells "%s" in one line with the way out and keeps npm\'s text in a file', async (failure, line) => {
    const run = await start('start.mjs', [], { FAKE_FAILURE: failure }).done;
    const lines = run.err.trimEnd().split('\n');
    expect(run.code).toBe(1);
    expect(lines).toEqual(['lanport: installing packages (once)', expect.stringMatching(line)]);
    const log = /Details: (.*)$/.exec(lines[1] ?? '')?.[1] ?? '';
    expect(await readFile(log, 'utf8')).toContain('a wall of text');
  });

  it('says that npm is missing', async () => {
    const run = await start('start.mjs', [], { npm_execpath: '', PATH: root }).done;
    expect(run.code).toBe(1);
    expect(run.err).toContain('lanport: npm cannot be started (ENOENT). Install Node.js with npm');
  });

  it('installs once when two start together', async () => {
    const first = start('start.mjs', ['first'], { FAKE_HOLD: '1' });
    await npmWaits(first);
    const second = start('start.mjs', ['second']);
    await once(second.child.stderr!, 'data');
    await writeFile(join(root, 'go'), '');
    const runs = await Promise.all([first.done, second.done]);
    expect(runs.map((run) => run.code)).toEqual([0, 0]);
    expect(runs[1]?.err).toMatch(/waiting for the install of process \d+/);
    expect(await npmCalls()).toHaveLength(1);
  });

  it('waits for the npm of a start that was killed, then goes on', async () => {
    const first = start('start.mjs', [], { FAKE_HOLD: '1' });
    await npmWaits(first);
    first.child.kill('SIGKILL');
    const second = start('start.mjs', ['second']);
    await once(second.child.stderr!, 'data');
    await writeFile(join(root, 'go'), '');
    expect((await second.done).code).toBe(0);
    expect(await npmCalls()).toHaveLength(1);
  });

  it.each([
    ['a dead process', JSON.stringify([{ pid: 2 ** 22 + 1, started: '1' }])],
    ['a reused pid', JSON.stringify([{ pid: process.pid, started: '1' }])],
    ['a process that died while it wrote it', '[{"pi'],
  ])('takes over the lock of %s', async (_name, text) => {
    await mkdir(join(root, '.install'));
    await writeFile(join(root, '.install/lock'), text);
    await utimes(join(root, '.install/lock'), 1, 1);
    expect((await start('start.mjs').done).code).toBe(0);
    expect(await readdir(join(root, '.install'))).toEqual(['npm.log']);
  });

  it('ends with the signal number when it is stopped while it installs, and leaves no lock', async () => {
    const run = start('start.mjs', [], { FAKE_HOLD: '1' });
    await npmWaits(run);
    run.child.kill('SIGTERM');
    expect(await run.done).toMatchObject({
      code: 143,
      err: expect.stringContaining('lanport: stopped while installing'),
    });
    expect(await readdir(join(root, '.install'))).toEqual(['npm.log']);
  });

  it('passes each signal on once and ends with the code of the gateway', async () => {
    const run = start('start.mjs', ['wait']);
    await run.saw('pid');
    run.child.kill('SIGHUP');
    await run.saw('got SIGHUP');
    run.child.kill('SIGINT');
    await run.saw('got SIGINT');
    run.child.kill('SIGINT');
    run.child.kill('SIGTERM');
    const { code, out } = await run.done;
    expect(code).toBe(7);
    expect(out.match(/got \w+/g)).toEqual(['got SIGHUP', 'got SIGINT', 'got SIGTERM']);
  });

  it('is what npm runs, without a shell between them that would keep signals to itself', async () => {
    const { scripts } = JSON.parse(
      await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'),
    ) as {
      scripts: Record<string, string>;
    };
    await start('start.mjs').done;
    const path = `${dirname(process.execPath)}:${process.env.PATH}`;
    const shell = launch('sh', ['-c', `${scripts.start} wait`], { PATH: path });
    await shell.saw('pid');
    shell.child.kill('SIGTERM');
    expect((await shell.done).code).toBe(7);
  });

  it('ends with 128 + n when signal n ended the gateway', async () => {
    const run = start('start.mjs', ['wait']);
    await run.saw('}');
    const { pid } = JSON.parse(run.out().split('\n')[0] ?? '') as { pid: number };
    process.kill(pid, 'SIGKILL');
    expect((await run.done).code).toBe(137);
  });
});

describe('npm test', () => {
  /** Stands in for Vitest: writes the report that is asked for. */
  const fakeVitest = async (report: object | undefined, code: number): Promise<void> => {
    const packages = { ...LOCK, 'node_modules/vitest': { version: '1.0.0', dev: true } };
    await writeLock(packages);
    await start('run.mjs', ['src/main.ts']).done;
    const write =
      report === undefined
        ? ''
        : `import { writeFileSync } from 'node:fs'; writeFileSync(process.argv.find((a) => a.startsWith('--outputFile.json=')).split('=')[1], ${JSON.stringify(JSON.stringify(report))});`;
    await writeFile(
      join(root, 'node_modules/vitest/vitest.mjs'),
      `${write} console.log(process.argv.slice(2).join(' ')); process.exit(${code});`,
    );
  };
  const file = (status: string, tests: number): object => ({
    status,
    assertionResults: Array.from({ length: tests }, () => ({})),
  });

  it.each([
    [
      'all pass',
      { numPassedTests: 5, numFailedTests: 0, testResults: [file('passed', 5)] },
      0,
      '5 passed, 0 failed',
      0,
    ],
    [
      'some fail',
      { numPassedTests: 5, numFailedTests: 2, testResults: [file('failed', 7)] },
      1,
      '5 passed, 2 failed',
      1,
    ],
    [
      'a file does not load',
      { numPassedTests: 5, numFailedTests: 0, testResults: [file('failed', 0)] },
      1,
      '5 passed, 1 failed',
      1,
    ],
    [
      'there are no tests',
      { numPassedTests: 0, numFailedTests: 0, testResults: [] },
      0,
      '0 passed, 0 failed',
      1,
    ],
    ['there is no report', undefined, 0, '0 passed, 1 failed', 1],
  ])('ends with the sums alone on the last line when %s', async (_name, report, vitestCode, line, code) => {
    await fakeVitest(report, vitestCode);
    const run = await start('test.mjs', ['test/x.test.ts']).done;
    expect(run.out.trimEnd().split('\n').at(-1)).toBe(line);
    expect(run.out).toMatch(/^run .* test\/x\.test\.ts$/m);
    expect(run.code).toBe(code);
  });

  it('counts checks that fail as failed', async () => {
    await fakeVitest({ numPassedTests: 5, numFailedTests: 0, testResults: [file('passed', 5)] }, 0);
    const run = await start('test.mjs').done;
    expect(run.out.trimEnd().split('\n').at(-1)).toBe('5 passed, 1 failed');
    expect(run.code).toBe(1);
  });
});
