import type { AnswerEvent } from '../../conversation/answer.ts';
import type { AnswerReader } from '../../conversation/format.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { AnswerParts } from './answer-parts.ts';
import { readStreamError } from './errors.ts';
import { isObject, listOf, numberOf, objectOf, textOf } from './json-members.ts';
import { isCall, ItemReader, type ReadItem } from './read-item-events.ts';
import { isClientCall, isRefusal, readStop } from './read-stop.ts';
import { readUsage } from './usage.ts';

/**
 * Reads a provider's answer. OpenAI's own streams say everything twice, its imitators say only some of it: items without a beginning, texts
 * without an index, ids that change, only the finished items, or only the finished response. Whatever comes first counts, what is said again
 * only adds what was missing.
 */
export class ResponseReader implements AnswerReader {
  readonly #parts = new AnswerParts();
  readonly #reader = new ItemReader(this.#parts);
  readonly #items: ReadItem[] = [];
  #isBegun = false;
  #isOver = false;
  #hasCalls = false;
  #hasRefusal = false;

  read(event: string | undefined, data: Buffer): readonly AnswerEvent[] {
    const text = data.toString();
    if (text === '[DONE]' || this.#isOver) return [];
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new LlmFailure('cut', 'the provider sent an event that is no JSON', { status: 502, cause });
    }
    if (isObject(value)) this.#read(textOf(value['type']) ?? event ?? '', value);
    return this.#parts.take();
  }

  end(): readonly AnswerEvent[] {
    if (!this.#isOver)
      throw new LlmFailure('cut', 'the provider broke its answer off before it was complete', {
        status: 502,
      });
    return [];
  }

  /** A response that came in one piece. */
  whole(response: JsonObject): readonly AnswerEvent[] {
    const { status, error } = response;
    if (isObject(error) || status === 'failed') throw readStreamError(error);
    if (
      !Array.isArray(response['output']) ||
      status === 'in_progress' ||
      status === 'queued' ||
      status === 'cancelled'
    )
      throw new LlmFailure('cut', 'the provider answered something that is no complete response', {
        status: 502,
      });
    this.#begin(response);
    this.#finish(response, status === 'incomplete');
    return this.#parts.take();
  }

  #read(type: string, event: JsonObject): void {
    switch (type) {
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        this.#begin(objectOf(event['response']) ?? {});
        return;
      case 'response.completed':
      case 'response.incomplete':
        this.#complete(type, event);
        return;
      case 'response.failed':
      case 'response.cancelled':
      case 'error':
        throw failureOf(event);
      case 'keepalive':
        this.#parts.events.push({ kind: 'ping' });
        return;
      default:
        if (type === '' && event['error'] !== undefined) throw failureOf(event);
        this.#begin({});
        this.#readItem(type, event);
    }
  }

