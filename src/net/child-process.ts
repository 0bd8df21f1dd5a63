import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { childEnvironment } from './child-environment.ts';
import { LineSplitter } from './line-splitter.ts';
import { descendants, signalGroup, signalOne } from './process-tree.ts';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The entry's own variables. */
  readonly env: Readonly<Record<string, string>>;
  /** What the child may inherit from, see INHERITED_VARIABLES. */
  readonly inheritedEnvironment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string | undefined;
  readonly lineBytesMax: number;
  readonly stderrRingBytes: number;
  onLine(line: Buffer): void;
  onStdoutOverflow(): void;
  /** Called exactly once, also when the child could not be started. */
  onExit(exit: ChildExit): void;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** A sentence for the operator. */
  readonly text: string;
}

export interface Child {
  readonly pid: number | undefined;
  /** Whether the bytes were handed to the pipe; `false` when the child is gone. */
  write(bytes: Buffer): boolean;
  stderrTail(): string;
  /** Ends the whole process tree: end of stdin, then SIGTERM, then SIGKILL, each after `graceMs`. */
  stop(options: { readonly graceMs: number }): Promise<void>;
}

/** Starts a program without a shell, in a process group of its own. Never throws: what went wrong is told by `onExit`. */
export function spawnChild(options: ChildOptions): Child {
  const env = childEnvironment(options.inheritedEnvironment, options.env);
  const stderr = new Ring(options.stderrRingBytes);
  let exited = false;
  let settle: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const exit = (code: number | null, signal: string | null, text: string): void => {
    if (exited) return;
    exited = true;
    settle();
    options.onExit({ code, signal, text });
  };
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      shell: false,
      windowsHide: true,
    });
  } catch (error) {
    queueMicrotask(() =>
      exit(null, null, explainSpawnError(error as NodeJS.ErrnoException, options, env['PATH'])),
    );
    return { pid: undefined, write: () => false, stderrTail: () => '', stop: () => gone };
  }
  const splitter = new LineSplitter(options.lineBytesMax, options.onLine, options.onStdoutOverflow);
  child.stdout.on('data', (chunk: Buffer) => splitter.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A child that went away breaks its pipes; 'exit' tells of it.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
  child.on('error', (error) => {
    if (child.pid === undefined) exit(null, null, explainSpawnError(error, options, env['PATH']));
  });
  // 'exit', not 'close': a grandchild may hold the pipes open for ever.
  child.on('exit', (code, signal) => {
    const { pid } = child;
    // What it last wrote may still be in the pipe.
    setImmediate(() => {
      exit(
        code,
        signal,
        signal === null ? `its process exited with code ${code}` : `its process was ended by ${signal}`,
      );
      if (pid !== undefined) signalGroup(pid, 'SIGKILL');
    });
  });
  return {
    pid: child.pid,
    write: (bytes) => {
      if (exited || child.stdin.destroyed || !child.stdin.writable) return false;
      child.stdin.write(bytes);
      return true;
    },
    stderrTail: () => stderr.text(),
    stop: async ({ graceMs }) => {
      const { pid } = child;
      if (exited || pid === undefined) return gone;
      const tree = descendants(pid);
      child.stdin.end();
      if (!(await within(gone, graceMs))) {
        tree.push(...descendants(pid));
        signalGroup(pid, 'SIGTERM');
        for (const one of tree) signalOne(one, 'SIGTERM');
        if (!(await within(gone, graceMs))) signalGroup(pid, 'SIGKILL');
      }
      await gone;
      for (const one of new Set(tree)) signalOne(one, 'SIGKILL');
      return undefined;
    },
  };
}

/** What a failed start means and what to do about it. */
export function explainSpawnError(
  error: NodeJS.ErrnoException,
  options: { readonly command: string; readonly cwd: string | undefined },
  path: string | undefined,
): string {
  const { command, cwd } = options;
  if (error.code === 'ENOENT') {
    const docker = command === 'docker' || command.endsWith('/docker');
    const where = command.includes('/')
      ? 'there is no such file'
      : `it is in none of the folders of PATH (${path ?? 'not set'})`;
    const folder = cwd === undefined ? '' : ` (or the folder ${cwd} does not exist)`;
    const hint = docker
      ? ' A containerised stdio server can be run in three ways: install the docker client here; run the server as its own container with an HTTP transport and give its url; or install the server without a container (npx, uvx) and give that command.'
      : '';
    return `the command "${command}" was not found: ${where}${folder}.${hint}`;
  }
  if (error.code === 'EACCES') return `the command "${command}" may not be executed by this user (EACCES)`;
  if (error.code === 'ENOTDIR') return `cwd "${cwd ?? ''}" is not a folder`;
  return `the command "${command}" could not be started: ${error.message}`;
}

async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return done;
}

/** The last bytes of a stream. */
class Ring {
  readonly #max: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#max = bytesMax;
  }

  push(chunk: Buffer): void {
    this.#parts.push(chunk.length > this.#max ? Buffer.from(chunk.subarray(-this.#max)) : chunk);
    this.#bytes += Math.min(chunk.length, this.#max);
    while (this.#parts.length > 1 && this.#bytes - this.#parts[0]!.length >= this.#max)
      this.#bytes -= this.#parts.shift()!.length;
  }

  text(): string {
    return Buffer.concat(this.#parts).subarray(-this.#max).toString('utf8');
  }
}
