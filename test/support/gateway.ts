import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { lastingPort } from './ports.ts';
import { ROOT } from './process.ts';

export const MASTER_KEY = 'sk-test-master-0123456789abcdef';
const READY_MS = 60_000;
/** Lines of its log that tell why it ended. */
const LAST_LINES = 20;

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface TestGateway extends AsyncDisposable {
  readonly url: string;
  readonly key: string;
  readonly pid: number;
  readonly folder: string;
  readonly log: readonly LogLine[];
  readonly stdout: readonly string[];
  /** How it ended without having been told to, each time, with what it last logged. */
  readonly endedAlone: readonly string[];
  /** Resolves with the first line, already written or to come, that fits. */
  logged(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** SIGTERM; the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
  /** Starts it again on the same folder and configuration, after `stop` or `kill`. */
  restart(): Promise<void>;
}

export interface TestGatewayOptions {
  /** Configuration as YAML text, or as a value that JSON can write (JSON is YAML). */
  readonly config: string | Readonly<Record<string, unknown>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A configuration without a database, with the master key of the tests, and these servers. */
export function configWith(
  servers: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    general_settings: { master_key: MASTER_KEY, disable_database: true },
    mcp_servers: servers,
    ...more,
  };
}

/** Starts the real gateway as a process in a folder of its own and waits until it says that it is ready. */
export async function startGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'lanport-test-'));
  const file = join(folder, 'config.yaml');
  await writeFile(
    file,
    typeof options.config === 'string' ? options.config : JSON.stringify(options.config, null, 2),
  );
  const log: LogLine[] = [];
  const stdout: string[] = [];
  const endedAlone: string[] = [];
  /** Processes that were told to end. */
  const told = new Set<ChildProcess>();
  const waiting = new Set<() => void>();
  let child: ChildProcess;
  let url = '';
  // It is there again for the same gateway when that is started again.
  const port = String(await lastingPort());

  const logged: TestGateway['logged'] = (fits) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          finish(() =>
            reject(
              new Error(`the line was not logged:\n${log.map((line) => JSON.stringify(line)).join('\n')}`),
            ),
          ),
        READY_MS,
      );
      const look = (): void => {
        const found = log.find(fits);
        if (found !== undefined) finish(() => resolve(found));
      };
      const finish = (act: () => void): void => {
        clearTimeout(timer);
        waiting.delete(look);
        act();
      };
      waiting.add(look);
      look();
    });

  const start = async (): Promise<void> => {
    log.length = 0;
    child = spawn(
      process.execPath,
      [
        join(ROOT, 'src/main.ts'),
        'serve',
        '--config',
        file,
        '--port',
        port,
        '--data',
        join(folder, 'data'),
        ...(options.args ?? []),
      ],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...options.env },
      },
    );
    createInterface({ input: child.stdout! }).on('line', (line) => stdout.push(line));
    createInterface({ input: child.stderr! }).on('line', (line) => {
      log.push(line.startsWith('{') ? (JSON.parse(line) as LogLine) : { level: 'text', message: line });
      for (const look of waiting) look();
    });
    const mine = child;
    child.once('close', (code, signal) => {
      if (!told.has(mine))
        endedAlone.push(
          [
            `ended with ${signal ?? code}`,
            ...log.slice(-LAST_LINES).map((line) => JSON.stringify(line)),
          ].join('\n'),
        );
    });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(
        `the gateway ended with ${String(code)}:\n${log.map((line) => JSON.stringify(line)).join('\n')}`,
      );
    });
    ended.catch(() => undefined);
    const ready = await Promise.race([logged((line) => line.message === 'ready'), ended]);
    url = String(ready['url']);
  };

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    told.add(child);
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  };

  await start();
  return {
    get url() {
      return url;
    },
    key: MASTER_KEY,
    get pid() {
      return child.pid!;
    },
    folder,
    log,
    stdout,
    endedAlone,
    logged,
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    restart: start,
    [Symbol.asyncDispose]: async () => {
      await end('SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
