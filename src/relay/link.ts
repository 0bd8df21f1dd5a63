import type { HttpClient, Target } from '../net/http-client.ts';
import { type AnswerEvents, HttpAnswer } from './http-answer.ts';

type HeaderLine = readonly [name: string, value: string];

export interface LinkOptions {
  readonly http: HttpClient;
  readonly target: Target;
  /** Headers of every request: credentials, and what the operator adds. */
  readonly headers: readonly HeaderLine[];
  readonly messageBytesMax: number;
}

export interface LinkRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer | undefined;
  /** Milliseconds until the response's head. */
  readonly headMs: number;
  /** Milliseconds between two reads of the response. */
  readonly idleMs: number;
}

/** Milliseconds that an answer may take: calls of tools take minutes, and the client that waits has a deadline of its own. */
export const ANSWER_MS = 600_000;

/** The way to the gateway: opens requests, and holds all their answers back while the client reads nothing. */
export class Link {
  readonly #options: LinkOptions;
  readonly #answers = new Set<HttpAnswer>();
  #paused = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  open(request: LinkRequest, events: AnswerEvents): HttpAnswer {
    const { http, target, headers, messageBytesMax } = this.#options;
    const answer = new HttpAnswer(
      (sink) =>
        http.send(
          {
            target,
            method: request.method,
            headers: [...headers, ...request.headers],
            body: request.body,
            headTimeoutMs: request.headMs,
            idleTimeoutMs: request.idleMs,
            totalTimeoutMs: undefined,
            bodyBytesMax: undefined,
          },
          sink,
        ),
      messageBytesMax,
      events,
    );
    this.#answers.add(answer);
    void answer.ended.then(() => this.#answers.delete(answer));
    if (this.#paused) answer.pause();
    return answer;
  }

  pause(): void {
    this.#paused = true;
    for (const answer of this.#answers) answer.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const answer of this.#answers) answer.resume();
  }

  abortAll(): void {
    for (const answer of [...this.#answers]) answer.abort();
  }
}
