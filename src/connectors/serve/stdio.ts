import type { Readable, Writable } from 'node:stream';
import { LineSplitter } from '../../net/line-splitter.ts';
import type { InProcessServer } from '../../mcp/mcp-ports.ts';
import type { ConnectorLog } from '../connector-log.ts';
import { Calls } from './calls.ts';

export interface StdioOptions {
  readonly input: Readable;
  /** Carries messages and nothing else. */
  readonly output: Writable;
  /** Ends the serving, for example on SIGTERM. */
  readonly signal: AbortSignal;
  readonly lineBytesMax: number;
  /** Requests under way; beyond it nothing is read until one has ended. */
  readonly inFlightMax: number;
  /** How long requests under way may take once the input has ended. */
  readonly drainMs: number;
  readonly log: ConnectorLog;
}

const NEWLINE = Buffer.from('\n');
const TOO_LONG =
  '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"A line was longer than this server accepts; it ends here."}}';

/**
 * Serves over stdio: one message a line (2025-11-25, Transports, "stdio"). Resolves when the input has ended, the signal was given, a
 * line was too long or the output is gone, and what was under way is answered.
 */
export async function serveStdio(server: InProcessServer, options: StdioOptions): Promise<void> {
  const { input, output, signal, log } = options;
  let paused = false;
  const send = (message: Uint8Array): void => {
    if (output.writable) output.write(Buffer.concat([message, NEWLINE]));
  };
  const calls = new Calls({
    server,
    log,
    send,
    onEnd: () => {
      if (!paused || calls.size >= options.inFlightMax) return;
      paused = false;
      input.resume();
    },
  });
  await new Promise<void>((resolve) => {
    const lines = new LineSplitter(
      options.lineBytesMax,
      (line) => {
        if (line.length === 0) return;
        // The line's memory belongs to the stream's chunk, which later lines share; a call keeps its own.
        calls.accept(Buffer.from(line));
        if (calls.size < options.inFlightMax || paused) return;
        paused = true;
        input.pause();
      },
      () => {
        send(Buffer.from(TOO_LONG));
        resolve();
      },
    );
    input.on('data', (chunk: Buffer | string) =>
      lines.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk),
    );
    input.once('end', resolve);
    input.once('close', resolve);
    input.once('error', () => resolve());
    // Whoever read our answers is gone.
    output.on('error', () => resolve());
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  input.pause();
  const timer = setTimeout(() => calls.abortAll(), options.drainMs);
  await calls.idle();
  clearTimeout(timer);
  await flush(output);
}

/** Waits until everything written has been handed to the system, or cannot be any more. */
function flush(output: Writable): Promise<void> {
  if (!output.writable || output.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    output.once('close', resolve);
    output.write('', () => resolve());
  });
}
