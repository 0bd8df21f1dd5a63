import type { AnswerEvent, Stop, Usage } from '../../conversation/answer.ts';
import type { AnswerFacts, AnswerWriter } from '../../conversation/format.ts';
import { InOrder } from '../../conversation/in-order.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { failEvent } from './errors.ts';
import { PartsWriter } from './parts-writer.ts';
import { responseOf } from './response.ts';

/** An empty line: clients that know no comments in a stream of events take it for white space. */
const PING = Buffer.from('\r\n');
const NOTHING = Buffer.alloc(0);

/** Writes the stream of one answer, as `alt=sse` frames it. Calls come whole, everything else piece by piece. */
export class StreamWriter implements AnswerWriter {
  readonly #facts: AnswerFacts;
  readonly #parts: PartsWriter;
  readonly #order: InOrder;
  #out = '';
  #id = '';
  #usage: Usage | undefined;
  #stop: Stop | undefined;

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
    this.#parts = new PartsWriter(facts.dropped, (part) => this.#sendPart(part));
    this.#order = new InOrder((event) => this.#parts.add(event));
  }

  write(event: AnswerEvent): Buffer {
    this.#out = '';
    switch (event.kind) {
      case 'start':
        this.#id = event.id;
        break;
      case 'usage':
        this.#usage = event.usage;
        break;
      case 'stop':
        this.#stop = event.stop;
        break;
      case 'ping':
        return PING;
      case 'end':
        this.#order.end();
        this.#send(this.#last());
        break;
      default:
        this.#order.add(event);
    }
    return this.#out === '' ? NOTHING : Buffer.from(this.#out);
  }

  fail(failure: LlmFailure): Buffer {
    return failEvent(failure);
  }

  ping(): Buffer {
    return PING;
  }

  #sendPart(part: JsonObject): void {
    this.#send({ candidates: [{ content: { parts: [part], role: 'model' }, index: 0 }], ...this.#about() });
  }

  #send(chunk: JsonObject): void {
    this.#out += `data: ${JSON.stringify(chunk)}\r\n\r\n`;
  }

  #about(): JsonObject {
    if (this.#id === '') this.#id = this.#facts.newId('');
    return { modelVersion: this.#facts.model, responseId: this.#id };
  }

  #last(): JsonObject {
    return responseOf(
      [{ text: '' }],
      {
        stop: this.#stop,
        usage: this.#usage,
        grounding: this.#parts.grounding,
        logprobs: this.#parts.logprobs,
      },
      this.#about(),
    );
  }
}
