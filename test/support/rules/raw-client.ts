import { MASTER_KEY } from '../gateway.ts';
import { http, type HttpAnswer, rpc } from '../http.ts';
import { openRpc, type RpcStream } from './rpc-stream.ts';

type Json = Readonly<Record<string, unknown>>;
type Headers = Readonly<Record<string, string>>;

export const request = (method: string, params: Json = {}, id: string | number = 1): Json => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});

export const toolCall = (name: string, args: Json = {}, id: string | number = 1, meta?: Json): Json =>
  request('tools/call', { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) }, id);

/** A legacy session, message by message. */
export interface RawSession {
  readonly id: string;
  readonly revision: string;
  readonly headers: Headers;
  readonly initialized: Json;
  send(message: unknown, headers?: Headers): Promise<HttpAnswer>;
  /** Sends a request whose answer is read as it comes. */
  open(message: unknown): Promise<RpcStream>;
  /** The GET stream. */
  listen(headers?: Headers): Promise<RpcStream>;
  end(): Promise<HttpAnswer>;
}

export async function openSession(
  url: string,
  options: { readonly key?: string; readonly revision?: string; readonly capabilities?: Json } = {},
): Promise<RawSession> {
  const { key = MASTER_KEY, revision = '2025-11-25', capabilities = {} } = options;
  const answer = await rpc(url, key, {
    jsonrpc: '2.0',
    id: 'init',
    method: 'initialize',
    params: { protocolVersion: revision, capabilities, clientInfo: { name: 'raw', version: '1' } },
  });
  const id = answer.headers['mcp-session-id'];
  if (typeof id !== 'string') throw new Error(`no session: ${answer.status} ${answer.text}`);
  const initialized = answer.json<{ result: Json }>().result;
  const headers = { 'mcp-session-id': id, 'mcp-protocol-version': String(initialized['protocolVersion']) };
  const session: RawSession = {
    id,
    revision: String(initialized['protocolVersion']),
    headers,
    initialized,
    send: (message, more = {}) => rpc(url, key, message, { ...headers, ...more }),
    open: (message) => openRpc(url, key, { headers, message }),
    listen: (more = {}) => openRpc(url, key, { headers: { ...headers, ...more } }),
    end: () => http(url, { method: 'DELETE', headers: { authorization: `Bearer ${key}`, ...headers } }),
  };
  await session.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return session;
}

export interface ModernOptions {
  readonly key?: string;
  readonly id?: string | number;
  readonly capabilities?: Json;
  readonly meta?: Json;
  readonly headers?: Headers;
}

function modernParts(
  method: string,
  params: Json,
  options: ModernOptions,
): { message: Json; headers: Headers } {
  const named = params['name'] ?? params['uri'] ?? params['taskId'];
  return {
    message: request(
      method,
      {
        ...params,
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': options.capabilities ?? {},
          ...options.meta,
        },
      },
      options.id ?? 1,
    ),
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof named === 'string' ? { 'mcp-name': named } : {}),
      ...options.headers,
    },
  };
}

/** One request of a stateless client. */
export function modern(
  url: string,
  method: string,
  params: Json = {},
  options: ModernOptions = {},
): Promise<HttpAnswer> {
  const { message, headers } = modernParts(method, params, options);
  return rpc(url, options.key ?? MASTER_KEY, message, headers);
}

/** The same, its answer read as it comes. */
export function openModern(
  url: string,
  method: string,
  params: Json = {},
  options: ModernOptions = {},
): Promise<RpcStream> {
  const { message, headers } = modernParts(method, params, options);
  return openRpc(url, options.key ?? MASTER_KEY, { message, headers });
}

/** The text of a tool's result. */
export function textOf(answer: HttpAnswer | Json): string {
  const message = (
    'text' in answer && typeof answer['text'] === 'string' ? messageIn(answer['text']) : answer
  ) as { result?: { content?: { text?: string }[] } };
  const text = message.result?.content?.[0]?.text;
  if (text === undefined) throw new Error(`no text in ${JSON.stringify(message)}`);
  return text;
}

/** The last message of an answer, be it JSON or an event stream. */
export function messageIn(text: string): Json {
  if (text.startsWith('{')) return JSON.parse(text) as Json;
  const data = text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .at(-1);
  if (data === undefined) throw new Error(`no message in ${text}`);
  return JSON.parse(data.slice(6)) as Json;
}
