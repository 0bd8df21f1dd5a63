import type { ResponseHead } from '../../net/http-client.ts';
import type { AnswerEvent } from '../conversation/answer.ts';
import { AnswerBuilder } from '../conversation/answer-builder.ts';
import type { AnswerFacts, AnswerWriter, Format } from '../conversation/format.ts';
import { isObject } from '../conversation/json.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';
import { ArrayWriter } from '../formats/gemini/array-framing.ts';
import type { AnswerSink } from '../llm-ports.ts';

export interface ClientAnswerDeps {
  readonly format: Format;
  readonly facts: AnswerFacts;
  readonly isStream: boolean;
  /** As one JSON list in place of events (Gemini without `alt=sse`). */
  readonly isArray: boolean;
  readonly out: AnswerSink;
  /** The answer's headers, asked for when it begins; `head`: of the provider's answer, when there is one. */
  readonly headers: (head: ResponseHead | undefined) => Readonly<Record<string, string>>;
  /** Gets the whole answer as the client got it, where the format says it as one at the end of its streams, too (Responses). */
  readonly onAnswer: ((answer: JsonObject) => void) | undefined;
  /** Milliseconds of silence after which a stream gets a ping. */
  readonly pingMs: number;
  readonly monotonicMs: () => number;
}

/** Writes an answer for a client in its format: as a stream, event by event, or whole at the end. */
export class ClientAnswer {
  readonly #deps: ClientAnswerDeps;
  readonly #writer: AnswerWriter | undefined;
  readonly #builder: AnswerBuilder | undefined;
  #hasBegun = false;
  #head: ResponseHead | undefined;
  #spokenMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ClientAnswerDeps) {
    this.#deps = deps;
    if (deps.isStream)
      this.#writer = deps.isArray ? new ArrayWriter(deps.facts) : deps.format.answerWriter(deps.facts);
    else this.#builder = new AnswerBuilder();
  }

  /** Whether something went to the client. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Opens the stream. From now on failures are told in it. */
  begin(head: ResponseHead | undefined): void {
    this.#head = head;
    if (this.#hasBegun || this.#writer === undefined) return;
    this.#hasBegun = true;
    const { out, headers, pingMs, monotonicMs } = this.#deps;
    out.begin(headers(head));
    this.#spokenMs = monotonicMs();
    this.#timer = setInterval(() => {
      if (monotonicMs() - this.#spokenMs >= pingMs) this.#write(this.#writer!.ping());
    }, pingMs / 3).unref();
  }

  /** `false`: the client reads slowly. */
  take(events: readonly AnswerEvent[]): boolean {
    if (this.#builder !== undefined) {
      for (const event of events) this.#builder.add(event);
      return true;
    }
    const pieces: Buffer[] = [];
    for (const event of events) {
      const bytes = this.#writer!.write(event);
      if (bytes.length > 0) pieces.push(bytes);
      if (event.kind === 'end') this.#finished(bytes);
    }
    if (pieces.length === 0) return true;
    return this.#write(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  }

  onDrain(listener: () => void): void {
    this.#deps.out.onDrain(listener);
  }

  end(): void {
    clearInterval(this.#timer);
    const { out, format, facts, headers } = this.#deps;
    if (this.#builder === undefined) {
      out.end();
      return;
    }
    const body = format.writeAnswer(this.#builder.answer(), facts);
    this.#deps.onAnswer?.(body);
    out.send(
      200,
      { 'content-type': 'application/json', ...headers(this.#head) },
      Buffer.from(JSON.stringify(body)),
    );
  }

  /** The last events of a stream; the very last one may hold the whole answer. */
  #finished(bytes: Buffer): void {
    const { onAnswer } = this.#deps;
    const from = bytes.lastIndexOf('\ndata: ');
    if (onAnswer === undefined || from < 0) return;
    const { response } = JSON.parse(bytes.toString('utf8', from + 7).trim()) as JsonObject;
    if (isObject(response)) onAnswer(response);
  }

  /** Tells the client of a failure in the midst of its stream. */
  fail(failure: LlmFailure): void {
    clearInterval(this.#timer);
    this.#deps.out.write(this.#writer!.fail(failure));
    this.#deps.out.end();
  }

  /** Nothing more is to be written. */
  leave(): void {
    clearInterval(this.#timer);
  }

  #write(bytes: Buffer): boolean {
    this.#spokenMs = this.#deps.monotonicMs();
    return this.#deps.out.write(bytes);
  }
}
