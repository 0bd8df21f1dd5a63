import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Exchange } from '../../gateway/exchange.ts';
import type { Ending, MessageSocket, SocketSession } from '../../gateway/message-socket.ts';
import { BUFFERED_BYTES_MAX } from '../event-stream.ts';

/** Pings that may go without an answer, or any other sign of life, one after the other. */
const SILENT_PINGS_MAX = 4;

/** One WebSocket from its handshake to its end. */
export class OpenSocket implements MessageSocket {
  /** The request that opened it. */
  readonly upgrade: Exchange;
  readonly openedMs: number;
  readonly #socket: Socket;
  readonly #websocket: WebSocket;
  readonly #now: () => number;
  readonly #session: SocketSession;
  #heardMs: number;
  #silentPings = 0;
  /** Bytes that had gone out at the last ping. */
  #goneOut = 0;

  constructor(
    upgrade: Exchange,
    socket: Socket,
    websocket: WebSocket,
    begin: (socket: MessageSocket) => SocketSession,
    now: () => number,
  ) {
    this.upgrade = upgrade;
    this.#socket = socket;
    this.#websocket = websocket;
    this.#now = now;
    this.openedMs = now();
    this.#heardMs = this.openedMs;
    this.#session = begin(this);
    websocket.on('message', (data, isBinary) => {
      this.#heardMs = now();
      this.#silentPings = 0;
      this.#session.onMessage(data as Buffer, isBinary);
      this.#holdBack();
    });
    websocket.on('pong', () => {
      this.#silentPings = 0;
    });
    websocket.on('ping', () => {
      this.#silentPings = 0;
      this.#holdBack();
    });
    websocket.once('close', () => this.#session.onGone());
  }

  get isBusy(): boolean {
    return this.#session.isBusy;
  }

  /** Milliseconds for which the client wanted nothing. */
  get idleMs(): number {
    if (this.isBusy) this.#heardMs = this.#now();
    return this.#now() - this.#heardMs;
  }

  send(text: Buffer): boolean {
    if (this.#websocket.readyState !== this.#websocket.OPEN) return true;
    this.#websocket.send(text, { binary: false }, ignore);
    return this.#socket.writableLength < BUFFERED_BYTES_MAX;
  }

  onDrain(listener: () => void): void {
    if (this.#socket.writableNeedDrain) this.#socket.once('drain', listener);
    else setImmediate(listener);
  }

  close(code: number, reason: string): void {
    this.#websocket.close(code, reason);
  }

  finish(ending: Ending): void {
    this.#session.finish(ending);
  }

  /** Asks for a sign of life; who gave none for long is cut off. */
  ping(): void {
    const { bytesWritten, writableLength } = this.#socket;
    // Who reads slowly hears of pings late; that it reads is a sign of life, too.
    if (writableLength > 0 && bytesWritten - writableLength > this.#goneOut) this.#silentPings = 0;
    this.#goneOut = bytesWritten - writableLength;
    if (this.#silentPings++ >= SILENT_PINGS_MAX) this.terminate();
    else if (this.#websocket.readyState === this.#websocket.OPEN)
      this.#websocket.ping(undefined, undefined, ignore);
  }

  terminate(): void {
    this.#websocket.terminate();
  }

  /** Who says more than it reads answers of is not heard before it has read. */
  #holdBack(): void {
    if (this.#websocket.isPaused || this.#socket.writableLength < BUFFERED_BYTES_MAX) return;
    this.#websocket.pause();
    this.onDrain(() => this.#websocket.resume());
  }
}

/** What cannot be sent any more goes with its connection, of which `close` tells. */
function ignore(): void {
  // Nothing is to be done.
}
