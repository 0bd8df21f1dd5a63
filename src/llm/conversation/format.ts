import type { Answer, AnswerEvent } from './answer.ts';
import type { Dropped } from './dropped.ts';
import type { FormatName } from './format-name.ts';
import type { LlmFailure } from './llm-failure.ts';
import type { AnswerObserver } from './observer.ts';
import type { JsonObject } from './parts.ts';
import type { ModelRequest } from './request.ts';

/** Takes the events of one streamed answer and says what happens in it. Synchronous; keeps only what it needs to go on. */
export interface AnswerReader {
  /** One event of the stream; `data` is valid only during the call. Throws LlmFailure on an error event and on data that makes no sense. */
  read(event: string | undefined, data: Buffer): readonly AnswerEvent[];
  /** The stream has ended. Throws LlmFailure when the answer had not (kind `cut`). */
  end(): readonly AnswerEvent[];
}

/** Writes one answer as a stream of server-sent events. Synchronous. */
export interface AnswerWriter {
  /** The bytes that say it, whole events; empty when the format says nothing of it (yet). */
  write(event: AnswerEvent): Buffer;
  /** The bytes that end the stream with an error, as this format does it. */
  fail(failure: LlmFailure): Buffer;
  /** Bytes that say nothing and keep the connection alive. */
  ping(): Buffer;
}

/** What a writer has to know of the request that it answers. */
export interface AnswerFacts {
  /** The name under which the client asked for the model. */
  readonly model: string;
  readonly request: ModelRequest;
  /** The client's own request, for formats that repeat it in the answer (Responses). */
  readonly source: JsonObject;
  /** A new id with this prefix, for example `resp_`. */
  readonly newId: (prefix: string) => string;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** What the answer cannot say in this format. */
  readonly dropped: Dropped;
}

/** Path facts that Gemini's requests have in their address. */
export interface RequestFacts {
  readonly model: string | undefined;
  readonly isStream: boolean | undefined;
}

/** How a format counts the tokens of a request without an answer. */
export interface Counter {
  /** What is sent, of a request for an answer. */
  body(request: JsonObject, model: string): JsonObject;
  /** `undefined`: the answer says nothing. */
  read(answer: JsonObject): number | undefined;
  write(tokens: number): JsonObject;
}

/** One wire format, in both directions and on both sides. */
export interface Format {
  readonly name: FormatName;
  /** The client's request. Throws LlmFailure (`invalid`) that names the member that is wrong. Members that it does not know go to `extras`. */
  readRequest(body: JsonObject, facts: RequestFacts): ModelRequest;
  /** The request for a provider; what this format cannot say goes to `dropped`. */
  writeRequest(request: ModelRequest, dropped: Dropped): JsonObject;
  /** A whole answer as the events that a stream would have brought. Throws LlmFailure. */
  readAnswer(body: JsonObject): readonly AnswerEvent[];
  /**
   * Gives the calls in an answer the names that `request` has for its tools, where `writeRequest` had to write them differently. `undefined`: there is
   * nothing to change.
   */
  restorer(request: ModelRequest): ((event: AnswerEvent) => readonly AnswerEvent[]) | undefined;
  answerReader(): AnswerReader;
  /** For answers that go on unchanged. */
  observer(): AnswerObserver;
  writeAnswer(answer: Answer, facts: AnswerFacts): JsonObject;
  answerWriter(facts: AnswerFacts): AnswerWriter;
  /** The bytes that tell a client in the midst of a stream of this format that went on unchanged of a failure. */
  failEvent(failure: LlmFailure): Buffer;
  /** `undefined`: the format has nothing like it. */
  readonly counter: Counter | undefined;
  /** A provider's error answer. */
  readError(status: number, headers: Readonly<Record<string, string | undefined>>, body: Buffer): LlmFailure;
  /** The body of an error answer. */
  writeError(failure: LlmFailure): JsonObject;
}
