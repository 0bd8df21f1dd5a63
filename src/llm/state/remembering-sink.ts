import { type JsonObject, JsonSyntaxError, scanObject } from '../../core/json-scan.ts';
import type { LlmCall } from '../llm-call.ts';
import type { AnswerSink } from '../llm-ports.ts';
import { EventTap } from '../upstream/event-tap.ts';
import type { ConnectionMemory } from './connection-memory.ts';
import { PassingSink } from './passing-sink.ts';

const ITEM_DONE = 'response.output_item.done';
const LAST = /^response\.(?:completed|incomplete)$/;

/**
 * Passes a streamed answer of Responses on, and lets the connection remember it when it is complete. `call`: with the conversation that it refers to
 * in it.
 */
export function rememberingSink(out: AnswerSink, call: LlmCall, memory: ConnectionMemory): AnswerSink {
  const answer = new WatchedAnswer(call, memory);
  // Before the client has it: its next request may come at once.
  return new PassingSink(out, { onWrite: (bytes) => answer.push(bytes) });
}

class WatchedAnswer {
  readonly #call: LlmCall;
  readonly #memory: ConnectionMemory;
  readonly #tap = new EventTap((event, data) => {
    this.#see(event, data);
    return true;
  });
  /** Finished items, for servers whose last event does not repeat them. */
  #items: Buffer[] = [];

  constructor(call: LlmCall, memory: ConnectionMemory) {
    this.#call = call;
    this.#memory = memory;
  }

  push(bytes: Buffer): void {
    this.#tap.push(bytes);
  }

  #see(event: string | undefined, data: Buffer): void {
    if (event !== undefined && event !== ITEM_DONE && !LAST.test(event)) return;
    const value = scanned(data);
    const type = event ?? value?.string('type') ?? '';
    if (type === ITEM_DONE) this.#keepItem(value?.slice('item'));
    else if (LAST.test(type)) this.#finish(value?.child('response'));
  }

  #keepItem(item: Buffer | undefined): void {
    if (item !== undefined) this.#items.push(Buffer.concat([Buffer.from('['), item, Buffer.from(']')]));
  }

  #finish(response: JsonObject | undefined): void {
    const id = response?.string('id');
    if (id === undefined) return;
    const output = response?.slice('output');
    // `[]`, with white space in it or without, has no item.
    const isTold = output !== undefined && output.includes(0x7b);
    this.#memory.remember(id, this.#call.text.slice('input'), isTold ? [output] : this.#items);
    this.#items = [];
  }
}

function scanned(data: Buffer): JsonObject | undefined {
  try {
    return scanObject(data, 2);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return undefined;
  }
}
