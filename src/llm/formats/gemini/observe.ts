import type { Stop, Usage } from '../../conversation/answer.ts';
import { isList, isObject, textOf } from '../../conversation/json.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import type { AnswerObserver, Seen } from '../../conversation/observer.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { readErrorEvent } from './errors.ts';
import { readBlock, readStop } from './stop.ts';
import { UsageReader } from './usage.ts';

/** What an event must hold to say anything but content. */
const SIGNS = ['"finishReason"', '"usageMetadata"', '"promptFeedback"', '"error"'].map((sign) =>
  Buffer.from(sign),
);

/** Watches an answer that goes on unchanged. Chunks are parsed when they hold more than content; most providers put usage into each of them. */
export class ResponseObserver implements AnswerObserver, Seen {
  readonly #usage = new UsageReader();
  #hasCalls = false;
  hasContent = false;
  isComplete = false;
  readonly isUsageAlone = false;
  usage: Usage | undefined;
  stop: Stop | undefined;
  failure: LlmFailure | undefined;

  event(_event: string | undefined, data: Buffer): Seen {
    if (!SIGNS.some((sign) => data.includes(sign))) {
      this.hasContent ||= data.includes('"parts"');
      this.#hasCalls ||= data.includes('"functionCall"');
      return this;
    }
    return this.whole(data);
  }

  whole(body: Buffer): Seen {
    const value = parse(body);
    if (value === undefined) return this;
    if (value['error'] !== undefined && value['error'] !== null) {
      this.failure = readErrorEvent(value);
      return this;
    }
    if (this.#usage.read(value['usageMetadata'])) this.usage = this.#usage.usage;
    const candidate = isList(value['candidates']) ? value['candidates'].find(isFirst) : undefined;
    if (isObject(candidate)) this.#candidate(candidate);
    const feedback = value['promptFeedback'];
    const blocked = isObject(feedback) ? textOf(feedback['blockReason']) : undefined;
    if (blocked !== undefined && this.stop === undefined) {
      this.stop = readBlock(blocked, undefined);
      this.isComplete = true;
    }
    return this;
  }

  #candidate(candidate: JsonObject): void {
    const { content } = candidate;
    const parts = isObject(content) && isList(content['parts']) ? content['parts'].filter(isObject) : [];
    this.hasContent ||= parts.some((part) => part['text'] !== '' || part['thoughtSignature'] !== undefined);
    this.#hasCalls ||= parts.some((part) => part['functionCall'] !== undefined);
    const reason = textOf(candidate['finishReason']);
    if (reason === undefined || reason === 'FINISH_REASON_UNSPECIFIED') return;
    this.stop = readStop(reason, this.#hasCalls, undefined);
    this.isComplete = true;
  }
}

function isFirst(candidate: Json): boolean {
  return isObject(candidate) && (candidate['index'] ?? 0) === 0;
}

function parse(data: Buffer): JsonObject | undefined {
  try {
    const value = JSON.parse(data.toString('utf8')) as Json;
    // An answer without framing by events is a list.
    const first = isList(value) ? value[0] : value;
    return isObject(first) ? first : undefined;
  } catch {
    return undefined;
  }
}
