import type { InProcessServer, MessageSender } from '../../mcp-ports.ts';
import { type RpcReply, readMessage } from '../../wire/message.ts';
import { UpstreamFailure } from '../failure.ts';
import type { OutboundRequest, Transport, TransportEvents } from '../transport.ts';

/** The longest that a timer can take, in milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A connector inside this process, behind the same messages as any other server. */
export class InProcessTransport implements Transport {
  readonly kind = 'in-process';
  readonly pid = undefined;
  readonly #server: InProcessServer;
  readonly #stop = new AbortController();
  readonly #running = new Set<() => void>();
  readonly #signal: AbortSignal;
  readonly #events: TransportEvents;
  /** Whoever disposes of it hears why that failed. */
  readonly #onAbort = (): void => void this[Symbol.asyncDispose]().catch(() => undefined);
  #closing: Promise<void> | undefined;

  constructor(server: InProcessServer, events: TransportEvents) {
    this.#server = server;
    this.#events = events;
    this.#signal = events.signal;
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#signal.aborted) this.#onAbort();
  }

  stderrTail(): string {
    return '';
  }

  async request(request: OutboundRequest): Promise<RpcReply> {
    if (this.#stop.signal.aborted) throw this.#failure(false, request.timeoutMs);
    const stop = new AbortController();
    let timedOut = false;
    let giveUp: () => void = () => undefined;
    const gone = new Promise<never>((_resolve, reject) => {
      giveUp = () => {
        stop.abort();
        reject(this.#failure(timedOut, request.timeoutMs));
      };
    });
    // It is also rejected when nobody races for it any more.
    gone.catch(() => undefined);
    const timer = setTimeout(
      () => {
        timedOut = true;
        giveUp();
      },
      Math.min(request.timeoutMs, TIMER_MS_MAX),
    );
    timer.unref();
    this.#running.add(giveUp);
    request.cancellation?.on(giveUp);
    try {
      const bytes = await Promise.race([
        this.#server.handle(request.message, stop.signal, this.#sender(request)),
        gone,
      ]);
      const message =
        bytes === undefined
          ? undefined
          : readMessage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      if (message?.kind === 'result' || message?.kind === 'error') return message;
      throw new UpstreamFailure('protocol', 'the connector gave no answer');
    } finally {
      clearTimeout(timer);
      this.#running.delete(giveUp);
      request.cancellation?.off(giveUp);
    }
  }

  async notify(message: Buffer): Promise<void> {
    await this.#server.handle(message, this.#stop.signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#stop.abort();
    for (const giveUp of [...this.#running]) giveUp();
    await this.#server[Symbol.asyncDispose]();
  }

  #sender(request: OutboundRequest): MessageSender {
    return {
      principalId: request.principalId,
      tell: (notification) => {
        const message = readMessage(notification);
        if (message.kind !== 'notification' || this.#stop.signal.aborted) return;
        if (request.related === undefined) this.#events.onNotification(message);
        else request.related(message);
      },
    };
  }

  #failure(timedOut: boolean, timeoutMs: number): UpstreamFailure {
    if (timedOut) return new UpstreamFailure('timeout', `no answer within ${timeoutMs / 1_000} s`);
    return this.#stop.signal.aborted
      ? new UpstreamFailure('stopped', 'it was stopped')
      : new UpstreamFailure('cancelled', 'the caller gave up');
  }
}
