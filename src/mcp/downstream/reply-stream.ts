import type { EventSink, Resumable } from './event-sink.ts';
import { NO_DATA, type Session } from './sessions.ts';

/** The answer to one POST while it is still open: events may be written before it. */
export interface EventWriter {
  /** Writes one event before the answer; `false` when the client takes no event stream, or is gone. */
  event(data: Buffer, id?: string): boolean;
  readonly isGone: boolean;
}

/**
 * What is said to a client on the stream of one request, before its answer. In a session the events are numbered and kept, so that a client
 * that lost its connection may take the stream up with a GET; otherwise what cannot be written goes to the session's own stream.
 */
export class ReplyStream implements Resumable {
  readonly #writer: EventWriter;
  readonly #session: Session | undefined;
  readonly #requestId: Buffer | undefined;
  #number: number | undefined;
  #taken: EventSink | undefined;
  #isFinished = false;

  /** `requestId`: of the one request that it answers, as JSON text. */
  constructor(writer: EventWriter, session: Session | undefined, requestId?: Buffer) {
    this.#writer = writer;
    this.#session = session;
    this.#requestId = requestId;
  }

  /** Whether anything was said on it. */
  get isOpen(): boolean {
    return this.#number !== undefined;
  }

  /** Whether the client took it up over another connection, which gets the answer then. */
  get isTaken(): boolean {
    return this.#taken !== undefined;
  }

  /** Begins the stream with an event without data, for clients that know what that is for. */
  prime(): void {
    const session = this.#session;
    if (session === undefined || this.#number !== undefined || this.#writer.isGone) return;
    if (!session.isPrimed) return;
    const number = session.replay.openStream(this.#requestId);
    if (this.#writer.event(NO_DATA, session.replay.place(number))) this.#open(number, session);
    else session.replay.forgetStream(number);
  }

  /** Says something; `false` when there is no way to. */
  send(message: Buffer): boolean {
    const session = this.#session;
    if (session === undefined) return !this.#writer.isGone && this.#writer.event(message);
    if (this.#isFinished) return session.say(message);
    this.prime();
    if (this.#number === undefined) return this.#sendFirst(message, session);
    const id = session.replay.record(this.#number, message);
    if (this.#taken !== undefined) this.#taken.send('message', message, id);
    else if (!this.#writer.isGone) return this.#writer.event(message, id);
    return true;
  }

  /** Nothing is said any more but the answer, which is kept for a client that comes back. The id that the answer has as an event. */
  finish(answer: Buffer | undefined): string | undefined {
    const session = this.#session;
    const number = this.#number;
    this.#isFinished = true;
    if (session === undefined || number === undefined) return undefined;
    const id = answer === undefined ? undefined : session.replay.recordLast(number, answer);
    session.replay.endStream(number);
    session.replies.delete(number);
    if (answer !== undefined) this.#taken?.deliver(answer, id);
    this.#taken?.close();
    return id;
  }

  /** The client came back for this stream: whatever the first connection looks like from here, it is given up. */
  resume(stream: EventSink): void {
    this.#taken?.close();
    this.#taken = stream;
  }

  #sendFirst(message: Buffer, session: Session): boolean {
    if (this.#writer.isGone) return session.say(message);
    const { replay } = session;
    const number = replay.openStream(this.#requestId);
    if (this.#writer.event(message, replay.record(number, message))) {
      this.#open(number, session);
      return true;
    }
    replay.forgetStream(number);
    return session.say(message);
  }

  #open(number: number, session: Session): void {
    this.#number = number;
    session.replies.set(number, this);
  }
}
