import type { Server } from 'node:http';
import { AnswerHeads } from './answer-heads.ts';
import { LaneConnection, type LaneOwner, type LaneSocket } from './lane-connection.ts';
import type { LaneExchange } from './lane-exchange.ts';
import type { ExchangeShared } from './lane-ports.ts';

export interface LaneDeps extends ExchangeShared {
  readonly bodyBytesMax: number;
  /** Milliseconds for a request's head, for a whole request, and between requests: those of the general server. */
  readonly headMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** Whether a path is one of the hot path. */
  readonly serves: (path: string) => boolean;
  readonly serve: (exchange: LaneExchange) => void;
}

const SWEEP_MS = 1_000;
/** The general server, too, waits a little longer than it says, so that a client that reuses its connection at the last moment wins. */
const KEEP_ALIVE_GRACE_MS = 1_000;

/**
 * The short way for the requests that matter: a plain POST of a known length is read from the socket itself, which costs a fraction of
 * the general server (bench/). Each connection begins here; with its first request that is anything else it goes, with every byte that
 * was read of that request, to the general server, and stays there.
 */
export class Lane {
  readonly #connections = new Set<LaneConnection>();
  readonly #sweep: NodeJS.Timeout;
  #closing = false;

  /** Puts itself before `server`, which keeps listening, accepting and counting connections. */
  constructor(server: Server, deps: LaneDeps) {
    const general = server.listeners('connection') as ((this: Server, socket: LaneSocket) => void)[];
    server.removeAllListeners('connection');
    const owner: LaneOwner = {
      ...deps,
      heads: new AnswerHeads(deps.clock.now, deps.keepAliveMs),
      keepAliveMs: deps.keepAliveMs + KEEP_ALIVE_GRACE_MS,
      isClosing: () => this.#closing,
      handOver: (socket, bytes) => {
        socket.pause();
        socket.unshift(bytes);
        for (const listener of general) listener.call(server, socket);
        socket.resume();
      },
      onGone: (connection) => this.#connections.delete(connection),
    };
    server.on('connection', (socket: LaneSocket) => {
      this.#connections.add(new LaneConnection(socket, owner));
    });
    this.#sweep = setInterval(() => {
      const now = deps.clock.monotonicMs();
      for (const connection of this.#connections) connection.check(now);
    }, SWEEP_MS).unref();
  }

  /** From now on each answer is the last on its connection; connections without a request end at once. */
  closeIdle(): void {
    this.#closing = true;
    for (const connection of this.#connections) if (connection.isIdle) connection.socket.destroySoon();
  }

  /** Ends everything at once. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#sweep);
    for (const connection of this.#connections) connection.socket.destroy();
  }
}
