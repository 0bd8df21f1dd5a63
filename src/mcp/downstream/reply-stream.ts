import type { EventSink, Resumable } from './event-sink.ts';
import type { Session } from './sessions.ts';

/** The answer to one POST while it is still open: events may be written before it. */
export interface EventWriter {
  /** Writes one event before the answer; `false` when the client takes no event stream, or is gone. */
  event(data: Buffer, id?: string): boolean;
  readonly isGone: boolean;
}

const NO_DATA = Buffer.alloc(0);
/** Clients that know that a stream may begin with an empty event, so that it can be taken up again before anything was said. */
const PRIMED_SINCE = '2025-11-25';

/**
 * What is said to a client on the stream of one request, before its answer. In a session the events are numbered and kept, so that a client
 * that lost its connection may take the stream up with a GET; otherwise what cannot be written goes to the session's own stream.
 */
export class ReplyStream implements Resumable {
  readonly #writer: EventWriter;
  readonly #session: Session | undefined;
  #number: number | undefined;
  #resumed: EventSink | undefined;
  #isFinished = false;

  constructor(writer: EventWriter, session: Session | undefined) {
    this.#writer = writer;
    this.#session = session;
  }

  /** Whether anything was said on it. */
  get isOpen(): boolean {
    return this.#number !== undefined;
  }

  /** Says something; `false` when there is no way to. */
  send(message: Buffer): boolean {
    const session = this.#session;
    if (session === undefined) return !this.#writer.isGone && this.#writer.event(message);
    const { replay } = session;
    if (this.#number === undefined) {
      if (this.#writer.isGone) return session.say(message);
      const number = replay.openStream();
      const canPrime = session.revision >= PRIMED_SINCE;
      if (canPrime && !this.#writer.event(NO_DATA, replay.start(number))) return session.say(message);
      if (!canPrime) {
        if (!this.#writer.event(message, replay.record(number, message))) {
          replay.endStream(number);
          return session.say(message);
        }
        this.#open(number);
        return true;
      }
      this.#open(number);
    }
    if (this.#isFinished) return session.say(message);
    const id = replay.record(this.#number!, message);
    // Once the client has taken the stream up elsewhere, the old connection is dead, whether or not we were told.
    if (this.#resumed !== undefined) return this.#resumed.send('message', message, id);
    return this.#writer.isGone || this.#writer.event(message, id);
  }

  /** The answer is there: it goes to where the client took the stream up, or is kept for when it does. */
  finish(answer: Buffer | undefined): void {
    const session = this.#session;
    if (session === undefined || this.#number === undefined) return;
    this.#isFinished = true;
    session.replies.delete(this.#number);
    if (this.#resumed === undefined && !this.#writer.isGone) {
      session.replay.endStream(this.#number);
      return;
    }
    if (answer !== undefined)
      this.#resumed?.send('message', answer, session.replay.record(this.#number, answer), true);
    if (answer !== undefined && this.#resumed === undefined) session.replay.record(this.#number, answer);
    this.#resumed?.close();
  }

  /** The client came back for this stream. */
  resume(stream: EventSink): void {
    this.#resumed = stream;
  }

  #open(number: number): void {
    this.#number = number;
    this.#session!.replies.set(number, this);
  }
}
