import type { AnswerEvent } from '../../conversation/answer.ts';
import type { AnswerFacts, AnswerWriter } from '../../conversation/format.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import { writeError } from './errors.ts';
import { StreamWriter } from './stream-writer.ts';

/** `streamGenerateContent` without `alt=sse`: the chunks of a stream as the elements of one JSON list. */
export class ArrayFraming {
  #isBegun = false;

  /** The bytes that say one chunk; `data` is its JSON. */
  chunk(data: Buffer): Buffer {
    const before = this.#isBegun ? ',\r\n' : '[';
    this.#isBegun = true;
    return Buffer.concat([Buffer.from(before), data]);
  }

  /** The same for whole events of a stream that is framed by events (`data: …`), as a writer or a provider sends them. */
  events(events: Buffer): Buffer {
    const chunks: Buffer[] = [];
    for (const line of events.toString('utf8').split(/\r\n|\n|\r/))
      if (line.startsWith('data:')) chunks.push(this.chunk(Buffer.from(line.slice(5).trim())));
    return Buffer.concat(chunks);
  }

  /** An error is the last element. */
  fail(failure: LlmFailure): Buffer {
    return Buffer.concat([this.chunk(Buffer.from(JSON.stringify(writeError(failure)))), this.end()]);
  }

  end(): Buffer {
    return Buffer.from(this.#isBegun ? ']\r\n' : '[]\r\n');
  }
}

/** White space between the elements. */
export const ARRAY_PING = Buffer.from('\r\n');

/** Writes the stream of one answer as one JSON list. */
export class ArrayWriter implements AnswerWriter {
  readonly #framing = new ArrayFraming();
  readonly #writer: StreamWriter;

  constructor(facts: AnswerFacts) {
    this.#writer = new StreamWriter(facts);
  }

  write(event: AnswerEvent): Buffer {
    if (event.kind === 'ping') return ARRAY_PING;
    const bytes = this.#framing.events(this.#writer.write(event));
    return event.kind === 'end' ? Buffer.concat([bytes, this.#framing.end()]) : bytes;
  }

  fail(failure: LlmFailure): Buffer {
    return this.#framing.fail(failure);
  }

  ping(): Buffer {
    return ARRAY_PING;
  }
}