  #complete(type: string, event: JsonObject): void {
    const response = objectOf(event['response']) ?? {};
    if (isObject(response['error'])) throw readStreamError(response['error']);
    this.#begin(response);
    this.#finish(
      response['usage'] === undefined ? { ...response, usage: event['usage'] } : response,
      type === 'response.incomplete' || response['status'] === 'incomplete',
    );
  }

  #readItem(type: string, event: JsonObject): void {
    const delta = textOf(event['delta']) ?? '';
    switch (type) {
      case 'response.output_item.added':
        this.#add(event);
        return;
      case 'response.output_item.done':
        this.#done(event);
        return;
      case 'response.content_part.added':
        this.#content(event, objectOf(event['part']) ?? {});
        return;
      case 'response.output_text.delta': {
        const part = this.#content(event, { type: 'output_text' });
        this.#parts.add(part, delta);
        this.#reader.logprobs(part, listOf(event['logprobs']));
        return;
      }
      case 'response.output_text.done':
        this.#parts.complete(this.#content(event, { type: 'output_text' }), textOf(event['text']) ?? '');
        return;
      case 'response.output_text.annotation.added':
        if (isObject(event['annotation']))
          this.#reader.annotation(this.#content(event, { type: 'output_text' }), event['annotation']);
        return;
      case 'response.refusal.delta':
        this.#parts.add(this.#content(event, { type: 'refusal' }), delta);
        return;
      case 'response.refusal.done':
        this.#parts.complete(this.#content(event, { type: 'refusal' }), textOf(event['refusal']) ?? '');
        return;
      case 'response.reasoning_summary_part.added':
        this.#thought(event, 'summary');
        return;
      case 'response.reasoning_summary_text.delta':
        this.#parts.add(this.#thought(event, 'summary'), delta);
        return;
      case 'response.reasoning_summary_text.done':
        this.#parts.complete(this.#thought(event, 'summary'), textOf(event['text']) ?? '');
        return;
      case 'response.reasoning_text.delta':
        this.#parts.add(this.#thought(event, 'thought'), delta);
        return;
      case 'response.reasoning_text.done':
        this.#parts.complete(this.#thought(event, 'thought'), textOf(event['text']) ?? '');
        return;
      case 'response.function_call_arguments.delta':
        this.#reader.input(this.#item(event, 'function_call'), delta);
        return;
      case 'response.custom_tool_call_input.delta':
        this.#reader.input(this.#item(event, 'custom_tool_call'), delta);
        return;
      case 'response.mcp_call_arguments.delta':
        this.#reader.input(this.#item(event, 'mcp_call'), delta);
        return;
      default:
      // What is left says again what the items say, or is only for show.
    }
  }

  #begin(response: JsonObject): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.#parts.events.push({
      kind: 'start',
      id: textOf(response['id']) ?? '',
      model: textOf(response['model']) ?? '',
      createdAt: Math.floor(numberOf(response['created_at']) ?? 0),
    });
  }

  #add(event: JsonObject): void {
    const head = event['item'];
    if (!isObject(head)) return;
    const item = this.#newItem(textOf(head['type']) ?? '', numberOf(event['output_index']), head);
    if (isCall(item.type)) this.#reader.call(item);
  }

  #done(event: JsonObject): void {
    const whole = event['item'];
    if (!isObject(whole)) return;
    const type = textOf(whole['type']) ?? '';
    const id = textOf(whole['id']);
    // Some say the end of an item twice.
    if (id !== undefined && this.#items.some((one) => one.isOver && one.head['id'] === id)) return;
    const item = this.#find(type, numberOf(event['output_index']), id, false);
    this.#finishItem(item ?? this.#newItem(type, numberOf(event['output_index']), whole), whole);
  }

  #finishItem(item: ReadItem, whole: JsonObject | undefined): void {
    if (item.type === 'message') this.#hasRefusal ||= isRefusal(whole);
    try {
      this.#reader.finish(item, whole);
    } catch (cause) {
      if (!(cause instanceof LlmFailure) || cause.kind !== 'invalid') throw cause;
      throw new LlmFailure('cut', `the provider sent an item that makes no sense: ${cause.message}`, {
        status: 502,
        cause,
      });
    }
  }

  #content(event: JsonObject, part: JsonObject): ReturnType<ItemReader['content']> {
    const type = part['type'];
    const index = numberOf(event['content_index']) ?? 0;
    if (type === 'reasoning_text') return this.#thought(event, 'thought');
    this.#hasRefusal ||= type === 'refusal';
    const kind = type === 'refusal' ? 'refusal' : 'text';
    return this.#reader.content(this.#item(event, 'message'), String(index), kind);
  }

  #thought(event: JsonObject, kind: 'summary' | 'thought'): ReturnType<ItemReader['content']> {
    const index = numberOf(event[kind === 'summary' ? 'summary_index' : 'content_index']) ?? 0;
    return this.#reader.content(this.#item(event, 'reasoning'), `${kind}${index}`, kind);
  }

  /** The item that an event tells of; events of items that never began begin them. */
  #item(event: JsonObject, type: string): ReadItem {
    const index = numberOf(event['output_index']);
    const id = textOf(event['item_id']);
    // What says something again may come late, what says something new belongs to an item that is not over.
    const isAgain = event['delta'] === undefined && event['part'] === undefined;
    return (
      this.#find(type, index, id, isAgain) ??
      this.#newItem(type, index, { type, ...(id === undefined ? {} : { id }) })
    );
  }

  /** By its place, because some proxies give it another id in every event; without a place by its id, or the latest of its type. */
  #find(
    type: string,
    index: number | undefined,
    id: string | undefined,
    isAgain: boolean,
  ): ReadItem | undefined {
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const item = this.#items[at]!;
      if (item.type !== type || (item.isOver && !isAgain)) continue;
      if (index !== undefined && item.index !== undefined) {
        if (item.index === index) return item;
      } else if (id === undefined || item.head['id'] === undefined || item.head['id'] === id) return item;
    }
    return undefined;
  }

  #newItem(type: string, index: number | undefined, head: JsonObject): ReadItem {
    const item: ReadItem = { type, index, head, parts: new Map(), waiting: '', isOver: false };
    this.#hasCalls ||= isClientCall(type);
    this.#items.push(item);
    return item;
  }

  #finish(response: JsonObject, isIncomplete: boolean): void {
    const output = listOf(response['output']).filter(isObject);
    if (this.#items.length === 0)
      output.forEach((whole, index) =>
        this.#finishItem(this.#newItem(textOf(whole['type']) ?? '', index, whole), whole),
      );
    for (const item of this.#items) {
      const whole = item.index === undefined ? undefined : output[item.index];
      this.#finishItem(item, whole?.['type'] === item.type ? whole : undefined);
    }
    const usage = readUsage(response);
    if (usage !== undefined) this.#parts.events.push({ kind: 'usage', usage });
    const stop = readStop(response, isIncomplete, { hasCalls: this.#hasCalls, hasRefusal: this.#hasRefusal });
    this.#parts.events.push({ kind: 'stop', stop }, { kind: 'end' });
    this.#isOver = true;
  }
}

/** The failure that an `error` or `response.failed` event tells of; its error is inside the response, the event, or the event itself. */
function failureOf(event: JsonObject): LlmFailure {
  const response = objectOf(event['response']);
  return readStreamError(response?.['error'] ?? event['error'] ?? event);
}
