import type { InProcessServer } from '../../mcp-ports.ts';
import { type RpcReply, readMessage } from '../../wire/message.ts';
import { UpstreamFailure } from '../failure.ts';
import type { OutboundRequest, Transport, TransportEvents } from '../transport.ts';

/** A connector inside this process, behind the same messages as any other server. */
export class InProcessTransport implements Transport {
  readonly kind = 'in-process';
  readonly pid = undefined;
  readonly #server: InProcessServer;
  readonly #stop = new AbortController();

  constructor(server: InProcessServer, events: TransportEvents) {
    this.#server = server;
    events.signal.addEventListener('abort', () => void this[Symbol.asyncDispose](), { once: true });
  }

  stderrTail(): string {
    return '';
  }

  async request(request: OutboundRequest): Promise<RpcReply> {
    const timeout = AbortSignal.timeout(request.timeoutMs);
    const given = new AbortController();
    const giveUp = (): void => given.abort();
    request.cancellation?.on(giveUp);
    const signal = AbortSignal.any([this.#stop.signal, timeout, given.signal]);
    const gone = new Promise<never>((_resolve, reject) => {
      const fail = (): void => reject(this.#failure(timeout.aborted, request.timeoutMs));
      if (signal.aborted) fail();
      else signal.addEventListener('abort', fail, { once: true });
    });
    let bytes: Uint8Array | undefined;
    try {
      bytes = await Promise.race([this.#server.handle(request.message, signal), gone]);
    } finally {
      request.cancellation?.off(giveUp);
    }
    const message =
      bytes === undefined
        ? undefined
        : readMessage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (message?.kind === 'result' || message?.kind === 'error') return message;
    throw new UpstreamFailure('protocol', 'the connector gave no answer');
  }

  async notify(message: Buffer): Promise<void> {
    await this.#server.handle(message, this.#stop.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server[Symbol.asyncDispose]();
  }

  #failure(timedOut: boolean, timeoutMs: number): UpstreamFailure {
    if (timedOut) return new UpstreamFailure('timeout', `no answer within ${timeoutMs / 1_000} s`);
    return this.#stop.signal.aborted
      ? new UpstreamFailure('stopped', 'it was stopped')
      : new UpstreamFailure('cancelled', 'the caller gave up');
  }
}
