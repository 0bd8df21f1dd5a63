import type { IncomingMessage } from 'node:http';
import type { Body } from '../../gateway/exchange.ts';
import { HeadReader, type RequestHead } from './request-head.ts';
import type { AnswerHeads } from './answer-heads.ts';
import { LaneExchange } from './lane-exchange.ts';
import type { BodyReader, Carrier, ExchangeShared } from './lane-ports.ts';

export type LaneSocket = IncomingMessage['socket'];

/** What a connection needs of the lane that it belongs to. */
export interface LaneOwner extends ExchangeShared {
  readonly bodyBytesMax: number;
  readonly heads: AnswerHeads;
  /** Milliseconds until the first request's head, for a whole request, and between requests. */
  readonly headMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  readonly isClosing: () => boolean;
  /** Whether a path is one of the hot path. */
  serves(path: string): boolean;
  /** Takes a request whose head has arrived; answers it sooner or later. */
  serve(exchange: LaneExchange): void;
  /** Takes the socket, and `bytes` as the first that it will read. */
  handOver(socket: LaneSocket, bytes: Buffer): void;
  onGone(connection: LaneConnection): void;
}

/** Bodies up to this size are copied behind their head: one buffer is cheaper to write than two. */
const COPIED_BYTES_MAX = 16 * 1024;
const CRLF = '\r\n';
/** What the general server answers to a request that does not come to its end. */
const TIMED_OUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

/**
 * One client connection, from its first byte until it ends or is handed over. It carries one request at a time: what arrives behind a
 * request waits until that one is answered, so that answers keep their order.
 */
