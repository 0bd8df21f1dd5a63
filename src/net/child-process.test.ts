import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { INHERITED_VARIABLES } from './child-environment.ts';
import { type Child, type ChildExit, explainSpawnError, spawnChild } from './child-process.ts';
import { verifies } from '../../test/support/verifies.ts';

interface Started {
  readonly child: Child;
  readonly exited: Promise<ChildExit>;
  /** The next line, in order. */
  line(): Promise<string>;
}

function start(code: string, more: Partial<Parameters<typeof spawnChild>[0]> = {}): Started {
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let exit: (exit: ChildExit) => void = () => undefined;
  const exited = new Promise<ChildExit>((resolve) => {
    exit = resolve;
  });
  const child = spawnChild({
    command: process.execPath,
    args: ['-e', code],
    env: {},
    inheritedEnvironment: process.env,
    cwd: undefined,
    lineBytesMax: 10_000,
    stderrRingBytes: 1_000,
    onLine: (line) => {
      const next = waiting.shift();
      if (next === undefined) lines.push(line.toString());
      else next(line.toString());
    },
    onStdoutOverflow: () => undefined,
    onExit: exit,
    ...more,
  });
  return {
    child,
    exited,
    line: () =>
      lines.length > 0 ? Promise.resolve(lines.shift()!) : new Promise((resolve) => waiting.push(resolve)),
  };
}

/** Whether a process runs. One that has ended and that nobody has waited for (state Z) does not. */
const isAlive = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z';
  } catch {
    return false;
  }
};

describe('a child process', () => {
  it('gets lines, gives lines, and ends with its stdin', async () => {
    const { child, exited, line } = start(
      "process.stdin.on('data', (d) => process.stdout.write('got ' + d))",
    );
    expect(child.write(Buffer.from('hello\n'))).toBe(true);
    expect(await line()).toBe('got hello');
    await child.stop({ graceMs: 5_000 });
    expect(await exited).toEqual({ code: 0, signal: null, text: 'its process exited with code 0' });
    expect(child.write(Buffer.from('late\n'))).toBe(false);
  });

  it('that ignores the end of its stdin and SIGTERM is killed, with what it started', async () => {
    verifies('net:process-trees');
    const grandchild =
      "require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit', detached: true }).pid";
    const { child, exited, line } = start(
      `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log(${grandchild})`,
    );
    const pid = Number(await line());
    expect(isAlive(pid)).toBe(true);
    await child.stop({ graceMs: 50 });
    expect(await exited).toMatchObject({ signal: 'SIGKILL' });
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it('that dies tells so although a grandchild still holds its pipes, and the grandchild goes, too', async () => {
    const { exited, line } = start(
      "const c = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' }); console.log(c.pid); setTimeout(() => process.exit(7), 50)",
    );
    const pid = Number(await line());
    expect(await exited).toMatchObject({ code: 7, text: 'its process exited with code 7' });
    const { child } = start("process.stdin.on('data', () => {})");
    await child.stop({ graceMs: 5_000 });
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it('that floods stderr costs no more than the ring', async () => {
    const { child, exited } = start(
      "process.stderr.write('x'.repeat(1000000) + 'the end', () => process.exit(0))",
    );
    await exited;
    expect(child.stderrTail()).toHaveLength(1_000);
    expect(child.stderrTail()).toMatch(/the end$/);
  });

  it('sees of the environment only what programs need, and its own variables', async () => {
    const { line } = start('console.log(JSON.stringify(process.env))', {
      env: { OWN: 'yes' },
      inheritedEnvironment: {
        PATH: process.env['PATH'],
        HOME: '/home/x',
        AWS_SECRET_ACCESS_KEY: 'secret',
        LC_ALL: '() { evil; }',
      },
    });
    const environment = JSON.parse(await line()) as Record<string, string>;
    expect(environment).toMatchObject({ OWN: 'yes', HOME: '/home/x', PATH: process.env['PATH'] });
    expect(Object.keys(environment)).not.toContain('AWS_SECRET_ACCESS_KEY');
    expect(Object.keys(environment)).not.toContain('LC_ALL');
  });

  it('that cannot be started says which command, and where it was looked for', async () => {
    const { child, exited } = start('', {
      command: 'no-such-program',
      inheritedEnvironment: { PATH: '/usr/bin:/bin' },
    });
    expect(await exited).toMatchObject({
      code: null,
      text: 'the command "no-such-program" was not found: it is in none of the folders of PATH (/usr/bin:/bin).',
    });
    expect(child.write(Buffer.from('x'))).toBe(false);
    await child.stop({ graceMs: 10 });
    expect(
      explainSpawnError(
        { name: 'Error', message: '', code: 'ENOENT' },
        { command: 'docker', cwd: undefined },
        '/bin',
      ),
    ).toMatch(/three ways/);
    expect(
      explainSpawnError(
        { name: 'Error', message: '', code: 'EACCES' },
        { command: './x', cwd: undefined },
        '/bin',
      ),
    ).toMatch(/may not be executed/);
  });

  it('that writes a line beyond its bound is reported', async () => {
    let overflowed: (what: string) => void = () => undefined;
    const overflow = new Promise<string>((resolve) => {
      overflowed = resolve;
    });
    const { child } = start("process.stdout.write('x'.repeat(20000)); process.stdin.resume()", {
      onStdoutOverflow: () => overflowed('reported'),
    });
    expect(await overflow).toBe('reported');
    await child.stop({ graceMs: 1_000 });
  });
});

it('the inherited variables are these and no others', () => {
  expect(INHERITED_VARIABLES).toEqual([
    ...[
      'HOME',
      'LANG',
      'LANGUAGE',
      'LC_ALL',
      'LC_CTYPE',
      'LOGNAME',
      'NPM_CONFIG_CACHE',
      'NVM_DIR',
      'PATH',
      'SHELL',
      'SYSTEMROOT',
    ],
    ...[
      'TEMP',
      'TERM',
      'TMP',
      'TMPDIR',
      'TZ',
      'USER',
      'UV_CACHE_DIR',
      'XDG_CACHE_HOME',
      'XDG_CONFIG_HOME',
      'XDG_DATA_HOME',
    ],
  ]);
});

it('a process that never was does not keep stop waiting', async () => {
  const { child, exited } = start('', { command: '/no/such/file' });
  await child.stop({ graceMs: 10_000 });
  expect((await exited).text).toMatch(/there is no such file/);
});
