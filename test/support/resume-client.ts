import { type HttpAnswer, rpc } from './http.ts';
import { type Json, openRaw, type RawStream } from './raw-stream.ts';

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
