import type { Cancellation } from '../../core/cancellation.ts';
import type { RpcNotification, RpcReply, RpcRequest } from '../wire/message.ts';

export type TransportKind = 'stdio' | 'http' | 'sse' | 'in-process';

export type HeaderLine = readonly [name: string, value: string];

/** One request on its way to a server. */
export interface OutboundRequest {
  /** Unique on this transport. */
  readonly id: number;
  readonly method: string;
  /** The whole JSON-RPC message with that id. */
  readonly message: Buffer;
  /** HTTP headers beyond the transport's own; ignored where there are none. */
  readonly headers: readonly HeaderLine[];
  /** Milliseconds until the reply must be complete. */
  readonly timeoutMs: number;
  readonly cancellation: Cancellation | undefined;
  /** Whose call it is, when it is a client's. */
  readonly principalId?: string | undefined;
  /** Takes what the server says on this request's own stream before the reply, where the transport has such streams. */
  readonly related?: ((message: RpcNotification | RpcRequest) => void) | undefined;
}

/** What a transport tells its owner. */
export interface TransportEvents {
  /** Ends the transport, also while it is still being opened. */
  readonly signal: AbortSignal;
  /** A notification that came on no request's own stream. */
  onNotification(notification: RpcNotification): void;
  /**
   * A request of the server's that came on no call's own stream; `ping` is answered by the transport. `answer` sends the response, also while
   * the first contact is still under way. `isOurs`: it came on the stream of a request of our own, so that it is about no call.
   */
  onRequest(request: RpcRequest, answer: (message: Buffer) => void, isOurs?: boolean): void;
  /** A reply to a request that was given up, where that can be told. */
  onLateReply?(id: number): void;
  /** The transport is gone for good; called at most once, never after `close`. */
  onClosed(reason: string): void;
  /** Something a careful operator wants to know, for example text on stdout that is not a message. */
  onOddity(text: string): void;
}

/** A way to one server: carries messages, correlates replies, knows nothing of MCP methods. */
export interface Transport extends AsyncDisposable {
  readonly kind: TransportKind;
  /** Rejects with UpstreamFailure. */
  request(request: OutboundRequest): Promise<RpcReply>;
  /** Sends a notification, or the response to one of the server's requests. Rejects with UpstreamFailure. */
  notify(message: Buffer, headers: readonly HeaderLine[]): Promise<void>;
  /** Opens the stream on which the server may speak first, where that is a stream of its own; kept open until the transport ends. */
  listen?(headers: readonly HeaderLine[]): void;
  /** Process id, where there is a process. */
  readonly pid: number | undefined;
  /** The last of what the server wrote to stderr, where there is one. */
  stderrTail(): string;
}
