import type { JsonObject } from '../conversation/parts.ts';
import { isObject } from '../conversation/json.ts';
import type { AnswerSink } from '../llm-ports.ts';
import { EventTap } from '../upstream/event-tap.ts';
import { PassingSink } from './passing-sink.ts';

/** States of an answer that can be gone on with. */
const COMPLETE: ReadonlySet<unknown> = new Set(['completed', 'incomplete']);
const LAST = /^response\.(?:completed|incomplete)$/;

/** Passes an answer of Responses on as it comes from its provider, and tells the response object when it is complete. */
export class KeepingSink extends PassingSink {
  readonly #onAnswer: (response: JsonObject) => void;
  readonly #tap = new EventTap((event, data) => {
    if (event === undefined || LAST.test(event)) this.#see(data);
    return true;
  });

  constructor(out: AnswerSink, onAnswer: (response: JsonObject) => void) {
    super(out);
    this.#onAnswer = onAnswer;
  }

  override send(status: number, headers: Readonly<Record<string, string>>, body: Buffer): void {
    super.send(status, headers, body);
    const response = parsed(body);
    // One that is still to come has its last state at its provider alone.
    if (response !== undefined && COMPLETE.has(response['status'])) this.#onAnswer(response);
  }

  override write(bytes: Buffer): boolean {
    const isFree = super.write(bytes);
    this.#tap.push(bytes);
    return isFree;
  }

  #see(data: Buffer): void {
    // Without an `event:` line the type is inside; deltas, nearly all of a stream, are not parsed for it.
    if (!data.includes('"response.completed"') && !data.includes('"response.incomplete"')) return;
    const value = parsed(data);
    if (value !== undefined && LAST.test(String(value['type'])) && isObject(value['response']))
      this.#onAnswer(value['response']);
  }
}

function parsed(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
