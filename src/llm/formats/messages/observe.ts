import type { Stop, Usage } from '../../conversation/answer.ts';
import { isObject, textOf } from '../../conversation/json.ts';
import { allSaidBytes, firstSaidBytes } from '../../conversation/said-bytes.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import type { AnswerObserver, Seen } from '../../conversation/observer.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { readErrorEvent } from './errors.ts';
import { readStop } from './stop.ts';
import { UsageReader } from './usage.ts';

const DELTA = Buffer.from('"content_block_delta"');
/** Members of deltas whose texts cost tokens. */
const SAID = ['text"', 'partial_json"', 'thinking"'];
/** Where the type stands in an event, in whatever order its members are. */
const HEAD_BYTES = 200;

/** Watches a message that goes on unchanged. Deltas of content, nearly all of a stream, are recognised by their head alone. */
export class MessageObserver implements AnswerObserver, Seen {
  readonly #usage = new UsageReader();
  hasContent = false;
  isComplete = false;
  readonly isUsageAlone = false;
  usage: Usage | undefined;
  stop: Stop | undefined;
  failure: LlmFailure | undefined;
  bytesSinceUsage = 0;

  event(event: string | undefined, data: Buffer): Seen {
    if (event === 'content_block_delta' || (event === undefined && isDelta(data))) {
      this.hasContent = true;
      this.bytesSinceUsage += firstSaidBytes(data.toString('latin1'), SAID);
      return this;
    }
    if (event === 'ping' || event === 'content_block_stop') return this;
    const value = parse(data);
    if (value === undefined) return this;
    const type = textOf(value['type']) ?? event;
    if (type === 'content_block_start' || type === 'content_block_delta') this.hasContent = true;
    else if (type === 'message_start' && isObject(value['message'])) this.#message(value['message']);
    else if (type === 'message_delta') {
      this.#readUsage(value['usage']);
      if (isObject(value['delta'])) this.#readStop(value['delta']);
    } else if (type === 'message_stop') this.isComplete = true;
    else if (type === 'error' || isError(value['error'])) this.failure = readErrorEvent(value);
    return this;
  }

  whole(body: Buffer): Seen {
    const value = parse(body);
    if (value === undefined) return this;
    if (value['type'] === 'error' || isError(value['error'])) this.failure = readErrorEvent(value);
    else {
      this.#message(value);
      if (this.usage === undefined) this.bytesSinceUsage = allSaidBytes(body.toString('latin1'), SAID);
      this.isComplete = Array.isArray(value['content']);
    }
    return this;
  }

  #message(message: JsonObject): void {
    if (Array.isArray(message['content']) && message['content'].length > 0) this.hasContent = true;
    this.#readUsage(message['usage']);
    this.#readStop(message);
  }

  #readUsage(usage: Json | undefined): void {
    if (!this.#usage.read(usage)) return;
    this.usage = this.#usage.usage;
    // An imitator's zero says nothing.
    if (isObject(usage) && usage['output_tokens'] !== 0) this.bytesSinceUsage = 0;
  }

  #readStop(holder: JsonObject): void {
    const reason = textOf(holder['stop_reason']);
    if (reason !== undefined) this.stop = readStop(reason, textOf(holder['stop_sequence']), undefined);
  }
}

function isDelta(data: Buffer): boolean {
  return data.subarray(0, HEAD_BYTES).includes(DELTA);
}

function isError(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}

function parse(data: Buffer): JsonObject | undefined {
  try {
    const value = JSON.parse(data.toString('utf8')) as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
