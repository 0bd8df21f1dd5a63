import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Load } from './measure.ts';

/** Processors: the process under test has one to itself, load and upstream share the other. */
export const UNDER_TEST = '0';
export const LOAD = '1';

const canPin = canRun('taskset', ['-c', '1', 'true']);
/** Whether processes are pinned, for the report. */
export const PINNED: boolean = canPin;

/** The command that runs Node.js with `args` on a processor; `undefined`: where the system puts it. */
export function pinned(processor: string | undefined, args: readonly string[]): [string, string[]] {
  return canPin && processor !== undefined
    ? ['taskset', ['-c', processor, process.execPath, ...args]]
    : [process.execPath, [...args]];
}

/** Whether processes may be given real-time scheduling here. */
export const REAL_TIME: boolean = canRun('chrt', ['--rr', '1', 'true']);

/** The command in front of a program that has only what others leave of the processors. */
export const YIELDING: readonly string[] = ['chrt', '--idle', '0'];

/** Scheduling policies of Linux (sched.h). */
export const POLICY = { ordinary: '0', roundRobin: '2', idle: '5' } as const;

/** Throws unless the main thread of a process has this scheduling policy (proc_pid_stat(5), field 41). */
export function requirePolicy(pid: number, policy: string): void {
  if (process.platform !== 'linux') return;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const found = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38];
  if (found !== policy)
    throw new Error(`process ${pid} has the scheduling policy ${found} and not ${policy}`);
}

function canRun(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** How long a process may take to end before it is killed. */
const STOP_MS = 20_000;

export interface Started extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
}

/** Starts a program, with the command `runner` in front of it, and waits for the port that `portOf` finds in a line of its output. */
export async function startProcess(
  processor: string | undefined,
  args: readonly string[],
  portOf: (line: string) => number | undefined,
  env: Readonly<Record<string, string>> = {},
  runner: readonly string[] = [],
): Promise<Started> {
  const [node, nodeArgs] = pinned(processor, args);
  const [command, ...all] = [...runner, node, ...nodeArgs] as [string, ...string[]];
  const child: ChildProcess = spawn(command, all, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const lines: string[] = [];
  const port = await new Promise<number>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (lines.length < 50) lines.push(line);
        const found = portOf(line);
        if (found !== undefined) resolve(found);
      });
    }
    child.once('exit', (code) =>
      reject(new Error(`${args.join(' ')} ended with ${code}:\n${lines.join('\n')}`)),
    );
  });
  return {
    pid: child.pid!,
    port,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(force);
    },
  };
}

export const readyLine = (line: string): number | undefined =>
  line.startsWith('ready ') ? Number(line.slice(6)) : undefined;

/** Runs the load driver to its end. */
export function drive(file: string, job: Readonly<Record<string, unknown>>): Promise<Load> {
  return runJob<Load>(file, job, LOAD);
}

/** Runs a program with a job, to its end; gives back what it prints. */
export function runJob<Result>(file: string, job: object, processor: string | undefined): Promise<Result> {
  const [command, args] = pinned(processor, [file, JSON.stringify(job)]);
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1024 * 1024 }, (error, stdout, stderr) =>
      error === null
        ? resolve(JSON.parse(stdout) as Result)
        : reject(new Error(`the load driver failed: ${stderr}`, { cause: error })),
    );
  });
}

/** Moves the processes that `pid` has started, and theirs, to another processor. */
export function moveChildren(pid: number, processor: string): void {
  if (!canPin) return;
  for (const child of childrenOf(pid)) {
    execFileSync('taskset', ['-a', '-p', '-c', processor, String(child)], { stdio: 'ignore' });
    moveChildren(child, processor);
  }
}

function childrenOf(pid: number): readonly number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map(Number)
    .filter((child) => child > 0);
}
