import type { ResponseHead } from '../../net/http-client.ts';
import type { AnswerEvent } from '../conversation/answer.ts';
import type { AnswerReader, Format } from '../conversation/format.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { ModelRequest } from '../conversation/request.ts';
import { parsedBody, tooLarge, wrongType } from '../upstream/body.ts';
import { asFailure } from '../upstream/as-failure.ts';
import { EventTap } from '../upstream/event-tap.ts';
import {
  type ProviderCall,
  type ProviderSink,
  type SendDeps,
  sendToProvider,
} from '../upstream/provider-request.ts';
import type { Tally } from '../usage/tally.ts';
import type { TurnHandle, TurnListener } from './turn.ts';

type OnHead = (head: ResponseHead) => void;

/** A turn of a provider, read in its format. `request`: what it was asked, in no format. `tally` gets what it says. */
export function providerTurn(
  call: ProviderCall,
  request: ModelRequest,
  tally: Tally,
  listener: TurnListener,
  onHead: OnHead,
  deps: SendDeps,
  bytesMax: number,
): TurnHandle {
  const once = new OneEnd(restored(call.format, request, listener));
  const reader = call.isStream
    ? new StreamReader(call.format.answerReader(), tally, once, onHead)
    : undefined;
  tally.isSent = true;
  const handle = sendToProvider(
    call,
    reader ?? new BodyReader(call.format, tally, once, onHead, bytesMax),
    deps,
  );
  const abort = (): void => handle.abort();
  once.onOver = abort;
  const heard = (): void => handle.heard();
  if (reader !== undefined) reader.onHeard = heard;
  return handle;
}

/** The listener, told of tools by the names that the request has for them. */
function restored(format: Format, request: ModelRequest, listener: TurnListener): TurnListener {
  const restore = format.restorer(request);
  if (restore === undefined) return listener;
  return {
    onEvents: (events) => listener.onEvents(events.flatMap(restore)),
    onEnd: () => listener.onEnd(),
    onFailure: (failure) => listener.onFailure(failure),
  };
}

/** Passes on what is heard until the first end or failure; a failure that was found here ends the request, too. */
class OneEnd {
  readonly #listener: TurnListener;
  isOver = false;
  onOver: () => void = () => undefined;

  constructor(listener: TurnListener) {
    this.#listener = listener;
  }

  /** Runs a step whose LlmFailure is the turn's. */
  step(act: (listener: TurnListener) => void): void {
    if (this.isOver) return;
    try {
      act(this.#listener);
    } catch (error) {
      this.fail(asFailure(error));
    }
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#listener.onEnd();
  }

  fail(failure: LlmFailure): void {
    if (this.isOver) return;
    this.isOver = true;
    this.onOver();
    this.#listener.onFailure(failure);
  }
}

const EVENT_STREAM = /^text\/event-stream\b/i;

class StreamReader implements ProviderSink {
  readonly #reader: AnswerReader;
  readonly #once: OneEnd;
  readonly #onHead: OnHead;
  readonly #tap: EventTap;
  /** What one chunk says. */
  #events: AnswerEvent[] = [];
  #failure: LlmFailure | undefined;
  #hasHeard = false;
  #hasTold = false;
  /** Told of the first event. */
  onHeard: () => void = () => undefined;

  constructor(reader: AnswerReader, tally: Tally, once: OneEnd, onHead: OnHead) {
    this.#reader = reader;
    this.#once = once;
    this.#onHead = onHead;
    this.#tap = new EventTap((event, data) => {
      if (!this.#hasHeard) {
        this.#hasHeard = true;
        this.onHeard();
      }
      this.#step(() => {
        const events = reader.read(event, data);
        tally.take(events);
        this.#events.push(...events);
      });
      return false;
    });
  }

  onHead(head: ResponseHead): void {
    const type = head.headers['content-type'] ?? '';
    if (EVENT_STREAM.test(type)) this.#onHead(head);
    else this.#once.fail(wrongType(type));
  }

  onData(chunk: Buffer): void {
    this.#step(() => this.#tap.push(chunk));
    this.#tell();
  }

  onEnd(): void {
    this.#step(() => this.#tap.flush());
    this.#step(() => this.#events.push(...this.#reader.end()));
    this.#tell();
    this.#once.end();
  }

  onFailure(failure: LlmFailure): void {
    this.#once.fail(failure);
  }

  /** After the first failure nothing counts any more. */
  #step(act: () => void): void {
    if (this.#failure !== undefined) return;
    try {
      act();
    } catch (error) {
      this.#failure = asFailure(error);
    }
  }

  #tell(): void {
    const events = this.#events;
    this.#events = [];
    // What fails before anything was told can still go elsewhere.
    if (events.length > 0 && (this.#failure === undefined || this.#hasTold)) {
      this.#hasTold = true;
      this.#once.step((listener) => listener.onEvents(events));
    }
    if (this.#failure !== undefined) this.#once.fail(this.#failure);
  }
}

class BodyReader implements ProviderSink {
  readonly #format: Format;
  readonly #tally: Tally;
  readonly #once: OneEnd;
  readonly #onHead: OnHead;
  readonly #bytesMax: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(format: Format, tally: Tally, once: OneEnd, onHead: OnHead, bytesMax: number) {
    this.#format = format;
    this.#tally = tally;
    this.#once = once;
    this.#onHead = onHead;
    this.#bytesMax = bytesMax;
  }

  onHead(head: ResponseHead): void {
    this.#onHead(head);
  }

  onData(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#bytes > this.#bytesMax) this.#once.fail(tooLarge(this.#bytesMax));
  }

  onEnd(): void {
    this.#once.step((listener) => {
      const events = this.#format.readAnswer(parsedBody(Buffer.concat(this.#chunks)));
      this.#tally.take(events);
      listener.onEvents(events);
    });
    this.#once.end();
  }

  onFailure(failure: LlmFailure): void {
    this.#once.fail(failure);
  }
}
