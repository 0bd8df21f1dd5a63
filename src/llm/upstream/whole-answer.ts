import type { RequestHandle, ResponseHead } from '../../net/http-client.ts';
import { buildAnswer } from '../conversation/answer-builder.ts';
import type { AnswerFacts, Format } from '../conversation/format.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { ProviderSink } from './provider-request.ts';

export interface WholeAnswerDeps {
  /** The provider's format. */
  readonly format: Format;
  /** For another format than the client's; `undefined`: the bytes go on as they came. */
  readonly facts: AnswerFacts | undefined;
  readonly client: Format;
  readonly out: AnswerSink;
  readonly outcome: LlmOutcome;
  readonly headers: (head: ResponseHead) => Readonly<Record<string, string>>;
  readonly bytesMax: number;
  readonly onDone: () => void;
  readonly onFailed: (failure: LlmFailure) => void;
}

/** A provider's answer in one piece, on its way to the client. */
export class WholeAnswer implements ProviderSink {
  readonly #deps: WholeAnswerDeps;
  #head: ResponseHead | undefined;
  #chunks: Buffer[] = [];
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
    this.onFailure(
      new LlmFailure(
        'upstream',
        `The provider answered with more than ${this.#deps.bytesMax} bytes (limits.upstream_response_bytes_max).`,
        { status: 502 },
      ),
    );
  }

  onEnd(): void {
    if (this.#isOver) return;
    const { out, headers, outcome, facts, client } = this.#deps;
    const body = Buffer.concat(this.#chunks);
    let answer: Buffer;
    try {
      answer = facts === undefined ? this.#observed(body) : this.#translated(body, facts, client);
    } catch (error) {
      if (!(error instanceof LlmFailure)) throw error;
      this.onFailure(error);
      return;
    }
    this.#isOver = true;
    outcome.bytesOut = answer.length;
    out.send(200, { 'content-type': 'application/json', ...headers(this.#head!) }, answer);
    this.#deps.onDone();
  }

  onFailure(failure: LlmFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deps.onFailed(failure);
  }

  leave(): void {
    this.#isOver = true;
  }

  #observed(body: Buffer): Buffer {
    const { format, outcome } = this.#deps;
    const seen = format.observer().whole(body);
    if (seen.failure !== undefined) throw seen.failure;
    outcome.usage = seen.usage;
    outcome.stop = seen.stop;
    return body;
  }

  #translated(body: Buffer, facts: AnswerFacts, client: Format): Buffer {
    const { format, outcome } = this.#deps;
    const answer = buildAnswer(format.readAnswer(parsed(body)));
    outcome.usage = answer.usage;
    outcome.stop = answer.stop;
    return Buffer.from(JSON.stringify(client.writeAnswer(answer, facts)));
  }
}

function parsed(body: Buffer): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new LlmFailure('upstream', nonsense(body), { status: 502, cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LlmFailure('upstream', nonsense(body), { status: 502 });
  return value as JsonObject;
}

function nonsense(body: Buffer): string {
  const excerpt = body.toString('utf8', 0, 120).replaceAll(/\s+/g, ' ').trim();
  return excerpt === ''
    ? 'The provider answered with an empty body.'
    : `The provider answered something that is not JSON: ${JSON.stringify(excerpt)}.`;
}
