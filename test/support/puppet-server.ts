import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Arrivals } from './arrivals.ts';
import { bodyOf } from './upstreams/listen.ts';

/** One request that a puppet got and that the test answers. */
export interface PuppetRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** The message in the body; `undefined` without one. */
  readonly message: PuppetMessage | undefined;
  readonly response: ServerResponse;
  /** Answers with one JSON message (or with nothing). */
  answer(message?: unknown, status?: number, headers?: Readonly<Record<string, string>>): void;
  /** Answers with an event stream; what it returns writes one event. */
  stream(): (message: unknown, id?: string) => void;
  /** Breaks the connection. */
  cut(): void;
  /** Resolves when the client has closed the connection. */
  readonly closed: Promise<void>;
}

export interface PuppetMessage {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
}

/** An HTTP server whose every answer the test gives. */
export interface Puppet extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly PuppetRequest[];
  /** Resolves with the next request, not yet taken, that is of that RPC method or, in capitals, of that HTTP method. */
  next(method: string): Promise<PuppetRequest>;
}

export async function startPuppet(): Promise<Puppet> {
  const requests = new Arrivals<PuppetRequest>();
  const taken = new Set<PuppetRequest>();
  const server = createServer(async (request, response) => {
    const text = await bodyOf(request);
    let number = 0;
    requests.add({
      method: request.method ?? '',
      headers: request.headers,
      message: text === '' ? undefined : (JSON.parse(text) as PuppetMessage),
      response,
      answer: (message, status = message === undefined ? 202 : 200, headers = {}) => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(message === undefined ? undefined : JSON.stringify(message));
      },
      stream: () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
        return (message, id = String(++number)) =>
          void response.write(`id: ${id}\ndata: ${JSON.stringify(message)}\n\n`);
      },
      cut: () => request.socket.destroy(),
      closed: new Promise((resolve) => {
        response.once('close', resolve);
      }),
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    requests: requests.all,
    next: (method) =>
      requests.first((one) => {
        const fits = !taken.has(one) && (one.message?.method === method || one.method === method);
        if (fits) taken.add(one);
        return fits;
      }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
