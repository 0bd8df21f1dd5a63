import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it reached the provider. */
export interface ProviderRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** The body as JSON. */
  readonly body: Record<string, unknown>;
  /** Resolves when the gateway has gone before the answer was complete. */
  readonly gone: Promise<void>;
}

/** What the provider does with one request. */
export interface ProviderReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Written one after the other; a number is a pause in milliseconds, a promise is waited for. */
  readonly body?: readonly (string | Buffer | number | Promise<unknown>)[];
  /** How it ends: in order, with the connection broken or closed too early, or never. */
  readonly end?: 'whole' | 'reset' | 'close' | 'stall';
  /** Without a length: the end of the connection is the end of the answer. */
  readonly isUnframed?: boolean;
  /** Never says even the head. */
  readonly isSilent?: boolean;
  /** Ends the connection in the midst of the head. */
  readonly cutHead?: boolean;
}

export type ProviderAct = ProviderReply | ((request: ProviderRequest) => ProviderReply);

export interface TestProvider extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly requests: readonly ProviderRequest[];
  /** What it answers from now on; a list is used up one by one, and its last stays. */
  answer(...replies: readonly ProviderAct[]): void;
}

/** A provider of models on a real port, which does what the test says. */
export async function startProvider(...first: readonly ProviderAct[]): Promise<TestProvider> {
  const requests: ProviderRequest[] = [];
  let replies: ProviderAct[] = [...first];
  const server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const gone = new Promise<void>((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve();
      });
    });
    const seen: ProviderRequest = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      bytes,
      body: bytes.length === 0 ? {} : (JSON.parse(bytes.toString('utf8')) as Record<string, unknown>),
      gone,
    };
    requests.push(seen);
    const next = replies.length > 1 ? replies.shift() : replies[0];
    if (next === undefined) throw new Error('the test said no answer');
    await play(typeof next === 'function' ? next(seen) : next, response);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: (...next) => {
      replies = [...next];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function play(reply: ProviderReply, response: ServerResponse): Promise<void> {
  const { status = 200, headers = {}, body = [], end = 'whole', cutHead = false } = reply;
  if (cutHead) {
    response.socket?.write(`HTTP/1.1 ${status} OK\r\nContent-Ty`);
    response.socket?.destroySoon();
    return;
  }
  if (reply.isSilent === true) return;
  if (reply.isUnframed === true) {
    response.shouldKeepAlive = false;
    response.useChunkedEncodingByDefault = false;
  }
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.flushHeaders();
  for (const piece of body) {
    if (response.destroyed) return;
    if (typeof piece === 'number') await new Promise((resolve) => setTimeout(resolve, piece));
    else if (piece instanceof Promise) await piece;
    else await new Promise((resolve) => response.write(piece, resolve));
  }
  if (end === 'whole') response.end();
  else if (end === 'reset') response.socket?.resetAndDestroy();
  else if (end === 'close') response.socket?.destroySoon();
}

/** The head of an event stream. */
export const EVENTS = { 'content-type': 'text/event-stream' } as const;

/** Events as text: each value is one `data:` line; a pair names its event. */
export function events(...list: readonly (object | string | readonly [string, object])[]): string {
  return list
    .map((one) => {
      if (Array.isArray(one)) return `event: ${String(one[0])}\ndata: ${JSON.stringify(one[1])}\n\n`;
      return `data: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`;
    })
    .join('');
}
