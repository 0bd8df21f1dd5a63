import { type IncomingHttpHeaders, request } from 'node:http';
import { SseParser } from '../../src/net/sse-parser.ts';
import { type HttpAnswer, rpc } from './http.ts';

type Json = Readonly<Record<string, unknown>>;

/** One event as it came. */
export interface RawEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly text: string;
  /** `undefined` for an event without data. */
  readonly message: RawMessage | undefined;
}

export interface RawMessage {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Json };
}

/** An answer that is a stream of events, with everything that came on it. */
export interface RawStream extends Disposable {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly events: readonly RawEvent[];
  readonly comments: readonly string[];
  /** Resolves when what came fits. Rejects when the stream ends before. */
  until(fits: (stream: RawStream) => boolean): Promise<void>;
  /** Resolves when the stream has ended, from whichever side. */
  readonly ended: Promise<void>;
  /** Stops reading, and goes on. */
  pause(): void;
  resume(): void;
}

/** Sends a request and reads its answer as events; resolves when the answer begins. */
export function openRaw(
  url: string,
  headers: Readonly<Record<string, string>>,
  message?: unknown,
): Promise<RawStream> {
  return new Promise((resolve, reject) => {
    const body = message === undefined ? undefined : JSON.stringify(message);
    const sent = request(
      url,
      {
        method: body === undefined ? 'GET' : 'POST',
        agent: false,
        headers: {
          accept: body === undefined ? 'text/event-stream' : 'application/json, text/event-stream',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      },
      (response) => {
        const events: RawEvent[] = [];
        const comments: string[] = [];
        const waiting = new Set<() => void>();
        let open = true;
        const look = (): void => {
          for (const one of waiting) one();
        };
        const parser = new SseParser({
          eventBytesMax: 64 * 1024 * 1024,
          onEvent: ({ id, event, data }) => {
            const text = data.toString('utf8');
            const isMessage = text.startsWith('{') || text.startsWith('[');
            events.push({
              id,
              event,
              text,
              message: isMessage ? (JSON.parse(text) as RawMessage) : undefined,
            });
          },
          onComment: (text) => comments.push(text),
        });
        response.on('error', () => undefined);
        response.on('data', (chunk: Buffer) => {
          parser.push(chunk);
          look();
        });
        const ended = new Promise<void>((end) => {
          response.once('close', () => {
            open = false;
            look();
            end();
          });
        });
        const stream: RawStream = {
          status: response.statusCode ?? 0,
          headers: response.headers,
          events,
          comments,
          ended,
          until: (fits) =>
            new Promise((found, gone) => {
              const one = (): void => {
                const isThere = fits(stream);
                if (!isThere && open) return;
                waiting.delete(one);
                if (isThere) found();
                else gone(new Error(`the stream ended with ${JSON.stringify(events)}`));
              };
              waiting.add(one);
              one();
            }),
          pause: () => void response.pause(),
          resume: () => void response.resume(),
          [Symbol.dispose]: () => void sent.destroy(),
        };
        resolve(stream);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What came on a stream and is a message. */
export function messagesOf(stream: RawStream): readonly RawMessage[] {
  return stream.events.map(({ message }) => message).filter((message) => message !== undefined);
}

/** The last event id that a client of this stream would know. */
export function lastIdOf(stream: RawStream): string {
  const id = stream.events.at(-1)?.id;
  if (id === undefined) throw new Error('the stream has no event with an id');
  return id;
}

/** A client of the handshake era that says exactly what it is told to. */
export interface RawSession {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  /** One request, its answer read as a whole. */
  ask(method: string, params?: Json): Promise<HttpAnswer>;
  /** One request, its answer read as events. */
  stream(method: string, params?: Json, id?: string | number): Promise<RawStream>;
  /** The GET stream. */
  listen(lastEventId?: string): Promise<RawStream>;
  /** A response or a notification. */
  say(message: Json): Promise<HttpAnswer>;
  /** The same session at another address, or with another key or id. */
  with(other: { readonly url?: string; readonly key?: string; readonly id?: string }): RawSession;
}

/** Continues a session by its id. */
export function rawSession(url: string, key: string, id: string): RawSession {
  const session = { 'mcp-session-id': id };
  const headers = { authorization: `Bearer ${key}`, ...session };
  let requests = 0;
  const compose = (method: string, params: Json | undefined, requestId?: string | number): Json => ({
    jsonrpc: '2.0',
    id: requestId ?? ++requests,
    method,
    params,
  });
  return {
    id,
    headers,
    ask: (method, params) => rpc(url, key, compose(method, params), session),
    stream: (method, params, requestId) => openRaw(url, headers, compose(method, params, requestId)),
    listen: (lastEventId) =>
      openRaw(url, { ...headers, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }),
    say: (message) => rpc(url, key, { jsonrpc: '2.0', ...message }, session),
    with: (other) => rawSession(other.url ?? url, other.key ?? key, other.id ?? id),
  };
}

/** Opens a session. */
export async function initialize(
  url: string,
  key: string,
  revision = '2025-11-25',
  capabilities: Json = {},
  clientInfo: Json = { name: 'raw', version: '1' },
): Promise<RawSession> {
  const params = { protocolVersion: revision, capabilities, clientInfo };
  const answer = await rpc(url, key, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
  const id = answer.headers['mcp-session-id'];
  if (typeof id !== 'string') throw new Error(`no session: ${answer.status} ${answer.text}`);
  return rawSession(url, key, id);
}
