import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { BOUNDS, type Bounds } from '../../src/core/bounds.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { createIdSource } from '../../src/core/ids.ts';
import { LaneExchange } from '../../src/edge/lane/lane-exchange.ts';
import { Edge } from '../../src/edge/server.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { Arrivals } from './arrivals.ts';

/** The two ways through the edge: bare sockets for a plain POST, the general server for the rest. */
export type Way = 'lane' | 'general';

/** The listener of the gateway in this process, which hands each request for `/mcp` to the test. */
export interface EdgeServer extends AsyncDisposable {
  readonly edge: Edge;
  /** Resolves with request number `at`, counted from 0, come or to come. */
  exchange(at: number): Promise<Exchange>;
  /** Which way each of them went. */
  readonly ways: readonly Way[];
  connect(): EdgeClient;
}

/** `handle` answers a request, as the gateway would; what it throws becomes the answer. */
export async function startEdge(
  handle: (exchange: Exchange) => Promise<void> | void,
  bounds: Partial<Bounds> = {},
  clock: Clock = systemClock,
  before: (exchange: Exchange) => Promise<void> | undefined = () => undefined,
): Promise<EdgeServer> {
  const exchanges = new Arrivals<Exchange>();
  const clients: EdgeClient[] = [];
  const none = (): void => undefined;
  const edge = new Edge({
    bounds: { ...BOUNDS, ...bounds },
    browser: { allowedHosts: ['x'], checkHost: true },
    newId: createIdSource(),
    clock,
    log: silentLog,
    before,
    handlers: {
      mcp: (exchange) => {
        exchanges.add(exchange);
        return handle(exchange);
      },
      sse: none,
      messages: none,
      health: none,
      'mcp-rest': none,
      admin: none,
      metrics: none,
      status: none,
      llm: none,
      models: none,
      response: none,
      backup: none,
    },
  });
  const { port } = await edge.listen('127.0.0.1', 0);
  return {
    edge,
    get ways() {
      return exchanges.all.map((exchange) => (exchange instanceof LaneExchange ? 'lane' : 'general'));
    },
    exchange: (at) => exchanges.at(at),
    connect: () => {
      const client = new EdgeClient(port);
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of clients) socket.destroy();
      await edge[Symbol.asyncDispose]();
    },
  };
}

/** Something that the test lets happen. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A POST of `/mcp` that goes that way; `fields` are further lines of its head. */
export function post(way: Way, body = '{}', fields: readonly string[] = []): string {
  const more = way === 'lane' ? fields : [...fields, 'X-Twice: 1', 'X-Twice: 2'];
  const lines = ['POST /mcp HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...more];
  return `${lines.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** One connection, with everything that came on it. */
export class EdgeClient {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  readonly #ended: Promise<unknown>;
  #isOpen = true;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk) => {
      this.#chunks.push(chunk as Buffer);
      this.#wake();
    });
    this.socket.on('error', () => undefined);
    this.#ended = once(this.socket, 'close').finally(() => {
      this.#isOpen = false;
      this.#wake();
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves with the head and the body of what came, the body's chunks put together, when that fits. */
  async until(fits: (answer: Answer) => boolean): Promise<Answer> {
    for (;;) {
      const answer = answerIn(this.text);
      if (answer !== undefined && fits(answer)) return answer;
      if (!this.#isOpen) throw new Error(`the connection ended with ${this.text.slice(0, 2_000)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next whole answer, which is forgotten then. */
  async answer(): Promise<Answer> {
    const answer = await this.until(({ bytes }) => bytes !== undefined);
    const rest = Buffer.concat(this.#chunks).subarray(answer.bytes);
    this.#chunks.splice(0, this.#chunks.length, rest);
    return answer;
  }

  /** Everything that came until the connection ended. */
  async rest(): Promise<string> {
    await this.#ended;
    return this.text;
  }
}

export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Of the whole answer, when all of it has come. */
  readonly bytes: number | undefined;
}

/** The answer that `text` begins with, as far as it goes. */
function answerIn(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const status = Number(head.slice(9, 12));
  let rest = text.slice(end + 4);
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) {
    const body = rest.slice(0, Number(length));
    const isWhole = body.length === Number(length);
    return { status, head, body, bytes: isWhole ? end + 4 + body.length : undefined };
  }
  let body = '';
  for (;;) {
    const line = rest.indexOf('\r\n');
    const bytes = line < 0 ? Number.NaN : Number.parseInt(rest.slice(0, line), 16);
    if (bytes === 0) return { status, head, body, bytes: text.length - rest.length + line + 4 };
    if (!(bytes > 0)) return { status, head, body, bytes: undefined };
    body += rest.slice(line + 2, line + 2 + bytes);
    rest = rest.slice(line + 4 + bytes);
  }
}
