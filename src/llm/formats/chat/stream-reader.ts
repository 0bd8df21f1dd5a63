import type { AnswerEvent } from '../../conversation/answer.ts';
import type { AnswerReader } from '../../conversation/format.ts';
import { isList, isObject } from '../../conversation/json.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { CompletionReader } from './completion-reader.ts';
import { readErrorObject } from './errors.ts';
import { notAnAnswer } from './observe.ts';

/** Reads the stream of one completion. */
export class StreamReader implements AnswerReader {
  readonly #completion = new CompletionReader();

  read(event: string | undefined, data: Buffer): readonly AnswerEvent[] {
    const text = data.toString('utf8').trim();
    if (text === '' || this.#completion.isEnded) return [];
    const out: AnswerEvent[] = [];
    if (text === '[DONE]') {
      // Imitators leave the reason out; a stream that said nothing at all is no answer.
      if (this.#completion.hasSomething) this.#completion.finish(out);
      return out;
    }
    const chunk = parse(text);
    if (event === 'error') throw readErrorObject(chunk);
    this.#completion.take(chunk, out);
    // The provider is at work, and the client shall hear of it.
    if (out.length === 0 && !this.#completion.isFinished) out.push({ kind: 'ping' });
    return out;
  }

  end(): readonly AnswerEvent[] {
    if (this.#completion.isEnded) return [];
    // `[DONE]` is missing from some; the reason why the model stopped is as good a sign.
    if (!this.#completion.isFinished)
      throw new LlmFailure('cut', 'The stream of the provider broke off before the answer was complete.', {
        status: 502,
        code: 'upstream_cut',
      });
    const out: AnswerEvent[] = [];
    this.#completion.finish(out);
    return out;
  }
}

/** A whole completion as the events that a stream would have brought. */
export function readAnswer(body: JsonObject): readonly AnswerEvent[] {
  const out: AnswerEvent[] = [];
  const completion = new CompletionReader();
  if (!isList(body['choices']) || body['choices'].length === 0)
    throw notAnAnswer(Buffer.from(JSON.stringify(body)), body);
  completion.take(body, out);
  completion.finish(out);
  return out;
}

function parse(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LlmFailure('cut', 'The provider sent an event that is not JSON.', {
      status: 502,
      code: 'upstream_cut',
      cause: error,
    });
  }
  if (isObject(value)) return value;
  throw new LlmFailure('cut', 'The provider sent an event that is not a JSON object.', {
    status: 502,
    code: 'upstream_cut',
  });
}
