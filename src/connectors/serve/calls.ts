import type { InProcessServer } from '../../mcp/mcp-ports.ts';
import type { ConnectorLog } from '../connector-log.ts';

const INTERNAL =
  '{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"The server broke; see its log."}}';

export interface CallsOptions {
  readonly server: InProcessServer;
  readonly log: ConnectorLog;
  /** Called with each answer, in the order in which they come. */
  send(message: Uint8Array): void;
  /** Called whenever a request has ended. */
  onEnd?(): void;
}

/** The requests that one client has under way on a connection of its own: their answers, and their cancellation. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #running = new Map<symbol, { readonly id: string | undefined; readonly abort: AbortController }>();
  #idle: (() => void)[] = [];

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Takes one JSON-RPC message (UTF-8, no framing). A cancelled request gets no answer (2025-11-25, "Cancellation"). */
  accept(message: Buffer): void {
    const { id, cancels } = peek(message);
    if (cancels !== undefined) {
      for (const running of this.#running.values()) if (running.id === cancels) running.abort.abort();
      return;
    }
    const key = Symbol('call');
    const abort = new AbortController();
    this.#running.set(key, { id, abort });
    void this.#run(key, message, abort.signal);
  }

  /** Resolves when nothing is under way any more. */
  idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  abortAll(): void {
    for (const { abort } of this.#running.values()) abort.abort();
  }

  async #run(key: symbol, message: Buffer, signal: AbortSignal): Promise<void> {
    const { server, log, send, onEnd } = this.#options;
    try {
      const answer = await server.handle(message, signal, {
        tell: (notification) => {
          if (!signal.aborted) send(notification);
        },
      });
      if (answer !== undefined && !signal.aborted) send(answer);
    } catch (error) {
      log.error('a request broke', { reason: error });
      if (!signal.aborted) send(Buffer.from(INTERNAL));
    } finally {
      this.#running.delete(key);
      onEnd?.();
      if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }
}

/** A message's id, and the id of the request that it cancels, both as JSON text; nothing of what is not JSON. */
function peek(message: Buffer): { readonly id: string | undefined; readonly cancels: string | undefined } {
  try {
    const { id, method, params } = JSON.parse(message.toString()) as {
      readonly id?: unknown;
      readonly method?: unknown;
      readonly params?: { readonly requestId?: unknown };
    };
    const cancels =
      method === 'notifications/cancelled' ? JSON.stringify(params?.requestId ?? null) : undefined;
    return { id: id === undefined ? undefined : JSON.stringify(id), cancels };
  } catch {
    return { id: undefined, cancels: undefined };
  }
}
