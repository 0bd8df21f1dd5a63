import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type ServerOptions, WebSocketServer } from 'ws';
import { publicText } from '../../core/errors.ts';
import type { Exchange } from '../../gateway/exchange.ts';
import type { Ending, MessageSocket, SocketSession } from '../../gateway/message-socket.ts';
import type { Log } from '../../telemetry/log.ts';
import { OpenSocket } from './open-socket.ts';

export interface WebSocketsDeps {
  /** Of one message. */
  readonly messageBytesMax: number;
  readonly pingMs: number;
  /** Milliseconds without a request after which a connection is closed, and its longest life. */
  readonly idleMs: number;
  readonly lifeMs: number;
  /** How often it is looked for connections that are idle or old; a second without it. */
  readonly sweepMs?: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

/** How long a client may take to answer the close frame. */
const CLOSE_MS = 5_000;
const SWEEP_MS = 1_000;

const STOPPING: Ending = {
  status: 503,
  error: { type: 'server_error', code: 'shutting-down', message: publicText('shutting-down') },
  closeCode: 1001,
  reason: 'the gateway is shutting down',
  isTold: false,
};

/** The WebSockets that are open. */
export class WebSockets {
  readonly #deps: WebSocketsDeps;
  readonly #server: WebSocketServer;
  readonly #open = new Set<OpenSocket>();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #old: Ending;
  /** Of the requests whose handshake is under way. */
  readonly #ids = new WeakMap<IncomingMessage, string>();
  #onEmpty: (() => void) | undefined;

  constructor(deps: WebSocketsDeps) {
    this.#deps = deps;
    // Its types do not have `closeTimeout` yet.
    const options: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: deps.messageBytesMax,
      closeTimeout: CLOSE_MS,
    };
    this.#server = new WebSocketServer(options);
    this.#server.on('headers', (lines, request) => {
      lines.push(`x-request-id: ${this.#ids.get(request) ?? ''}`);
    });
    this.#old = tooOld(deps.lifeMs);
    this.#timers = [
      setInterval(() => {
        for (const one of this.#open) one.ping();
      }, deps.pingMs).unref(),
      setInterval(() => this.#sweep(), deps.sweepMs ?? SWEEP_MS).unref(),
    ];
  }

  get size(): number {
    return this.#open.size;
  }

  /** Answers the handshake, with an error where it is none (RFC 6455, section 4.2). `upgrade` is the request. */
  accept(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    upgrade: Exchange,
    begin: (socket: MessageSocket) => SocketSession,
  ): void {
    this.#ids.set(request, upgrade.requestId);
    this.#server.handleUpgrade(request, socket, head, (websocket) => {
      const one = new OpenSocket(upgrade, socket, websocket, begin, this.#deps.now);
      this.#open.add(one);
      websocket.on('error', (error) => {
        this.#deps.log.info('a WebSocket broke', { request: upgrade.requestId, error });
      });
      websocket.once('close', () => {
        this.#open.delete(one);
        if (this.#open.size === 0) this.#onEmpty?.();
      });
    });
  }

  /** Closes those whose request `mayStay` refuses; how many. */
  closeUnless(mayStay: (upgrade: Exchange) => boolean): number {
    const refused = [...this.#open].filter((one) => !mayStay(one.upgrade));
    for (const one of refused) one.close(1008, 'the key does not count any more');
    return refused.length;
  }

  /** Lets what is under way end, and closes; resolves when all are closed. */
  drain(): Promise<void> {
    for (const one of this.#open) one.finish(STOPPING);
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      if (this.#open.size === 0) resolve();
    });
  }

  /** Ends everything at once. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const one of this.#open) one.terminate();
  }

  #sweep(): void {
    const { now, idleMs, lifeMs } = this.#deps;
    for (const one of this.#open) {
      if (now() - one.openedMs > lifeMs) one.finish(this.#old);
      else if (one.idleMs > idleMs) one.close(1000, `nothing was asked for ${words(idleMs)}`);
    }
  }
}

/** OpenAI, "WebSocket mode", "Errors to handle". */
function tooOld(lifeMs: number): Ending {
  const message = `Responses websocket connection limit reached (${words(lifeMs)}). Create a new websocket connection to continue.`;
  return {
    status: 400,
    error: { type: 'invalid_request_error', code: 'websocket_connection_limit_reached', message },
    closeCode: 1000,
    reason: `open for ${words(lifeMs)}`,
    isTold: true,
  };
}

function words(ms: number): string {
  return ms >= 60_000 ? `${Math.round(ms / 60_000)} minutes` : `${ms} ms`;
}
