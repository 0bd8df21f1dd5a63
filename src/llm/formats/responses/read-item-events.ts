import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { AnswerParts, ReadPart } from './answer-parts.ts';
import { extrasOf, isObject, listOf, membersOf, textOf } from './json-members.ts';
import { withMessageMembers } from './message-members.ts';
import { readCitation } from './read-content.ts';
import { errorText, readItem } from './read-items.ts';

/** An item of an answer that is being read. */
export interface ReadItem {
  readonly type: string;
  readonly index: number | undefined;
  /** The item as far as it was told at its beginning. */
  head: JsonObject;
  /** By content index, by kind and index for thoughts, or `input` for calls. */
  readonly parts: Map<string, ReadPart>;
  /** Input of a call whose name has not come yet. */
  waiting: string;
  isOver: boolean;
}

const CALL_MEMBERS = ['type', 'id', 'call_id', 'name', 'namespace', 'arguments', 'input', 'status'];

/** Turns what is told of an answer's items into events. */
export class ItemReader {
  readonly #parts: AnswerParts;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
  }

  /** The part of a message, or the thought of a reasoning item, at `key`. It ends the part of the item before it. */
  content(item: ReadItem, key: string, kind: 'text' | 'refusal' | 'summary' | 'thought'): ReadPart {
    const known = item.parts.get(key);
    if (known !== undefined) return known;
    for (const part of item.parts.values()) this.#parts.end(part);
    const itemId = textOf(item.head['id']);
    const isFirst = item.parts.size === 0;
    const isThought = kind === 'summary' || kind === 'thought';
    const part = isThought
      ? this.#parts.open({ kind: 'thinking', isSummary: kind === 'summary' || undefined }, itemId)
      : this.#parts.open({ kind }, itemId, isFirst ? messageExtras(item.head) : undefined);
    item.parts.set(key, part);
    return part;
  }

  /** The one part of a call; `undefined` while its name is not known. */
  call(item: ReadItem): ReadPart | undefined {
    const known = item.parts.get('input');
    if (known !== undefined) return known;
    const { head, type } = item;
    const name = textOf(head['name']);
    if (name === undefined || name === '') return undefined;
    const id = textOf(head['id']);
    const part =
      type === 'mcp_call'
        ? this.#parts.open({
            kind: 'server-call',
            id: id ?? '',
            server: textOf(head['server_label']) ?? '',
            name,
            approvalId: textOf(head['approval_request_id']),
          })
        : this.#parts.open(
            {
              kind: 'tool-call',
              id: textOf(head['call_id']) ?? id ?? '',
              name,
              namespace: textOf(head['namespace']),
              isFreeform: type === 'custom_tool_call' || undefined,
            },
            id,
            extrasOf(membersOf(head, 'output').rest(CALL_MEMBERS)),
          );
    item.parts.set('input', part);
    this.#parts.add(part, item.waiting);
    item.waiting = '';
    return part;
  }

  input(item: ReadItem, text: string): void {
    const part = this.call(item);
    if (part === undefined) item.waiting += text;
    else this.#parts.add(part, text);
  }

  /** The item is complete: `whole` is all of it, or nothing when the provider did not say it again. */
  finish(item: ReadItem, whole: JsonObject | undefined): void {
    if (item.isOver) return;
    item.isOver = true;
    if (whole !== undefined) {
      if (item.parts.size === 0) item.head = { ...item.head, ...whole };
      if (item.type === 'message') this.#message(item, whole);
      else if (item.type === 'reasoning') this.#reasoning(item, whole);
      else if (isCall(item.type)) this.#call(item, whole);
      else this.#whole(whole);
    }
    for (const part of item.parts.values()) this.#parts.end(part);
  }

  #message(item: ReadItem, whole: JsonObject): void {
    listOf(whole['content']).forEach((content, at) => {
      if (!isObject(content)) return;
      const isRefusal = content['type'] === 'refusal';
      if (content['type'] === 'reasoning_text') return;
      const part = this.content(item, String(at), isRefusal ? 'refusal' : 'text');
      this.#parts.complete(part, textOf(content[isRefusal ? 'refusal' : 'text']) ?? '');
      this.annotations(part, content);
      this.logprobs(part, part.hasLogprobs ? [] : listOf(content['logprobs']));
    });
  }

  /** Annotations that were not told before. */
  annotations(part: ReadPart, content: JsonObject): void {
    const annotations = listOf(content['annotations']).filter(isObject);
    for (const raw of annotations.slice(part.annotations)) this.annotation(part, raw);
  }

  annotation(part: ReadPart, raw: JsonObject): void {
    if (!part.isOpen) return;
    part.annotations += 1;
    this.#parts.events.push({ kind: 'citation', at: part.at, citation: readCitation(raw) });
  }

  logprobs(part: ReadPart, tokens: readonly Json[]): void {
    if (tokens.length === 0 || !part.isOpen) return;
    part.hasLogprobs = true;
    this.#parts.events.push({ kind: 'logprobs', at: part.at, tokens });
  }

  #reasoning(item: ReadItem, whole: JsonObject): void {
    const thoughts = (name: string, kind: 'summary' | 'thought'): void =>
      listOf(whole[name]).forEach((thought, at) => {
        const text = isObject(thought) ? textOf(thought['text']) : undefined;
        if (text === undefined || text === '') return;
        this.#parts.complete(this.content(item, `${kind}${at}`, kind), text);
      });
    thoughts('summary', 'summary');
    thoughts('content', 'thought');
    const value = textOf(whole['encrypted_content']);
    // Without text and seal it still holds a place: a provider that stores its answers knows it by its id.
    const last = [...item.parts.values()].at(-1) ?? this.content(item, 'summary0', 'summary');
    if (value === undefined || value === '' || !last.isOpen) return;
    const id = textOf(item.head['id']) ?? textOf(whole['id']);
    this.#parts.events.push({
      kind: 'seal',
      at: last.at,
      seal: { format: 'responses', kind: 'encrypted', value, id },
    });
  }

  #call(item: ReadItem, whole: JsonObject): void {
    if (item.parts.size === 0) item.head = whole;
    const part = this.call(item);
    if (part === undefined)
      throw new LlmFailure('cut', 'the provider called a tool without a name', { status: 502 });
    this.#parts.complete(part, textOf(whole[item.type === 'custom_tool_call' ? 'input' : 'arguments']) ?? '');
    if (item.type !== 'mcp_call') return;
    const error = whole['error'] ?? undefined;
    const output = textOf(whole['output']);
    if (error === undefined && output === undefined) return;
    const text = error === undefined ? output! : errorText(error);
    this.#parts.events.push({
      kind: 'result',
      at: part.at,
      content: text === '' ? [] : [{ kind: 'text', text }],
      isError: error !== undefined,
    });
  }

  /** An item that comes whole: what it says before its end is only for show. */
  #whole(whole: JsonObject): void {
    for (const part of readItem(membersOf(whole, 'output'), textOf(whole['type']) ?? '').parts)
      this.#parts.end(this.#parts.open({ kind: 'whole', part }));
  }
}

export function isCall(type: string): boolean {
  return type === 'function_call' || type === 'custom_tool_call' || type === 'mcp_call';
}

function messageExtras(head: JsonObject): ReturnType<typeof withMessageMembers> {
  const members = membersOf(head, 'output').rest(['type', 'id', 'role', 'content', 'status']);
  return withMessageMembers(undefined, members);
}
