import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { bodyOf } from '../upstreams/listen.ts';
import { Asked } from './asked.ts';
import {
  type Inbox,
  isModern,
  type Json,
  type Link,
  type Message,
  refuseNothing,
  type Said,
} from './scripted-server.ts';

/** A session of streamable HTTP, a stream of HTTP+SSE or, on a stateless server, everything there is. */
class Session implements Link {
  readonly id = randomUUID();
  readonly asked = new Asked();
  readonly closed: Promise<void>;
  #close: () => void = () => undefined;
  readonly #inbox: Inbox;
  readonly #early: unknown[] = [];
  #stream: ServerResponse | undefined;

  constructor(inbox: Inbox) {
    this.#inbox = inbox;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
    inbox.links.add(this);
  }

  open(stream: ServerResponse): void {
    this.#stream = stream;
    for (const message of this.#early.splice(0)) this.say(message);
  }

  say(message: unknown): void {
    // What is said before the stream is there waits for it.
    if (this.#stream === undefined) this.#early.push(message);
    else this.#stream.write(event(message));
  }

  ask(method: string, params?: Json): Promise<Message> {
    return this.asked.put((message) => this.say(message), method, params);
  }

  kill(): void {
    this.#inbox.links.delete(this);
    this.#stream?.destroy();
    this.#close();
  }
}

function event(message: unknown): string {
  return `event: message\ndata: ${typeof message === 'string' ? message : JSON.stringify(message)}\n\n`;
}

const STREAM = { 'content-type': 'text/event-stream' };

/** A request on its own stream: JSON when nothing was said before the answer. */
function onPost(
  message: Message,
  text: string,
  request: IncomingMessage,
  response: ServerResponse,
  session: Session,
): Said {
  const id = JSON.stringify(message.id);
  const opening = message.method === 'initialize' ? { 'mcp-session-id': session.id } : {};
  const say = (one: unknown): void => {
    if (!response.headersSent) response.writeHead(200, { ...STREAM, ...opening });
    response.write(event(one));
  };
  const answer = (body: string, status: number): void => {
    if (response.headersSent) response.end(event(body));
    else response.writeHead(status, { 'content-type': 'application/json', ...opening }).end(body);
  };
  const replyText = (result: string): void => answer(`{"jsonrpc":"2.0","id":${id},"result":${result}}`, 200);
  return {
    message,
    text,
    link: session,
    headers: request.headers,
    say,
    replyText,
    reply: (result) => replyText(JSON.stringify(result)),
    fail: (code, words, data) =>
      answer(
        JSON.stringify({
          jsonrpc: '2.0',
          id: message.id,
          error: { code, message: words, ...(data && { data }) },
        }),
        code === -32022 || code === -32601 ? 400 : 200,
      ),
    refuse: (status, body) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(body),
    ask: (method, params, asId) => session.asked.put(say, method, params, asId),
    closed: new Promise((resolve) => {
      response.once('close', resolve);
    }),
  };
}

/** A request whose answer goes to the session's one stream. */
function onStream(message: Message, text: string, request: IncomingMessage, session: Session): Said {
  const head = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)}`;
  return {
    message,
    text,
    link: session,
    headers: request.headers,
    say: (one) => session.say(one),
    reply: (result) => session.say(`${head},"result":${JSON.stringify(result)}}`),
    replyText: (result) => session.say(`${head},"result":${result}}`),
    fail: (code, words, data) =>
      session.say(`${head},"error":${JSON.stringify({ code, message: words, ...(data && { data }) })}}`),
    refuse: refuseNothing,
    ask: (method, params, id) => session.asked.put((one) => session.say(one), method, params, id),
    closed: new Promise(() => undefined),
  };
}

/** Streamable HTTP with sessions, stateless HTTP, or HTTP+SSE. */
export async function serveHttp(inbox: Inbox): Promise<{ readonly entry: Json; close(): Promise<void> }> {
  const sessions = new Map<string, Session>();
  const stateless = isModern(inbox.kind) ? new Session(inbox) : undefined;
  const sessionOf = (request: IncomingMessage): Session | undefined => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams.get('sessionId');
    return stateless ?? sessions.get(query ?? String(request.headers['mcp-session-id']));
  };
  const begin = (): Session => {
    const session = new Session(inbox);
    sessions.set(session.id, session);
    return session;
  };
  const get = (request: IncomingMessage, response: ServerResponse): void => {
    const session = inbox.kind === 'sse' ? begin() : sessionOf(request);
    if (session === undefined || stateless !== undefined) {
      response.writeHead(405).end();
      return;
    }
    response.writeHead(200, STREAM).flushHeaders();
    if (inbox.kind === 'sse') response.write(`event: endpoint\ndata: /messages?sessionId=${session.id}\n\n`);
    session.open(response);
    if (inbox.kind === 'sse') response.once('close', () => session.kill());
  };
  const post = (text: string, request: IncomingMessage, response: ServerResponse): void => {
    const message = JSON.parse(text) as Message;
    const session =
      sessionOf(request) ?? (message.method === 'initialize' && inbox.kind === 'http' ? begin() : undefined);
    if (session === undefined) {
      response.writeHead(inbox.kind === 'sse' ? 405 : 404).end();
      return;
    }
    const isRequest = message.id !== undefined && message.method !== undefined;
    if (!isRequest || inbox.kind === 'sse') response.writeHead(202).end();
    if (session.asked.answered(message)) return;
    inbox.received(
      isRequest && inbox.kind !== 'sse'
        ? onPost(message, text, request, response, session)
        : onStream(message, text, request, session),
    );
  };
  const server = createServer(async (request, response) => {
    const text = await bodyOf(request);
    if (request.method === 'GET') get(request, response);
    else if (request.method === 'POST') post(text, request, response);
    else {
      sessionOf(request)?.kill();
      if (!inbox.isStubborn) response.writeHead(200).end();
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    entry:
      inbox.kind === 'sse'
        ? { transport: 'sse', url: `${base}/sse` }
        : { transport: 'http', url: `${base}/mcp` },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
