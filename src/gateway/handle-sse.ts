import { randomBytes } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import { ASSUMED_LEGACY, readMessages } from '../mcp/mcp-wire.ts';
import { type EventStream, type Exchange, whole } from './exchange.ts';
import { answer, type HandleMcpDeps } from './handle-mcp.ts';
import type { McpContext } from './mcp-context.ts';

interface SseSession {
  readonly stream: EventStream;
  readonly context: McpContext;
  inFlight: number;
}

/** Clients of HTTP+SSE (2024-11-05, Transports): a stream for what we say, POSTs for what they say. Their session is the stream. */
export class SseSessions {
  readonly #sessions = new Map<string, SseSession>();
  readonly #bounds: { readonly sessionsMax: number; readonly inFlightPerSessionMax: number };

  constructor(bounds: { readonly sessionsMax: number; readonly inFlightPerSessionMax: number }) {
    this.#bounds = bounds;
  }

  /** `GET /sse`: opens the stream and names the endpoint. */
  open(exchange: Exchange, deps: HandleMcpDeps): void {
    if (exchange.method !== 'GET')
      throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
    const principal = deps.authenticate(exchange); // 401, 403
    const visibility = deps.policy.visibility(principal, deps.policy.narrowing(exchange)); // 404
    if (this.#sessions.size >= this.#bounds.sessionsMax)
      throw new GatewayError('session-limit', { max: this.#bounds.sessionsMax });
    const id = randomBytes(24).toString('base64url');
    const stream = exchange.openStream();
    this.#sessions.set(id, {
      stream,
      context: { exchange, principal, visibility, scopeName: exchange.names?.join('-') },
      inFlight: 0,
    });
    stream.onClose(() => this.#sessions.delete(id));
    stream.send('endpoint', Buffer.from(`/messages?sessionId=${id}`));
  }

  /** Sends a notification to every client. */
  announce(message: Buffer): void {
    for (const { stream } of this.#sessions.values()) stream.send('message', message);
  }

  /** `POST /messages`: accepts a message; its answer goes to the stream. */
  async post(exchange: Exchange, deps: HandleMcpDeps): Promise<void> {
    if (exchange.method !== 'POST')
      throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
    const principal = deps.authenticate(exchange); // 401, 403
    const id = new URLSearchParams(exchange.query ?? '').get('sessionId');
    if (id === null) throw new GatewayError('session-missing');
    const session = this.#sessions.get(id);
    if (session === undefined || session.context.principal.id !== principal.id)
      throw new GatewayError('session-unknown'); // 404
    // What the key may use may have changed since the stream was opened.
    const visibility = deps.policy.visibility(principal, deps.policy.narrowing(session.context.exchange)); // 404
    const context: McpContext = { ...session.context, exchange, principal, visibility };
    const { batch, messages } = readMessages(await exchange.body()); // 400, 413
    if (session.inFlight + messages.length > this.#bounds.inFlightPerSessionMax)
      throw new GatewayError('session-busy', { max: this.#bounds.inFlightPerSessionMax }); // 429
    exchange.send(202, undefined, undefined);
    for (const message of messages) {
      session.inFlight++;
      const reply = await answer(
        message,
        { era: 'legacy', revision: ASSUMED_LEGACY, session: undefined, batch, messages },
        context,
        deps,
      );
      session.inFlight--;
      if (reply !== undefined) session.stream.send('message', whole(reply.message));
    }
  }
}
