import { randomBytes } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import {
  ASSUMED_LEGACY,
  BATCH_MESSAGES_MAX,
  clientFacts,
  type Inbound,
  readMessages,
  ReplyStream,
  type Session,
} from '../mcp/mcp-wire.ts';
import { answer } from './answer.ts';
import { type EventStream, type Exchange, whole } from './exchange.ts';
import { listenOnStream } from './handle-listen.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';
import type { McpContext } from './mcp-context.ts';

interface SseClient {
  readonly stream: EventStream;
  readonly context: McpContext;
  readonly session: Session;
}

/** Clients of HTTP+SSE (2024-11-05, Transports): a stream for what we say, POSTs for what they say. Their session is the stream. */
export class SseSessions {
  readonly #clients = new Map<string, SseClient>();

  /** `GET /sse`: opens the stream and names the endpoint. */
  open(exchange: Exchange, deps: HandleMcpDeps): void {
    if (exchange.method !== 'GET')
      throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
    const principal = deps.authenticate(exchange); // 401, 403
    const visibility = deps.policy.visibility(principal, deps.policy.narrowing(exchange)); // 404
    const id = randomBytes(24).toString('base64url');
    const session = deps.mcp.sessions.openOnStream(id, principal.id); // 503
    const stream = exchange.openStream({}, 'answers');
    const context = { exchange, principal, visibility, scopeName: exchange.names?.join('-') };
    session.stream = stream;
    this.#clients.set(id, { stream, context, session });
    listenOnStream(context, stream, deps);
    stream.onClose(() => {
      this.#clients.delete(id);
      deps.mcp.sessions.end(session);
    });
    stream.send('endpoint', Buffer.from(`/messages?sessionId=${id}`));
  }

  /** `POST /messages`: accepts a message; its answer goes to the stream. */
  async post(exchange: Exchange, deps: HandleMcpDeps): Promise<void> {
    if (exchange.method !== 'POST')
      throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
    const principal = deps.authenticate(exchange); // 401, 403
    const id = new URLSearchParams(exchange.query ?? '').get('sessionId');
    if (id === null) throw new GatewayError('session-missing');
    const client = this.#clients.get(id);
    if (client === undefined || client.session.principalId !== principal.id)
      throw new GatewayError('session-unknown'); // 404
    const { session } = client;
    // What the key may use may have changed since the stream was opened.
    const visibility = deps.policy.visibility(principal, deps.policy.narrowing(client.context.exchange)); // 404
    const context: McpContext = { ...client.context, exchange, principal, visibility };
    const { batch, messages } = readMessages(await exchange.body(), BATCH_MESSAGES_MAX); // 400, 413
    deps.mcp.sessions.enter(session, messages); // 429
    const [first] = messages;
    if (first?.kind === 'request' && first.method === 'initialize') session.introduce(clientFacts(first));
    exchange.send(202, undefined, undefined);
    const inbound: Inbound = { era: 'legacy', revision: ASSUMED_LEGACY, session, batch, messages };
    const writer = {
      event: (data: Buffer) => data.length === 0 || client.stream.send('message', data),
      isGone: false,
    };
    await Promise.all(
      messages.map(async (message) => {
        const reply = await answer(message, inbound, context, new ReplyStream(writer, undefined), deps);
        if (reply !== undefined) client.stream.deliver(whole(reply.message));
      }),
    ).finally(() => deps.mcp.sessions.leave(session, messages));
  }
}
