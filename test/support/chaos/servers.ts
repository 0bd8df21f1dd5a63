import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { http } from '../http.ts';
import { lastingPort } from '../ports.ts';
import type { TestPostgres } from '../postgres.ts';
import { ROOT, startProgram, type TestProcess } from '../process.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { processesWith } from './processes.ts';

/** A server that can be made to misbehave. */
export interface ChaosServer extends AsyncDisposable {
  readonly name: string;
  /** Its entry in `mcp_servers`. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** What can be done to it; each resolves when it is over. `pause` waits for so many milliseconds, or less when all is to end. */
  readonly faults: Readonly<Record<string, (pause: Pause) => Promise<void>>>;
  /** The tool that gives back a nonce, and its arguments. */
  readonly echo: (nonce: string, random: SeededRandom) => { tool: string; args: Record<string, unknown> };
  /** Whether it also has `write`, which may take effect once only. */
  readonly writes: boolean;
}

export type Pause = (ms: number) => Promise<void>;

/** A call may take this long, and a start, so that every call has an answer well before its client loses patience. Seconds. */
const TIMES = { timeout: 4, start_timeout: 5 };
const SLOW = { slowMs: 300, forMs: 2_000 };
const ECHO = (nonce: string, random: SeededRandom) => ({
  tool: 'echo',
  args: { nonce, steps: random.int(3) },
});

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has just ended by itself.
    }
  }
}

/** A stdio server whose revision stands in a file, so that its next process may speak another. */
export function stdioServer(
  name: string,
  modes: readonly string[],
  folder: string,
  effects: string,
  random: SeededRandom,
): ChaosServer {
  const modeFile = join(folder, `${name}.mode`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(modeFile, modes[0]!);
  const mark = `@${modeFile}`;
  const each = (which: NodeJS.Signals): void => signal(processesWith(mark), which);
  const program = join(ROOT, 'test/support/upstreams/nonce-stdio.ts');
  return {
    name,
    entry: { command: process.execPath, args: [program, mark, effects], ...TIMES },
    echo: ECHO,
    writes: true,
    faults: {
      kill: async () => each('SIGKILL'),
      hang: async (pause) => {
        each('SIGSTOP');
        await pause(1_000 + random.int(5_000));
        each('SIGCONT');
      },
      slow: async () => each('SIGHUP'),
      garbage: async () => each('SIGUSR2'),
      revision: async () => {
        writeFileSync(modeFile, random.pick(modes));
        each('SIGKILL');
      },
    },
    // What a gateway left behind would be found by the test; it must not outlive the test.
    [Symbol.asyncDispose]: async () => each('SIGKILL'),
  };
}

/** A server over HTTP that keeps its port. */
export async function httpServer(
  name: string,
  modes: readonly string[],
  effects: string,
  random: SeededRandom,
): Promise<ChaosServer> {
  const file = 'test/support/upstreams/nonce-http.ts';
  const port = String(await lastingPort());
  let running: TestProcess = await startProgram(file, [modes[0]!, effects], { PORT: port });
  let busy = Promise.resolve();
  const url = `http://127.0.0.1:${port}`;
  const restart = async (mode: string, pause: Pause, downMs: number): Promise<void> => {
    await running[Symbol.asyncDispose]();
    await pause(downMs);
    running = await startProgram(file, [mode, effects], { PORT: port });
  };
  /** One fault after the other, because each of them needs the process that the one before it has left. */
  const alone = (fault: (pause: Pause) => Promise<void>) => (pause: Pause) => {
    busy = busy.then(() => fault(pause));
    return busy;
  };
  const tell = async (what: Record<string, unknown>): Promise<void> => {
    await http(`${url}/control`, { method: 'POST', body: JSON.stringify(what) });
  };
  let mode = modes[0]!;
  return {
    name,
    entry:
      modes[0] === 'sse'
        ? { transport: 'sse', url: `${url}/sse`, ...TIMES }
        : { transport: 'http', url: `${url}/mcp`, ...TIMES },
    echo: ECHO,
    writes: true,
    faults: {
      kill: alone((pause) => restart(mode, pause, random.int(3_000))),
      hang: alone(async (pause) => {
        signal([running.pid], 'SIGSTOP');
        await pause(1_000 + random.int(5_000));
        signal([running.pid], 'SIGCONT');
      }),
      slow: alone(() => tell(SLOW)),
      forget: alone(() => tell({ forget: true })),
      revision: alone((pause) => {
        mode = random.pick(modes);
        return restart(mode, pause, 0);
      }),
    },
    [Symbol.asyncDispose]: async () => {
      await busy;
      await running[Symbol.asyncDispose]();
    },
  };
}

/** The connector inside the gateway, on a real database whose connections can be cut. */
export async function connectorServer(name: string, postgres: TestPostgres): Promise<ChaosServer> {
  const database = await postgres.createDatabase();
  const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${new URL(database).pathname.slice(1)}'`;
  return {
    name,
    entry: { command: 'lanport:postgres', env: { DATABASE_URI: database }, ...TIMES },
    echo: (nonce) => ({ tool: 'execute_sql', args: { sql: `SELECT '${nonce}' AS nonce` } }),
    writes: false,
    faults: { kill: async () => void (await postgres.query(postgres.url, cut)) },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
