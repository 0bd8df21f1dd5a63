import type { ResponseHead } from '../../net/http-client.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { AnswerSink } from '../llm-ports.ts';
import { asFailure } from './as-failure.ts';
import { wrongType } from './body.ts';
import { CommitGate } from './commit-gate.ts';
import { EventTap } from './event-tap.ts';
import type { ProviderHandle, ProviderSink } from './provider-request.ts';

/** What becomes of the events of a streamed answer on their way to the client: nothing, or another format. */
export interface Pipe {
  /** One event of the provider's. `false`: the client does not get it as it is. Throws LlmFailure. */
  event(event: string | undefined, data: Buffer): boolean;
  /** What the client gets besides, since it was last asked; `undefined`: nothing. */
  written(): Buffer | undefined;
  /** Whether the answer has begun to say something. */
  readonly hasContent: boolean;
  /** The stream has ended; what is still to be written. Throws LlmFailure when the answer was not complete. */
  end(): Buffer | undefined;
  /** Whether the client has everything, so that nothing that happens now spoils the answer. */
  readonly isComplete: boolean;
  /** The bytes that tell the client of a failure in the midst of its answer; `undefined`: it was told. */
  fail(failure: LlmFailure): Buffer | undefined;
  /** Nobody wants the rest. */
  leave(): void;
  ping(): Buffer;
}

export interface StreamedAnswerDeps {
  readonly pipe: Pipe;
  readonly out: AnswerSink;
  /** The head of the client's answer, for that of the provider's. */
  readonly headers: (head: ResponseHead) => Readonly<Record<string, string>>;
  /** Called once with the first content. */
  readonly onCommit: () => void;
  /** After the answer, or a failure that the client was told of. `failure`: what was wrong with it. */
  readonly onDone: (failure: LlmFailure | undefined) => void;
  /** A failure before anything went to the client. */
  readonly onFailed: (failure: LlmFailure) => void;
  /** Milliseconds of silence after which a ping is sent. */
  readonly pingMs: number;
  readonly monotonicMs: () => number;
}

const CONTENT_TYPE = /^text\/event-stream\b/i;

/**
 * A provider's streamed answer on its way to the client. Nothing goes out before there is content in it; after that a failure is told in the
 * client's own format, and never looks like an end.
 */
export class StreamedAnswer implements ProviderSink {
  readonly #deps: StreamedAnswerDeps;
  readonly #tap: EventTap;
  readonly #gate = new CommitGate();
  #head: ResponseHead | undefined;
  #failure: LlmFailure | undefined;
  #events = 0;
  #hasHeard = false;
  #isOver = false;
  #spokenMs = 0;
  #timer: NodeJS.Timeout | undefined;
  handle: ProviderHandle | undefined;

  constructor(deps: StreamedAnswerDeps) {
    this.#deps = deps;
    this.#tap = new EventTap((event, data) => {
      if (this.#failure !== undefined) return false;
      this.#events++;
      if (!this.#hasHeard) {
        this.#hasHeard = true;
        this.handle?.heard();
      }
      try {
        return deps.pipe.event(event, data);
      } catch (error) {
        // What came before it still goes to the client.
        this.#failure = asFailure(error);
        return false;
      }
    });
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    const type = head.headers['content-type'] ?? '';
    if (!CONTENT_TYPE.test(type)) this.#fail(wrongType(type));
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return;
    let forwarded: Buffer | undefined;
    try {
      forwarded = this.#tap.push(chunk);
    } catch (error) {
      this.#failure ??= asFailure(error);
    }
    // What fails before anything went out can still go elsewhere.
    if (forwarded !== undefined && (this.#failure === undefined || this.#gate.isOpen)) this.#pass(forwarded);
    if (this.#failure !== undefined) this.#fail(this.#failure);
  }

  onEnd(): void {
    if (this.#isOver) return;
    try {
      const rest = this.#tap.flush();
      if (this.#failure !== undefined) throw this.#failure;
      const last = this.#deps.pipe.end();
      // Only now is it known to be an event and not the first half of one.
      this.#pass(rest);
      this.#write(this.#gate.isOpen ? last : concat(this.#commit(), last));
    } catch (error) {
      this.#fail(asFailure(error));
      return;
    }
    this.#close();
    this.#deps.out.end();
    this.#deps.onDone(undefined);
  }

  onFailure(failure: LlmFailure): void {
    this.#fail(failure);
  }

  /** The client has gone: nothing more is written. */
  leave(): void {
    this.#deps.pipe.leave();
    this.#close();
    this.handle?.abort();
  }

  #pass(forwarded: Buffer): void {
    const { pipe } = this.#deps;
    const bytes = concat(forwarded.length === 0 ? undefined : forwarded, pipe.written());
    if (bytes === undefined) return;
    const events = this.#events;
    this.#events = 0;
    const isFirst = !this.#gate.isOpen;
    const free = this.#gate.take(bytes, events, pipe.hasContent);
    if (free === undefined) return;
    if (isFirst) this.#start();
    this.#write(free);
  }

  #commit(): Buffer {
    const held = this.#gate.open();
    this.#start();
    return held;
  }

  #start(): void {
    const { out, headers, onCommit, pingMs, monotonicMs } = this.#deps;
    out.begin(headers(this.#head!));
    onCommit();
    this.#spokenMs = monotonicMs();
    this.#timer = setInterval(() => {
      if (monotonicMs() - this.#spokenMs >= pingMs) this.#write(this.#deps.pipe.ping());
    }, pingMs / 3).unref();
  }

  #write(bytes: Buffer | undefined): void {
    if (bytes === undefined || bytes.length === 0) return;
    this.#spokenMs = this.#deps.monotonicMs();
    if (this.#deps.out.write(bytes)) return;
    this.handle?.pause();
    this.#deps.out.onDrain(() => this.handle?.resume());
  }

  #fail(failure: LlmFailure): void {
    if (this.#isOver) return;
    this.#close();
    this.handle?.abort();
    const { out, pipe, onDone, onFailed } = this.#deps;
    if (!this.#gate.isOpen) {
      pipe.leave();
      onFailed(failure);
      return;
    }
    if (pipe.isComplete) pipe.end();
    else {
      const told = pipe.fail(failure);
      if (told !== undefined) out.write(told);
    }
    out.end();
    onDone(pipe.isComplete ? undefined : failure);
  }

  #close(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }
}

function concat(first: Buffer | undefined, second: Buffer | undefined): Buffer | undefined {
  if (first === undefined) return second;
  return second === undefined ? first : Buffer.concat([first, second]);
}
