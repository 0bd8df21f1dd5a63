import type { IncomingHttpHeaders } from 'node:http';

/** Bytes in one piece or in several that follow each other. */
export type Body = Buffer | readonly Buffer[];

export function bytesOf(body: Body | undefined): number {
  if (body === undefined) return 0;
  return Buffer.isBuffer(body) ? body.length : body.reduce((sum, part) => sum + part.length, 0);
}

/** The body in one piece. */
export function whole(body: Body): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.concat(body);
}

/** An open stream of server-sent events (WHATWG HTML, "Server-sent events"). */
export interface EventStream {
  /** Writes one event. `false`: the reader is too slow, its buffer is full, the event was left out. */
  send(event: string | undefined, data: Buffer, id?: string): boolean;
  /** Writes an answer, which is never left out: a reader that lets too much wait loses the stream. */
  deliver(data: Buffer, id?: string): void;
  comment(text: string): void;
  close(): void;
  /** Calls `listener` once when the stream has ended, whoever ended it. */
  onClose(listener: () => void): void;
}

/** One HTTP request and its answer, as the gateway sees them; `edge/` makes them. */
export interface Exchange {
  /** UUID version 7; sent back as `x-request-id`. */
  readonly requestId: string;
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  /** After the `?`, without it. */
  readonly query: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string;
  /** Monotonic milliseconds when the request's head had arrived. */
  readonly startedMs: number;
  /** Names of servers in the path, which narrow the scope. */
  readonly names: readonly string[] | undefined;
  /** The whole body. Rejects with GatewayError `body-…`. */
  body(): Promise<Buffer>;
  /** Sends the answer; once. `eventId` is its id when it is the last event of a stream. */
  send(
    status: number,
    headers: Readonly<Record<string, string>> | undefined,
    body: Body | undefined,
    eventId?: string,
  ): void;
  /**
   * Answers with an event stream that stays open. When the gateway stops, a stream that `brings: 'answers'` ends after the requests that are
   * under way.
   */
  openStream(headers?: Readonly<Record<string, string>>, brings?: 'news' | 'answers'): EventStream;
  /**
   * Writes one event before the answer, which then becomes the last event of the stream; without data it only names the place where the
   * stream begins. `false`: the client takes no event stream, or is gone, or reads too slowly.
   */
  event(data: Buffer, id?: string): boolean;
  /**
   * From now on, an answer that is slow to come keeps the connection alive as an event stream, when the client accepts one. `headers` are
   * the stream's too; `onBegin` is called before the first comment on it.
   */
  mayStream(headers?: Readonly<Record<string, string>>, onBegin?: () => void): void;
  /** Calls `listener` once when the client has gone before it was answered; at once when it has already. */
  onGone(listener: () => void): void;
  readonly isGone: boolean;
  /** Bytes of the answer's body so far. */
  readonly bytesOut: number;
}
