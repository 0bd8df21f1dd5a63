import type { AnswerEvent } from '../../conversation/answer.ts';
import type { AnswerReader } from '../../conversation/format.ts';
import { isObject, parseBody } from '../../conversation/json.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { readErrorEvent } from './errors.ts';
import { ResponseReader } from './read-response.ts';

/** Reads the stream of one answer. There is no last event: the reason for the end is the sign that it is complete. */
export class StreamReader implements AnswerReader {
  readonly #response = new ResponseReader();

  read(_event: string | undefined, data: Buffer): readonly AnswerEvent[] {
    const text = data.toString('utf8');
    if (text.trim() === '' || text === '[DONE]') return [];
    const value = parse(text);
    if (value['error'] !== undefined && value['error'] !== null) throw readErrorEvent(value);
    const out: AnswerEvent[] = [];
    this.#response.chunk(value, out);
    return out;
  }

  end(): readonly AnswerEvent[] {
    if (!this.#response.isComplete)
      throw new LlmFailure('cut', 'The stream of the provider broke off before the answer was complete.', {
        status: 502,
      });
    const out: AnswerEvent[] = [];
    this.#response.finish(out);
    return out;
  }
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
