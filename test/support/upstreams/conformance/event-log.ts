type Send<M> = (id: string, message: M) => Promise<void>;

const EVENTS_MAX = 256;

/** The last events of one session, for clients that come back for the rest of a stream. Fits the interface of both SDKs. */
export class EventLog {
  readonly #events: { readonly id: string; readonly stream: string; readonly message: unknown }[] = [];
  #count = 0;

  storeEvent(stream: string, message: unknown): Promise<string> {
    this.#count += 1;
    const id = `${stream}~${this.#count}`;
    this.#events.push({ id, stream, message });
    if (this.#events.length > EVENTS_MAX) this.#events.shift();
    return Promise.resolve(id);
  }

  getStreamIdForEventId(id: string): Promise<string | undefined> {
    return Promise.resolve(this.#events.find((event) => event.id === id)?.stream);
  }

  async replayEventsAfter<M>(id: string, { send }: { readonly send: Send<M> }): Promise<string> {
    const from = this.#events.findIndex((event) => event.id === id);
    const stream = this.#events[from]?.stream;
    if (stream === undefined) throw new Error(`event ${id} is not there any more`);
    // The event without a message is the one that only tells the client where it is.
    for (const event of this.#events.slice(from + 1))
      if (event.stream === stream && Object.keys(event.message as object).length > 0)
        await send(event.id, event.message as M);
    return stream;
  }
}