export class LaneConnection implements Carrier {
  readonly socket: LaneSocket;
  readonly #owner: LaneOwner;
  readonly #reader = new HeadReader();
  #exchange: LaneExchange | undefined;
  /** Bytes behind the present request. */
  #rest: Buffer | undefined;
  #chunks: Buffer[] = [];
  #received = 0;
  #expected = 0;
  #waiting: BodyReader | undefined;
  #requests = 0;
  #last = false;
  /** The present request is answered; what still comes of its body is dropped, so that its client gets to read the answer. */
  #dropping = false;
  /** When the sweep first saw it idle, in monotonic milliseconds. */
  #idleSince: number | undefined;
  #address: string | undefined;
  /** Nothing more is read as a request. */
  #ended = false;
  readonly #listeners: {
    readonly data: (chunk: Buffer) => void;
    readonly end: () => void;
    readonly close: () => void;
    readonly error: () => void;
  };

  constructor(socket: LaneSocket, owner: LaneOwner) {
    this.socket = socket;
    this.#owner = owner;
    this.#listeners = {
      data: (chunk) => this.#onData(chunk),
      end: () => this.#onEnd(),
      close: () => this.#onClose(),
      // What follows is `close`.
      error: () => undefined,
    };
    const { data, end, close, error } = this.#listeners;
    socket.on('data', data).on('end', end).on('close', close).on('error', error);
  }

  get remoteAddress(): string {
    this.#address ??= this.socket.remoteAddress;
    return this.#address ?? '';
  }

  get writableLength(): number {
    return this.socket.writableLength;
  }

  get isIdle(): boolean {
    return this.#exchange === undefined;
  }

  get isGone(): boolean {
    return this.#ended || this.socket.destroyed;
  }

  takeBody(): Buffer | undefined {
    return this.#received === this.#expected ? this.#joinChunks() : undefined;
  }

  readBody(reader: BodyReader): void {
    if (this.isGone) reader.reject(this.#received);
    else this.#waiting = reader;
  }

  /** Writes a whole answer, and goes on to what the client sent behind the request. */
  answer(
    status: number,
    headers: Readonly<Record<string, string>>,
    body: Body | undefined,
    bytes: number,
  ): void {
    const last = this.#isLast();
    const head = this.#owner.heads.compose(status, headers, { bytes, last });
    const { socket } = this;
    if (body === undefined) socket.write(head, 'latin1');
    else if (Buffer.isBuffer(body) && bytes <= COPIED_BYTES_MAX) {
      const whole = Buffer.allocUnsafe(head.length + bytes);
      whole.write(head, 'latin1');
      body.copy(whole, head.length);
      socket.write(whole);
    } else {
      socket.cork();
      socket.write(head, 'latin1');
      for (const part of Buffer.isBuffer(body) ? [body] : body) socket.write(part);
      socket.uncork();
    }
    this.#done(last);
  }

  beginStream(headers: Readonly<Record<string, string>>): void {
    // What the head says of the connection holds for the end, too.
    this.#last = this.#isLast();
    this.socket.write(
      this.#owner.heads.compose(200, headers, { bytes: undefined, last: this.#last }),
      'latin1',
    );
  }

  writeChunk(bytes: Buffer | string): void {
    const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    // An empty chunk would end the answer.
    if (this.isGone || data.length === 0) return;
    const line = `${data.length.toString(16)}\r\n`;
    if (data.length <= COPIED_BYTES_MAX) {
      const whole = Buffer.allocUnsafe(line.length + data.length + CRLF.length);
      whole.write(line, 0, 'latin1');
      data.copy(whole, line.length);
      whole.write(CRLF, line.length + data.length, 'latin1');
      this.socket.write(whole);
      return;
    }
    this.socket.cork();
    this.socket.write(line, 'latin1');
    this.socket.write(data);
    this.socket.write(CRLF, 'latin1');
    this.socket.uncork();
  }

  endStream(): void {
    if (this.isGone) return;
    const last = this.#last;
    this.socket.write('0\r\n\r\n', 'latin1');
    this.#done(last);
  }

  onDrain(listener: () => void): void {
    if (this.socket.writableNeedDrain) this.socket.once('drain', listener);
    else setImmediate(listener);
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Enforces the deadlines; called once a second. */
  check(now: number): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      this.#idleSince = undefined;
      if (this.#received < this.#expected && now - exchange.startedMs > this.#owner.requestMs)
        this.#timeOut();
      return;
    }
    if (this.#ended) return;
    // Who still reads an answer is not idle.
    if (this.#idleSince === undefined || this.socket.writableLength > 0) this.#idleSince = now;
    else if (this.#dropping) {
      if (now - this.#idleSince > this.#owner.requestMs) this.socket.destroy();
    } else if (this.#requests === 0 && now - this.#idleSince > this.#owner.headMs) this.#timeOut();
    else if (this.#requests > 0 && now - this.#idleSince > this.#owner.keepAliveMs) this.socket.destroy();
  }

  #onData(chunk: Buffer): void {
    // After the last answer the rest of its request goes by unread.
    if (this.#ended) return;
    if (this.#dropping) this.#drop(chunk);
    else if (this.#exchange === undefined && this.#rest === undefined) this.#begin(chunk);
    else if (this.#received < this.#expected) this.#onBody(chunk);
    else this.#hold(chunk);
  }

  #begin(bytes: Buffer): void {
    this.#rest = undefined;
    const head = this.#reader.read(bytes);
    const { bodyBytesMax, serves } = this.#owner;
    if (head === undefined || head.contentLength > bodyBytesMax || !serves(head.path)) {
      this.#handOver(bytes);
      return;
    }
    this.#serve(head, bytes);
  }

  #serve(head: RequestHead, bytes: Buffer): void {
    this.#requests++;
    this.#expected = head.contentLength;
    this.#received = 0;
    const exchange = new LaneExchange(this, head, this.#owner);
    this.#exchange = exchange;
    if (bytes.length > head.bytes) this.#onBody(bytes.subarray(head.bytes));
    this.#owner.serve(exchange);
  }

  #onBody(bytes: Buffer): void {
    const wanted = this.#expected - this.#received;
    const part = bytes.length <= wanted ? bytes : bytes.subarray(0, wanted);
    if (part.length > 0) this.#chunks.push(part);
    this.#received += part.length;
    if (bytes.length > wanted) this.#hold(bytes.subarray(wanted));
    if (this.#received < this.#expected || this.#waiting === undefined) return;
    const reader = this.#waiting;
    this.#waiting = undefined;
    reader.resolve(this.#joinChunks());
  }

  #joinChunks(): Buffer {
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  /** Keeps what came behind the present request, and reads no more before that one is answered. */
  #hold(bytes: Buffer): void {
    this.#rest = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    this.socket.pause();
  }

  /** Whether the connection ends with the present answer. */
  #isLast(): boolean {
    return this.#owner.isClosing();
  }

  #drop(bytes: Buffer): void {
    const wanted = this.#expected - this.#received;
    this.#received += Math.min(bytes.length, wanted);
    if (this.#received < this.#expected) return;
    this.#dropping = false;
    this.#idleSince = undefined;
    if (bytes.length === wanted) return;
    this.#hold(bytes.subarray(wanted));
    this.#goOn();
  }

  #done(last: boolean): void {
    this.#chunks = [];
    // The gateway may have begun to stop since the head of a stream was written.
    if (last || this.#isLast()) {
      this.#ended = true;
      this.socket.resume();
      this.socket.destroySoon();
      return;
    }
    this.#exchange = undefined;
    this.#idleSince = undefined;
    this.#dropping = this.#received < this.#expected;
    if (this.#rest !== undefined) this.#goOn();
  }

  /** Takes the next request from what waits, once the client has read its answers. */
  #goOn(): void {
    if (this.socket.writableNeedDrain) {
      this.socket.once('drain', () => this.#goOn());
      return;
    }
    setImmediate(() => {
      const rest = this.#rest;
      if (rest === undefined || this.isGone) return;
      this.#begin(rest);
      if (!this.#ended && this.#rest === undefined) this.socket.resume();
    });
  }

  #timeOut(): void {
    if (!this.#ended && this.socket.writableLength === 0) this.socket.write(TIMED_OUT, 'latin1');
    this.socket.destroy();
  }

  /** As the general server does: who ends the connection before the answer does not want it; what was answered before is still sent. */
  #onEnd(): void {
    if (this.#ended) return;
    this.#abandon();
    this.socket.destroySoon();
  }

  #onClose(): void {
    this.#abandon();
    this.#owner.onGone(this);
  }

  #abandon(): void {
    this.#ended = true;
    const reader = this.#waiting;
    this.#waiting = undefined;
    reader?.reject(this.#received);
    this.#exchange?.leave();
    this.#exchange = undefined;
  }

  #handOver(bytes: Buffer): void {
    this.#ended = true;
    const { data, end, close, error } = this.#listeners;
    this.socket.off('data', data).off('end', end).off('close', close).off('error', error);
    this.#owner.onGone(this);
    this.#owner.handOver(this.socket, bytes);
  }
}
