import type { HttpFailure } from './http-failure.ts';

export type HeaderLine = readonly [name: string, value: string];

/** A URL taken apart. */
export interface Target {
  readonly origin: string;
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  /** Path and query. */
  readonly path: string;
  readonly url: string;
}

export interface HttpRequest {
  readonly target: Target;
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  /** Beyond Host and Content-Length, which are made here. */
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer | undefined;
  /** Milliseconds for a connection to be made, where the client's own bound is longer. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds until the response's head. */
  readonly headTimeoutMs: number;
  /** Milliseconds between two reads of the body; `undefined`: no bound. */
  readonly idleTimeoutMs: number | undefined;
  /** Milliseconds for the whole response; `undefined`: no bound. */
  readonly totalTimeoutMs: number | undefined;
  /** Bytes of the whole body; `undefined` for streams, whose reader bounds what it keeps. */
  readonly bodyBytesMax: number | undefined;
  /** Whether the sink undoes codings of the body (Content-Encoding) itself: some servers compress although nobody asks. Else they are refused. */
  readonly takesCodings?: boolean;
}

export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; repeated ones joined by `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface ResponseSink {
  onHead(head: ResponseHead): void;
  /** The bytes belong to the receiver. */
  onData(chunk: Buffer): void;
  onEnd(): void;
  onError(failure: HttpFailure): void;
}

export interface RequestHandle {
  abort(): void;
  pause(): void;
  resume(): void;
}
