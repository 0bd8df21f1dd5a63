import type { AnswerEvent } from '../../conversation/answer.ts';
import type { AnswerReader } from '../../conversation/format.ts';
import { isObject, parseBody } from '../../conversation/json.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { readErrorEvent } from './errors.ts';
import { MessageReader } from './read-message.ts';

/** Reads the stream of one message. */
export class StreamReader implements AnswerReader {
  readonly #message = new MessageReader();
  #out: AnswerEvent[] = [];

  read(event: string | undefined, data: Buffer): readonly AnswerEvent[] {
    const text = data.toString('utf8');
    if (text.trim() === '' || text === '[DONE]') return [];
    const value = parse(text);
    this.#out = [];
    this.#take(typeof value['type'] === 'string' ? value['type'] : (event ?? ''), value);
    return this.#out;
  }

  end(): readonly AnswerEvent[] {
    if (this.#message.isEnded) return [];
    // Imitators leave `message_stop` out; the reason why the model stopped is as good a sign.
    if (!this.#message.hasStop)
      throw new LlmFailure('cut', 'The stream of the provider broke off before the message was complete.', {
        status: 502,
      });
    this.#out = [];
    this.#message.finish(this.#out);
    return this.#out;
  }

  #take(type: string, value: JsonObject): void {
    const message = this.#message;
    switch (type) {
      case 'message_start':
        message.start(isObject(value['message']) ? value['message'] : {}, this.#out);
        return;
      case 'content_block_start':
        if (isObject(value['content_block']))
          message.blockStart(indexOf(value), value['content_block'], this.#out);
        return;
      case 'content_block_delta':
        if (isObject(value['delta'])) message.blockDelta(indexOf(value), value['delta'], this.#out);
        return;
      case 'content_block_stop':
        message.blockStop(indexOf(value), this.#out);
        return;
      case 'message_delta':
        message.delta(value, this.#out);
        return;
      case 'message_stop':
        message.finish(this.#out);
        return;
      case 'ping':
        this.#out.push({ kind: 'ping' });
        return;
      case 'error':
        throw readErrorEvent(value);
      default:
        if (value['error'] !== undefined && value['error'] !== null) throw readErrorEvent(value);
        // Kinds of events that are not known yet say nothing that could be passed on.
        this.#out.push({ kind: 'ping' });
    }
  }
}

function indexOf(value: JsonObject): number {
  return typeof value['index'] === 'number' ? value['index'] : 0;
}

function parse(text: string): JsonObject {
  let value: unknown;
  try {
    value = parseBody(text);
  } catch (error) {
    throw new LlmFailure('cut', 'The provider sent an event that is not JSON.', {
      status: 502,
      cause: error,
    });
  }
  if (isObject(value)) return value;
  throw new LlmFailure('cut', 'The provider sent an event that is not a JSON object.', { status: 502 });
}
