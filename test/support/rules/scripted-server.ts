import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Arrivals } from '../arrivals.ts';
import { bodyOf } from '../upstreams/listen.ts';

export type Json = Readonly<Record<string, unknown>>;

/** One request that a scripted server got. */
export interface Received {
  /** The RPC method, `response` for a client's answer, else the HTTP method. */
  readonly method: string;
  readonly id: string | number | undefined;
  readonly params: Json;
  readonly message: Json;
  /** The body as it came. */
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
  readonly closed: Promise<void>;
  /** Answers with JSON; text goes out as it is. */
  reply(result: Json | string): void;
  fail(code: number, message: string, data?: Json, status?: number): void;
  /** Answers with an event stream; what it returns writes one message. */
  stream(): (...messages: readonly Json[]) => void;
  /** The final message of a stream. */
  result(result: Json): Json;
}

/** The result of a request; `undefined`: the test, or the answer itself, replies. */
export type Answer = (received: Received) => Json | string | undefined | Promise<Json | string | undefined>;

export interface Script {
  readonly era?: 'legacy' | 'modern';
  readonly revision?: string;
  readonly name?: string;
  readonly instructions?: string;
  readonly capabilities?: Json;
  readonly tools?: readonly Json[];
  /** What `initialize` answers with as `Mcp-Session-Id`. */
  readonly session?: string;
  /** By RPC method or HTTP method; they come before the answers that every server gives. */
  readonly answers?: Readonly<Record<string, Answer>>;
  readonly port?: number;
}

/** A server over streamable HTTP inside the test's own process: it says what the test wants, and shows what it was sent. */
export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** All that came so far. */
  readonly received: readonly Received[];
  all(method: string): readonly Received[];
  /** Resolves with the next request of that method that was not given before; `fits` may choose. */
  next(method: string, fits?: (received: Received) => boolean): Promise<Received>;
}

export const plainTool = (name: string, more: Json = {}): Json => ({
  name,
  inputSchema: { type: 'object' },
  ...more,
});

export const textResult = (text: string): Json => ({ content: [{ type: 'text', text }] });

export async function startScripted(script: Script = {}): Promise<ScriptedServer> {
  const received = new Arrivals<Received>();
  const given = new Set<Received>();
  const listener = createServer(async (request, response) => {
    const text = await bodyOf(request);
    const one = receivedOf(request.method ?? '', request.headers, text, response);
    received.add(one);
    const answer = script.answers?.[one.method] ?? commonAnswers(script)[one.method];
    if (answer !== undefined) {
      const result = await answer(one);
      if (result !== undefined && !response.headersSent) one.reply(result);
    } else if (one.method === 'GET' || one.method === 'DELETE') response.writeHead(405).end();
    else if (one.id === undefined || one.method === 'response') response.writeHead(202).end();
    else one.fail(-32601, 'no such method', undefined, script.era === 'modern' ? 404 : 200);
  });
  await new Promise<void>((resolve) => listener.listen(script.port ?? 0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    received: received.all,
    all: (method) => received.all.filter((one) => one.method === method),
    next: (method, fits = () => true) =>
      received.first((one) => {
        const isNext = one.method === method && !given.has(one) && fits(one);
        if (isNext) given.add(one);
        return isNext;
      }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        listener.closeAllConnections();
      }),
  };
}

function receivedOf(
  httpMethod: string,
  headers: IncomingHttpHeaders,
  text: string,
  response: ServerResponse,
): Received {
  const message = (text === '' ? {} : JSON.parse(text)) as Json;
  const id = message['id'] as string | number | undefined;
  const method = message['method'] as string | undefined;
  const result = (value: Json): Json => ({ jsonrpc: '2.0', id, result: value });
  const send = (status: number, body: string, type = 'application/json'): void =>
    void response.writeHead(status, { 'content-type': type }).end(body);
  return {
    method: method ?? (text === '' ? httpMethod : 'response'),
    id,
    params: (message['params'] ?? {}) as Json,
    message,
    text,
    headers,
    response,
    closed: new Promise((resolve) => {
      response.once('close', resolve);
    }),
    result,
    reply: (value) =>
      send(
        200,
        typeof value === 'string'
          ? `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${value}}`
          : JSON.stringify(result(value)),
      ),
    fail: (code, reason, data, status = 200) =>
      send(status, JSON.stringify({ jsonrpc: '2.0', id, error: { code, message: reason, data } })),
    stream: () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      return (...messages) => {
        response.write(messages.map((one) => `data: ${JSON.stringify(one)}\n\n`).join(''));
        if (messages.some((one) => one['id'] === id && (one['result'] ?? one['error']) !== undefined))
          response.end();
      };
    },
  };
}

function commonAnswers(script: Script): Readonly<Record<string, Answer>> {
  const capabilities = script.capabilities ?? { tools: {} };
  const info = { name: script.name ?? 'scripted', version: '1' };
  const about = script.instructions === undefined ? {} : { instructions: script.instructions };
  const tools: Answer = () => ({
    tools: script.tools ?? [plainTool('echo')],
    ...(script.era === 'modern' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}),
  });
  const call: Answer = ({ params }) => ({
    ...textResult(JSON.stringify(params['arguments'] ?? {})),
    ...(script.era === 'modern' ? { resultType: 'complete' } : {}),
  });
  if (script.era === 'modern')
    return {
      'server/discover': () => ({
        resultType: 'complete',
        supportedVersions: ['2026-07-28'],
        capabilities,
        ...about,
        ttlMs: 0,
        cacheScope: 'private',
        _meta: { 'io.modelcontextprotocol/serverInfo': info },
      }),
      'tools/list': tools,
      'tools/call': call,
    };
  return {
    initialize: (one) => {
      if (script.session !== undefined) one.response.setHeader('mcp-session-id', script.session);
      return { protocolVersion: script.revision ?? '2025-11-25', capabilities, serverInfo: info, ...about };
    },
    'tools/list': tools,
    'tools/call': call,
  };
}
