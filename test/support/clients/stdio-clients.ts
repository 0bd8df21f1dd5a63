import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client as ModernClient } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernTransport } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ROOT } from '../process.ts';
import { type TestClient, wrap } from './clients.ts';

const MAIN = join(ROOT, 'src/main.ts');
const INFO = { name: 'lanport-test', version: '1.0.0' };

export type StdioClientKind = '2025-11-25' | '2026-07-28';

/** Connects an official SDK client that starts `lanport ARGS…` and speaks with it on stdin and stdout. */
export async function connectCommand(
  kind: StdioClientKind,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<TestClient> {
  const server = {
    command: process.execPath,
    args: [MAIN, ...args],
    env: { ...env },
    stderr: 'ignore' as const,
  };
  if (kind === '2026-07-28') {
    const client = new ModernClient(INFO, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await client.connect(new ModernTransport(server));
    return wrap(client as unknown as Client, kind);
  }
  const client = new Client(INFO);
  await client.connect(new StdioClientTransport(server));
  return wrap(client, undefined);
}

/** A command that is spoken with in raw lines. */
export interface LineClient extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Every line of standard output so far, and of standard error. */
  readonly out: readonly string[];
  readonly words: readonly string[];
  /** Writes a message, or text as it is. */
  write(message: unknown): void;
  /** Resolves with the first message, already there or to come, that fits. */
  message<T = Record<string, unknown>>(fits: (message: T) => boolean): Promise<T>;
  /** Writes a request and waits for its reply. */
  request(id: string | number, method: string, params?: unknown): Promise<Reply>;
  /** Resolves with the first line on standard error, already there or to come, that fits. */
  word(fits: RegExp): Promise<string>;
  /** The exit code, once it has ended. */
  readonly exited: Promise<number | null>;
  /** Ends standard input; the exit code. */
  end(): Promise<number | null>;
}

export interface Reply {
  readonly id: string | number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** Starts `lanport ARGS…`. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): LineClient {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  const out: string[] = [];
  const words: string[] = [];
  const messages: unknown[] = [];
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const one of waiting) one();
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    out.push(line);
    messages.push(line.startsWith('{') ? (JSON.parse(line) as unknown) : undefined);
    look();
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    words.push(line);
    look();
  });
  child.once('exit', look);
  const first = <T>(find: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const one = (): void => {
        const found = find();
        if (found === undefined && child.exitCode === null && child.signalCode === null) return;
        waiting.delete(one);
        if (found === undefined) reject(new Error(`it ended before:\n${[...out, ...words].join('\n')}`));
        else resolve(found);
      };
      waiting.add(one);
      one();
    });
  const write = (message: unknown): void => {
    child.stdin.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  };
  const message = <T>(fits: (message: T) => boolean): Promise<T> =>
    first(() => (messages as (T | undefined)[]).find((one) => one !== undefined && fits(one)));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return {
    child,
    out,
    words,
    write,
    message,
    request: (id, method, params) => {
      write({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) });
      return message<Reply>((one) => one.id === id && !('method' in one));
    },
    word: (fits) => first(() => words.find((line) => fits.test(line))),
    exited,
    end: () => {
      child.stdin.end();
      return exited;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await exited;
    },
  };
}

/** `initialize` and what follows it, as a client of that revision does. */
export async function handshake(client: LineClient, revision = '2025-11-25'): Promise<Reply> {
  const reply = await client.request('hello', 'initialize', {
    protocolVersion: revision,
    capabilities: { elicitation: {} },
    clientInfo: INFO,
  });
  client.write({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return reply;
}
