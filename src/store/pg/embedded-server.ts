// With embedded.ts the one place outside net/ that starts processes: the database server belongs to the store, which must not know net/.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errorChain, type Log } from '../../telemetry/log.ts';

const START_MS = 60_000;
const STOP_MS = 8_000;
/** Pauses before a server that has ended is started again; the last one is repeated. */
const RESTART_MS = [100, 1_000, 5_000, 30_000] as const;
/** Time after which a server counts as one that runs, and its end as the first. */
const SETTLED_MS = 60_000;
const KEPT_OUTPUT = 40;

/** What an `EmbeddedServer` needs. */
export interface EmbeddedServerOptions {
  /** The data folder of PostgreSQL itself. */
  readonly cluster: string;
  /** The program and its arguments. */
  readonly command: readonly [string, readonly string[]];
  readonly log: Log;
}

/** The process of the embedded PostgreSQL: started, and started again whenever it ends by itself. */
export class EmbeddedServer implements AsyncDisposable {
  readonly #options: EmbeddedServerOptions;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #restarting: Promise<void> | undefined;
  /** Ends in a row. */
  #ends = 0;

  constructor(options: EmbeddedServerOptions) {
    this.#options = options;
  }

  /** Of the server that runs, or ran last. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves when it takes connections. Rejects with what it printed. */
  async start(): Promise<void> {
    const { cluster, log } = this.#options;
    const [command, args] = this.#options.command;
    const output = new Output();
    const child = spawn(command, args, {
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LC_ALL: 'C',
        PG_OOM_ADJUST_FILE: '',
      },
    });
    this.#child = child;
    const gone = new Promise<never>((_resolve, reject) => {
      child.once('error', (error) =>
        reject(new Error(`the embedded PostgreSQL could not be started: ${error.message}`)),
      );
      child.once('exit', (code, signal) =>
        reject(
          new Error(
            `the embedded PostgreSQL ended while starting (${signal ?? `code ${code}`}): ${output.tail()}. Its folder is ${cluster}`,
          ),
        ),
      );
    });
    gone.catch(() => undefined);
    // Where there is no file descriptor left, there is no stderr either, and `error` is on its way.
    const stderr = child.stderr as ((typeof child)['stderr'] & { unref(): void }) | undefined;
    stderr?.setEncoding('utf8').on('data', (text: string) => output.push(text));
    stderr?.unref();
    child.unref();
    try {
      await Promise.race([waitReady(cluster, child), gone]);
    } catch (error) {
      await stopChild(child);
      throw error;
    }
    const settled = setTimeout(() => (this.#ends = 0), SETTLED_MS).unref();
    child.once('exit', (code, signal) => {
      clearTimeout(settled);
      if (this.#stopping.signal.aborted) return;
      const last = output.tail();
      log.error('the embedded PostgreSQL has ended and is started again', {
        code,
        signal,
        folder: cluster,
        last,
      });
      this.#restarting = this.#restart();
    });
  }

  /** Never rejects. */
  async #restart(): Promise<void> {
    const { cluster, log } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      const pause = RESTART_MS[Math.min(this.#ends++, RESTART_MS.length - 1)];
      await delay(pause, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.start();
        log.info('the embedded PostgreSQL runs again', { pid: this.pid });
        return;
      } catch (error) {
        const reason = errorChain(error);
        if (!signal.aborted)
          log.error('the embedded PostgreSQL cannot be started again', { folder: cluster, reason });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    if (this.#child !== undefined) await stopChild(this.#child);
    await this.#restarting;
    if (this.#child !== undefined) await stopChild(this.#child);
  }
}

/** Stops the server that a killed process of ours left behind on a cluster, if there is one. */
export async function stopOrphan(cluster: string, log: Log): Promise<void> {
  const pid = postmasterOf(cluster);
  if (pid === undefined) return;
  log.warn('a database server of a gateway that was killed still runs and is stopped', { pid });
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const deadline = performance.now() + STOP_MS;
    // Not our child: there is no event to wait for.
    while (performance.now() < deadline) {
      if (postmasterOf(cluster) !== pid) return;
      await delay(20);
    }
  }
}

/** The server that runs on this folder, by its pid file and, where there is /proc, by what that process really is. */
function postmasterOf(cluster: string): number | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return commandLine[0]?.endsWith('postgres') === true && commandLine.includes(cluster) ? pid : undefined;
  } catch {
    return existsSync('/proc/self') ? undefined : pid;
  }
}

/** `ready` in the pid file's eighth line is how pg_ctl knows, too. */
async function waitReady(cluster: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    try {
      const lines = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
      if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return;
    } catch {
      // Not written yet.
    }
    await delay(10);
  }
  throw new Error(`the embedded PostgreSQL was not ready within ${START_MS / 1_000} s`);
}

async function stopChild(child: ChildProcess): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const stop = new AbortController();
    await Promise.race([exited, delay(STOP_MS, undefined, { signal: stop.signal }).catch(() => undefined)]);
    stop.abort();
  }
}

/** The last lines of what a program printed. */
export class Output {
  #lines: string[] = [];

  push(text: string): void {
    this.#lines.push(...text.split('\n').filter((line) => line.trim() !== ''));
    if (this.#lines.length > KEPT_OUTPUT) this.#lines = this.#lines.slice(-KEPT_OUTPUT);
  }

  tail(): string {
    return this.#lines.slice(-4).join(' | ').slice(0, 800);
  }
}
