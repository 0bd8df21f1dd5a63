import type { AnswerEvent, Stop, Usage } from '../conversation/answer.ts';
import type { AnswerReader, AnswerWriter } from '../conversation/format.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { Pipe } from './streamed-answer.ts';

/** What is known of an answer for the ledger, whatever became of it. */
export interface Seen {
  usage: Usage | undefined;
  stop: Stop | undefined;
}

/** Whether an event says something to the reader of the answer. */
export function isContent({ kind }: AnswerEvent): boolean {
  return kind === 'text' || kind === 'input' || kind === 'part-start' || kind === 'stop' || kind === 'result';
}

/** From one format into another, event by event. */
export class TranslatingPipe implements Pipe {
  readonly #reader: AnswerReader;
  readonly #writer: AnswerWriter;
  readonly #seen: Seen;
  #bytes: Buffer[] = [];
  hasContent = false;

  constructor(reader: AnswerReader, writer: AnswerWriter, seen: Seen) {
    this.#reader = reader;
    this.#writer = writer;
    this.#seen = seen;
  }

  event(event: string | undefined, data: Buffer): boolean {
    this.#take(this.#reader.read(event, data));
    return false;
  }

  written(): Buffer | undefined {
    const bytes = this.#bytes;
    if (bytes.length === 0) return undefined;
    this.#bytes = [];
    return bytes.length === 1 ? bytes[0] : Buffer.concat(bytes);
  }

  end(): Buffer | undefined {
    this.#take(this.#reader.end());
    return this.written();
  }

  fail(failure: LlmFailure): Buffer {
    return Buffer.concat([this.written() ?? Buffer.alloc(0), this.#writer.fail(failure)]);
  }

  ping(): Buffer {
    return this.#writer.ping();
  }

  #take(events: readonly AnswerEvent[]): void {
    for (const event of events) {
      if (event.kind === 'usage') this.#seen.usage = event.usage;
      else if (event.kind === 'stop') this.#seen.stop = event.stop;
      if (isContent(event)) this.hasContent = true;
      const bytes = this.#writer.write(event);
      if (bytes.length > 0) this.#bytes.push(bytes);
    }
  }
}
