const EVENTS_MAX = 64;
const BYTES_MAX = 256 * 1024;

/**
 * Keeps the beginning of a streamed answer back until there is content in it, so that one that fails at its start can be tried elsewhere and the
 * client never sees the failed one. Bounded: an answer that begins with much that is no content is let through.
 */
export class CommitGate {
  #held: Buffer[] | undefined = [];
  #events = 0;
  #bytes = 0;

  get isOpen(): boolean {
    return this.#held === undefined;
  }

  /** Takes bytes of so many events. What may be passed on now: nothing, or everything since the beginning. */
  take(bytes: Buffer, events: number, hasContent: boolean): Buffer | undefined {
    if (this.#held === undefined) return bytes;
    this.#held.push(bytes);
    this.#events += events;
    this.#bytes += bytes.length;
    return hasContent || this.#events > EVENTS_MAX || this.#bytes > BYTES_MAX ? this.open() : undefined;
  }

  open(): Buffer {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held.length === 1 ? held[0]! : Buffer.concat(held);
  }
}
