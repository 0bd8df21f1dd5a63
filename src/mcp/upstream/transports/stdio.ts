import { type Child, spawnChild } from '../../../net/child-process.ts';
import type { RpcReply } from '../../wire/message.ts';
import { notificationMessage } from '../../wire/compose.ts';
import type { ServerConfig } from '../../mcp-ports.ts';
import { Correlator } from '../correlator.ts';
import { UpstreamFailure } from '../failure.ts';
import type { OutboundRequest, Transport, TransportEvents } from '../transport.ts';

const STOP_GRACE_MS = 2_000;
const STDERR_RING_BYTES = 64 * 1024;
const NEWLINE = Buffer.from('\n');

/** A server as a child process: one JSON-RPC message a line on stdin and stdout (2025-11-25, Transports, "stdio"). */
export class StdioTransport implements Transport {
  readonly kind = 'stdio';
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => void this[Symbol.asyncDispose]();
  readonly #correlator: Correlator;
  readonly #child: Child;
  #gone: string | undefined;
  #closing = false;

  constructor(
    config: ServerConfig,
    events: TransportEvents,
    options: { lineBytesMax: number; environment: Readonly<Record<string, string | undefined>> },
  ) {
    this.#correlator = new Correlator(
      events,
      (message) => void this.#write(message),
      (id, reason) => void this.#write(cancelled(id, reason)),
    );
    this.#child = spawnChild({
      command: config.command!,
      args: config.args,
      env: Object.fromEntries(Object.entries(config.env).map(([name, value]) => [name, value.reveal()])),
      inheritedEnvironment: options.environment,
      cwd: config.cwd,
      lineBytesMax: options.lineBytesMax,
      stderrRingBytes: STDERR_RING_BYTES,
      onLine: (line) => {
        if (line.length > 0) this.#correlator.receive(line);
      },
      onStdoutOverflow: () =>
        this.#end(
          `it wrote a line of more than ${options.lineBytesMax} bytes (limits.stdio_line_bytes_max)`,
          events,
        ),
      onExit: (exit) => this.#end(exit.text, events),
    });
    this.#signal = events.signal;
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#signal.aborted) this.#onAbort();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  stderrTail(): string {
    return this.#child.stderrTail();
  }

  request(request: OutboundRequest): Promise<RpcReply> {
    if (this.#gone !== undefined) return Promise.reject(this.#goneFailure('no'));
    const reply = this.#correlator.expect(request);
    if (!this.#write(request.message)) this.#correlator.fail(request.id, this.#goneFailure('no'));
    return reply;
  }

  notify(message: Buffer): Promise<void> {
    return this.#write(message) ? Promise.resolve() : Promise.reject(this.#goneFailure('no'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#correlator.failAll(() => new UpstreamFailure('stopped', 'it was stopped'));
    await this.#child.stop({ graceMs: STOP_GRACE_MS });
  }

  /** Line breaks can only be white space in a message that was checked; a raw one would end the frame. */
  #write(message: Buffer): boolean {
    if (this.#gone !== undefined) return false;
    const line =
      message.includes(0x0a) || message.includes(0x0d)
        ? Buffer.from(message.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)))
        : message;
    return this.#child.write(Buffer.concat([line, NEWLINE]));
  }

  #end(reason: string, events: TransportEvents): void {
    if (this.#gone !== undefined) return;
    const stderr = this.stderrTail().trim().split('\n').slice(-3).join(' | ');
    this.#gone = stderr === '' ? reason : `${reason}; its last words on stderr: ${stderr}`;
    this.#correlator.failAll(() => this.#goneFailure('unknown'));
    if (!this.#closing) events.onClosed(this.#gone);
  }

  #goneFailure(delivered: 'no' | 'unknown'): UpstreamFailure {
    return new UpstreamFailure('closed', this.#gone ?? 'its process is gone', { delivered });
  }
}

function cancelled(id: number, reason: string): Buffer {
  return notificationMessage(
    'notifications/cancelled',
    Buffer.from(JSON.stringify({ requestId: id, reason })),
  );
}
