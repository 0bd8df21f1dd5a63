import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { systemClock } from '../../src/core/clock.ts';
import { GatewayError } from '../../src/core/errors.ts';
import { createIdSource } from '../../src/core/ids.ts';
import { Roster } from '../../src/core/roster.ts';
import type { EdgeExchange, SlowAnswer } from '../../src/edge/edge-exchange.ts';
import { sendError } from '../../src/edge/error-response.ts';
import { EventStreams } from '../../src/edge/event-stream.ts';
import { HttpExchange } from '../../src/edge/http-exchange.ts';
import { Lane } from '../../src/edge/lane/lane.ts';
import { LaneExchange } from '../../src/edge/lane/lane-exchange.ts';

export const BODY_BYTES_MAX = 32 * 1024 * 1024;

export interface LaneServer extends AsyncDisposable {
  readonly port: number;
  /** Which way the requests went, in order. */
  readonly ways: ('lane' | 'general')[];
  /** The server's ends of the connections, in order. */
  readonly sockets: Socket[];
  readonly lane: Lane | undefined;
}

export interface LaneServerOptions {
  readonly withLane: boolean;
  readonly headMs?: number;
  readonly requestMs?: number;
  readonly keepAliveMs?: number;
  handle?(exchange: EdgeExchange): Promise<void> | void;
}

/** Says what arrived, so that two servers can be compared. */
export async function echo(exchange: EdgeExchange): Promise<void> {
  const body = await exchange.body();
  const { method, path, query, headers } = exchange;
  const text = JSON.stringify({
    method,
    path,
    query,
    headers,
    bytes: body.length,
    body: body.toString('latin1', 0, 200),
  });
  exchange.send(200, undefined, Buffer.from(text));
}

/** The listener of the edge, with the lane before it or without. Only `/mcp` is of the lane. */
export async function startLaneServer(options: LaneServerOptions): Promise<LaneServer> {
  const { headMs = 60_000, requestMs = 60_000, keepAliveMs = 60_000, handle = echo } = options;
  const ways: LaneServer['ways'] = [];
  const sockets: Socket[] = [];
  const newId = createIdSource();
  const shared = {
    now: () => systemClock.monotonicMs(),
    bodyBytesMax: BODY_BYTES_MAX,
    streams: new EventStreams(60_000),
    slow: new Roster<SlowAnswer>(),
    isClosing: () => false,
  };
  const serve = async (exchange: EdgeExchange): Promise<void> => {
    ways.push(exchange instanceof LaneExchange ? 'lane' : 'general');
    try {
      await handle(exchange);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (!exchange.isGone) sendError(exchange, error);
    }
  };
  const server: Server = createServer(
    {
      maxHeaderSize: 32 * 1024,
      headersTimeout: headMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: 50,
      noDelay: true,
    },
    (request, response) =>
      void serve(new HttpExchange(request, response, newId(), systemClock.monotonicMs(), shared)),
  );
  server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 426 Upgrade Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  const lane = options.withLane
    ? new Lane(server, {
        ...shared,
        clock: systemClock,
        newId,
        headMs,
        requestMs,
        keepAliveMs,
        serves: (path) => path === '/mcp',
        serve: (exchange) => void serve(exchange),
      })
    : undefined;
  server.on('connection', (socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    ways,
    sockets,
    lane,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      lane?.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A client that writes what it is told, and reads whole answers. */
export class RawClient {
  readonly socket: Socket;
  readonly #server: LaneServer;
  readonly #peer: Promise<Socket>;
  #seen = Buffer.alloc(0);
  #sent = 0;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(server: LaneServer) {
    this.#server = server;
    this.socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
    this.#peer = once(this.socket, 'connect').then(() => this.#accepted());
    this.socket.on('data', (chunk) => {
      this.#seen = Buffer.concat([this.#seen, chunk as Buffer]);
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Writes bytes, and resolves when the server has read them all. */
  async write(bytes: string | Buffer): Promise<void> {
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    const peer = await this.#peer;
    this.#sent += data.length;
    this.socket.write(data);
    while (peer.bytesRead < this.#sent && !peer.destroyed && !this.#ended) await turn();
  }

  /** Writes bytes without waiting for anything. */
  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next whole answer, with what differs from one request to the next taken out; what is left when the connection ends. */
  async answer(): Promise<string> {
    for (;;) {
      const text = this.#seen.toString('latin1');
      const end = wholeAnswer(text);
      if (end > 0 || this.#ended) {
        this.#seen = this.#seen.subarray(end > 0 ? end : this.#seen.length);
        return plain(text.slice(0, end > 0 ? end : text.length));
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when the connection has ended. */
  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close');
  }

  async #accepted(): Promise<Socket> {
    for (;;) {
      const found = this.#server.sockets.find((one) => one.remotePort === this.socket.localPort);
      if (found !== undefined) return found;
      await turn();
    }
  }
}

function wholeAnswer(text: string): number {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return 0;
  const head = text.slice(0, headEnd);
  if (/^HTTP\/1\.1 1\d\d /.test(head)) return headEnd + 4;
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  const end = headEnd + 4 + Number(length ?? 0);
  if (length !== undefined) return text.length >= end ? end : 0;
  if (!/^transfer-encoding: chunked$/im.test(head)) return 0;
  const last = text.indexOf('\r\n0\r\n\r\n', headEnd);
  return last < 0 ? 0 : last + 7;
}

/** An answer without its date and id, its header fields in one order: nothing else may differ. */
function plain(text: string): string {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const [status = '', ...fields] = head.split('\r\n');
  const kept = fields
    .map((field) => field.toLowerCase())
    .filter((field) => !/^(date|x-request-id):/.test(field));
  return [status, ...kept.sort(), '', body.join('\r\n\r\n').replaceAll(/"request":"[^"]*"/g, '')].join('\n');
}

export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
