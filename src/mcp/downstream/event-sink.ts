/** A stream of server-sent events that is open to a client. */
export interface EventSink {
  /** Writes one event; `false` when the client reads too slowly and the event was left out. */
  send(event: string | undefined, data: Buffer, id?: string): boolean;
  /** Writes an answer, which is never left out: a client that lets too much wait loses the stream. */
  deliver(data: Buffer, id?: string): void;
  comment(text: string): void;
  close(): void;
}

/** A stream of one request that a client may take up again over another connection. */
export interface Resumable {
  resume(stream: EventSink): void;
}
