import type { Dropped } from '../../conversation/dropped.ts';
import type { Extras, Json, JsonObject } from '../../conversation/parts.ts';
import { memberText } from './event-lines.ts';
import type { ItemPlace, ItemStatus, OutputItem, PartEvent, PartStarted } from './output-item.ts';
import { writeCitation } from './write-content.ts';
import { messageMembers } from './message-members.ts';

interface MessagePart {
  readonly isRefusal: boolean;
  /** JSON text of the members that every event of the part has. */
  readonly place: string;
  readonly annotations: JsonObject[];
  readonly logprobs: Json[];
  /** How many of `logprobs` went out with a delta. */
  sent: number;
  text: string;
  isOpen: boolean;
}

/** A message of the assistant: its texts and refusals. */
export class MessageItem implements OutputItem {
  readonly place: ItemPlace;
  readonly #members: JsonObject;
  readonly #itemId: string | undefined;
  readonly #dropped: Dropped;
  readonly #parts = new Map<number, MessagePart>();

  constructor(place: ItemPlace, itemId: string | undefined, extras: Extras | undefined, dropped: Dropped) {
    this.place = place;
    this.#itemId = itemId;
    this.#members = messageMembers(extras);
    this.#dropped = dropped;
    place.added(this.#item('in_progress', []));
  }

  get isOpen(): boolean {
    for (const part of this.#parts.values()) if (part.isOpen) return true;
    return false;
  }

  joins({ part, itemId, extras }: PartStarted): boolean {
    if (part.kind !== 'text' && part.kind !== 'refusal') return false;
    return itemId === this.#itemId && Object.keys(messageMembers(extras)).length === 0;
  }

  start({ at, part }: PartStarted): void {
    const isRefusal = part.kind === 'refusal';
    const opened: MessagePart = {
      isRefusal,
      place: memberText({ content_index: this.#parts.size }),
      annotations: [],
      logprobs: [],
      sent: 0,
      text: '',
      isOpen: true,
    };
    this.#parts.set(at, opened);
    this.place.add(
      'response.content_part.added',
      `${opened.place},${memberText({ part: contentOf(opened) })}`,
    );
  }

  take(event: PartEvent): void {
    const part = this.#parts.get(event.at);
    if (part === undefined || !part.isOpen) return;
    switch (event.kind) {
      case 'text':
        this.#text(part, event.text);
        return;
      case 'logprobs':
        part.logprobs.push(...event.tokens);
        return;
      case 'citation': {
        const annotation = writeCitation(event.citation, part.text.length);
        if (annotation === undefined) this.#dropped.add('citations');
        else this.#annotate(part, annotation);
        return;
      }
      case 'part-end':
        this.#end(part);
        return;
      case 'input':
      case 'result':
      case 'seal':
    }
  }

  finish(status: ItemStatus): JsonObject {
    for (const part of this.#parts.values()) if (part.isOpen) this.#end(part);
    return this.#item(status, [...this.#parts.values()].map(contentOf));
  }

  #text(part: MessagePart, text: string): void {
    part.text += text;
    const delta = `${part.place},"delta":${JSON.stringify(text)}`;
    if (part.isRefusal) {
      this.place.add('response.refusal.delta', delta);
      return;
    }
    const logprobs = part.logprobs.slice(part.sent);
    part.sent = part.logprobs.length;
    const said = logprobs.length === 0 ? '[]' : JSON.stringify(logprobs);
    this.place.add('response.output_text.delta', `${delta},"logprobs":${said}`);
  }

  #annotate(part: MessagePart, annotation: JsonObject): void {
    const members = memberText({ annotation_index: part.annotations.length, annotation });
    part.annotations.push(annotation);
    this.place.add('response.output_text.annotation.added', `${part.place},${members}`);
  }

  #end(part: MessagePart): void {
    part.isOpen = false;
    if (part.isRefusal)
      this.place.add('response.refusal.done', `${part.place},${memberText({ refusal: part.text })}`);
    else
      this.place.add(
        'response.output_text.done',
        `${part.place},${memberText({ text: part.text, logprobs: part.logprobs })}`,
      );
    this.place.add('response.content_part.done', `${part.place},${memberText({ part: contentOf(part) })}`);
  }

  #item(status: string, content: readonly JsonObject[]): JsonObject {
    return { id: this.place.id, type: 'message', status, content, role: 'assistant', ...this.#members };
  }
}

function contentOf({ isRefusal, text, annotations, logprobs }: MessagePart): JsonObject {
  if (isRefusal) return { type: 'refusal', refusal: text };
  return { type: 'output_text', annotations: [...annotations], logprobs: [...logprobs], text };
}
