import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { Arrivals } from '../arrivals.ts';
import { MASTER_KEY } from '../gateway.ts';

export interface ServerFrame {
  readonly type: string;
  readonly stream_id?: string;
  readonly status?: number;
  readonly delta?: string;
  readonly error?: {
    readonly type?: string;
    readonly code?: string;
    readonly message: string;
    readonly param?: string;
  };
  readonly headers?: Readonly<Record<string, string>>;
  readonly response?: {
    readonly id: string;
    readonly status: string;
    readonly output: readonly Record<string, unknown>[];
    readonly usage?: { readonly input_tokens: number; readonly output_tokens: number } | null;
    readonly error?: { readonly message: string } | null;
  };
}

const LAST = /^(?:error|response\.(?:completed|incomplete|failed))$/;

/** A client of `WS /v1/responses` that sends and reads frame by frame. */
export class SocketClient implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly frames = new Arrivals<ServerFrame>();
  readonly #closed: Promise<{ readonly code: number; readonly reason: string }>;
  #read = 0;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      if (isBinary) throw new Error('a binary frame came');
      this.frames.add(JSON.parse((data as Buffer).toString('utf8')) as ServerFrame);
    });
    this.#closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Rejects with the HTTP answer where it was refused. */
  static open(
    url: string,
    headers: Readonly<Record<string, string>> = { authorization: `Bearer ${MASTER_KEY}` },
    path = '/v1/responses',
  ): Promise<SocketClient> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers, perMessageDeflate: true });
    const client = new SocketClient(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(client));
      socket.on('error', reject);
      socket.once('unexpected-response', (_request, response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          reject(
            new RefusedError(response.statusCode!, response.headers, Buffer.concat(chunks).toString('utf8')),
          ),
        );
      });
    });
  }

  /** How the connection ended. */
  get closed(): Promise<{ readonly code: number; readonly reason: string }> {
    return this.#closed;
  }

  create(body: object): void {
    this.socket.send(JSON.stringify({ type: 'response.create', ...body }));
  }

  /** The next frame. */
  next(): Promise<ServerFrame> {
    return this.frames.at(this.#read++);
  }

  /** The frames up to the one that ends an answer. */
  async answer(): Promise<ServerFrame[]> {
    const frames: ServerFrame[] = [];
    for (;;) {
      const frame = await this.next();
      frames.push(frame);
      if (LAST.test(frame.type)) return frames;
    }
  }

  /** One turn: its last frame. */
  async turn(body: object): Promise<ServerFrame> {
    this.create(body);
    return (await this.answer()).at(-1)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.#closed;
  }
}

export class RefusedError extends Error {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;

  constructor(status: number, headers: IncomingMessage['headers'], body: string) {
    super(`HTTP ${status}: ${body}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** What an answer says, as text. */
export function textOf(frame: ServerFrame): string {
  return (frame.response?.output ?? [])
    .filter(({ type }) => type === 'message')
    .flatMap((item) => (item['content'] ?? []) as { readonly text?: string }[])
    .map(({ text }) => text ?? '')
    .join('');
}
