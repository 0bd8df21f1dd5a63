import type { Exchange } from './exchange.ts';

/** A WebSocket that is open (RFC 6455), as the gateway sees it; `edge/` makes them. */
export interface MessageSocket {
  /** Sends one text frame. `false`: the reader is slow, and more should wait for `onDrain`. */
  send(text: Buffer): boolean;
  /** Calls `listener` once, when what was sent has gone out. */
  onDrain(listener: () => void): void;
  /** `code`: RFC 6455, section 7.4.1. `reason`: at most 123 bytes. */
  close(code: number, reason: string): void;
}

/** Why a connection is to end: what its client is told of requests that come too late, and the close frame. */
export interface Ending {
  readonly status: number;
  readonly error: { readonly type: string; readonly code: string; readonly message: string };
  readonly closeCode: number;
  readonly reason: string;
  /** Whether the client is told even without a request, for example when OpenAI does so. */
  readonly isTold: boolean;
}

/** What the gateway does with one WebSocket. */
export interface SocketSession {
  /** One message of the client's. */
  onMessage(data: Buffer, isBinary: boolean): void;
  /** The connection is gone. */
  onGone(): void;
  /** Nothing more is begun; when what is under way has ended, the connection is closed. */
  finish(ending: Ending): void;
  /** Whether something is under way. */
  readonly isBusy: boolean;
}

/**
 * Judges a request for a WebSocket. The function that it returns takes the connection once it is open; `undefined`: the request was refused, and
 * answered. Throws GatewayError.
 */
export type OpenSocket = (upgrade: Exchange) => ((socket: MessageSocket) => SocketSession) | undefined;
