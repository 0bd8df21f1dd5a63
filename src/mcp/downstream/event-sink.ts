/** A stream of server-sent events that is open to a client. */
export interface EventSink {
  /** Writes one event; `false` when the client reads too slowly and the event was left out, which `must` forbids. */
  send(event: string | undefined, data: Buffer, id?: string, must?: boolean): boolean;
  comment(text: string): void;
  close(): void;
}

/** A stream of one request that a client may take up again over another connection. */
export interface Resumable {
  resume(stream: EventSink): void;
}
