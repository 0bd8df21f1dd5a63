import type { Stop, Usage } from '../../conversation/answer.ts';
import { isList, isObject, textOf } from '../../conversation/json.ts';
import { saidBytes } from '../../conversation/said-bytes.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import type { AnswerObserver, Seen } from '../../conversation/observer.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { readErrorEvent } from './errors.ts';
import { readBlock, readStop } from './stop.ts';
import { UsageReader } from './usage.ts';

/** What an event must hold to say more than content and usage. */
const SIGNS = /"(?:finishReason|promptFeedback|error)"/;
const SAID = 'text"';
/** Usage that counts what was said so far. */
const COUNTED = /"(?:candidates|thoughts)TokenCount"/;

/** Watches an answer that goes on unchanged. Nearly every chunk has the usage so far, so the latest one is kept and read when it is asked for. */
export class ResponseObserver implements AnswerObserver, Seen {
  readonly #usage = new UsageReader();
  /** Bytes as characters: what is read of it are numbers. */
  #latest: string | undefined;
  #hasCalls = false;
  #hasUsage = false;
  hasContent = false;
  isComplete = false;
  readonly isUsageAlone = false;
  bytesSinceUsage = 0;
  stop: Stop | undefined;
  failure: LlmFailure | undefined;

  get usage(): Usage | undefined {
    const latest = this.#latest;
    this.#latest = undefined;
    if (latest !== undefined) this.#readUsage(parse(latest));
    return this.#hasUsage ? this.#usage.usage : undefined;
  }

  event(_event: string | undefined, data: Buffer): Seen {
    const text = data.toString('latin1');
    this.#count(text);
    if (SIGNS.test(text)) return this.#read(data);
    this.hasContent ||= text.includes('"parts"');
    this.#hasCalls ||= text.includes('"functionCall"');
    if (text.includes('"usageMetadata"')) this.#latest = text;
    return this;
  }

  whole(body: Buffer): Seen {
    this.#count(body.toString('latin1'));
    return this.#read(body);
  }

  #count(text: string): void {
    if (COUNTED.test(text)) this.bytesSinceUsage = 0;
    else
      this.bytesSinceUsage += saidBytes(text, SAID) + (text.includes('"functionCall"') ? callBytes(text) : 0);
  }

  #read(body: Buffer): Seen {
    const value = parse(body.toString('utf8'));
    if (value === undefined) return this;
    if (value['error'] !== undefined && value['error'] !== null) {
      this.failure = readErrorEvent(value);
      return this;
    }
    if (isObject(value['usageMetadata'])) {
      this.#latest = undefined;
      this.#readUsage(value);
    }
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

  #readUsage(chunk: JsonObject | undefined): void {
    if (this.#usage.read(chunk?.['usageMetadata'])) this.#hasUsage = true;
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

/** Bytes of the inputs of calls, whole or in pieces. */
function callBytes(text: string): number {
  const candidates = parse(text)?.['candidates'];
  const candidate = isList(candidates) ? candidates.find(isFirst) : undefined;
  const content = isObject(candidate) ? candidate['content'] : undefined;
  const parts = isObject(content) && isList(content['parts']) ? content['parts'].filter(isObject) : [];
  let bytes = 0;
  for (const { functionCall: call } of parts) {
    if (!isObject(call)) continue;
    if (isObject(call['args'])) bytes += JSON.stringify(call['args']).length;
    for (const piece of isList(call['partialArgs']) ? call['partialArgs'].filter(isObject) : [])
      bytes += textOf(piece['stringValue'])?.length ?? 1;
  }
  return bytes;
}

function isFirst(candidate: Json): boolean {
  return isObject(candidate) && (candidate['index'] ?? 0) === 0;
}

function parse(data: string): JsonObject | undefined {
  try {
    const value = JSON.parse(data) as Json;
    // An answer without framing by events is a list.
    const first = isList(value) ? value[0] : value;
    return isObject(first) ? first : undefined;
  } catch {
    return undefined;
  }
}
