import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { InProcessServer } from '../../mcp/mcp-ports.ts';
import type { ConnectorLog } from '../connector-log.ts';
import { Calls } from './calls.ts';

export interface SseOptions {
  readonly sessionsMax: number;
  readonly inFlightMax: number;
  /** Bytes that may wait for a slow reader before its session is ended. */
  readonly bufferedBytesMax: number;
  readonly keepAliveMs: number;
  readonly log: ConnectorLog;
}

interface Session {
  readonly calls: Calls;
  readonly response: ServerResponse;
}

/** Sessions of the HTTP+SSE transport (2024-11-05, Transports): answers go out on the stream that `GET /sse` holds open. */
export class SseSessions {
  readonly #server: InProcessServer;
  readonly #options: SseOptions;
  readonly #sessions = new Map<string, Session>();
  #timer: NodeJS.Timeout | undefined;

  constructor(server: InProcessServer, options: SseOptions) {
    this.#server = server;
    this.#options = options;
  }

  /** Opens a session on this response and tells the client where to post. False, and nothing written, when there are too many. */
  open(response: ServerResponse): boolean {
    const { sessionsMax, bufferedBytesMax, keepAliveMs, log } = this.#options;
    if (this.#sessions.size >= sessionsMax) return false;
    const id = randomUUID();
    const calls = new Calls({
      server: this.#server,
      log,
      send: (message) => {
        response.write(
          `event: message\ndata: ${Buffer.from(message)
            .toString()
            .replaceAll(/[\r\n]+/g, ' ')}\n\n`,
        );
        if (response.writableLength > bufferedBytesMax) response.destroy();
      },
    });
    this.#sessions.set(id, { calls, response });
    response.once('close', () => {
      calls.abortAll();
      this.#sessions.delete(id);
      if (this.#sessions.size === 0) this.#stopTimer();
    });
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    response.write(`event: endpoint\ndata: /messages?sessionId=${id}\n\n`);
    this.#timer ??= setInterval(() => {
      for (const session of this.#sessions.values()) session.response.write(': keep-alive\n\n');
    }, keepAliveMs).unref();
    return true;
  }

  /** Takes one posted message; the HTTP status that answers the POST. */
  post(id: string, message: Buffer): 202 | 404 | 429 {
    const session = this.#sessions.get(id);
    if (session === undefined) return 404;
    if (session.calls.size >= this.#options.inFlightMax) return 429;
    session.calls.accept(message);
    return 202;
  }

  /** Resolves when no session has anything under way. */
  async idle(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.calls.idle()));
  }

  closeAll(): void {
    for (const { response } of this.#sessions.values()) response.end();
    this.#stopTimer();
  }

  #stopTimer(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
