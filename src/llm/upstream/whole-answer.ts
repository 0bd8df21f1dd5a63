import type { RequestHandle, ResponseHead } from '../../net/http-client.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { AnswerObserver, Seen } from '../conversation/observer.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import { noAnswer, parsedBody, tooLarge } from './body.ts';
import type { ProviderSink } from './provider-request.ts';

export interface WholeAnswerDeps {
  readonly observer: AnswerObserver;
  /** Whether it is to be a model's answer, which the observer knows when it sees one, and not just any object. */
  readonly isAnswer: boolean;
  readonly out: AnswerSink;
  readonly outcome: LlmOutcome;
  readonly headers: (head: ResponseHead) => Readonly<Record<string, string>>;
  readonly bytesMax: number;
  /** Called when the answer is whole, before the client's begins. */
  readonly onWhole: (seen: Seen) => void;
  readonly onDone: (failure: LlmFailure | undefined) => void;
  readonly onFailed: (failure: LlmFailure) => void;
}

/** A provider's answer in one piece, on its way to the client as it came. */
export class WholeAnswer implements ProviderSink {
  readonly #deps: WholeAnswerDeps;
  readonly #chunks: Buffer[] = [];
  #head: ResponseHead | undefined;
  #bytes = 0;
  #isOver = false;
  handle: RequestHandle | undefined;

  constructor(deps: WholeAnswerDeps) {
    this.#deps = deps;
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#bytes <= this.#deps.bytesMax) return;
    this.handle?.abort();
    this.onFailure(tooLarge(this.#deps.bytesMax));
  }

  onEnd(): void {
    if (this.#isOver) return;
    const { out, headers, outcome, observer, onWhole, onDone } = this.#deps;
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const seen = observer.whole(body);
    // What the observer makes nothing of may be no JSON at all.
    const failure = seen.failure ?? (seen.isComplete ? undefined : nonsense(body, this.#deps.isAnswer));
    if (failure !== undefined) {
      this.onFailure(failure);
      return;
    }
    this.#isOver = true;
    outcome.stop = seen.stop;
    onWhole(seen);
    out.send(200, { 'content-type': 'application/json', ...headers(this.#head!) }, body);
    onDone(undefined);
  }

  onFailure(failure: LlmFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deps.onFailed(failure);
  }

  leave(): void {
    this.#isOver = true;
  }
}

function nonsense(body: Buffer, isAnswer: boolean): LlmFailure | undefined {
  try {
    parsedBody(body);
  } catch (error) {
    return error as LlmFailure;
  }
  return isAnswer ? noAnswer(body) : undefined;
}
