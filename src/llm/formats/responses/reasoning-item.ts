import type { JsonObject, Seal } from '../../conversation/parts.ts';
import { memberText } from './event-lines.ts';
import type { ItemPlace, ItemStatus, OutputItem, PartEvent, PartStarted } from './output-item.ts';
import { encodeSeal } from './seal-code.ts';

interface Thought {
  readonly isSummary: boolean;
  text: string;
  /** JSON text of the members that its events have; `undefined` until it says something. */
  place: string | undefined;
  isOpen: boolean;
}

/** What a model thought: summaries and plain thoughts, and the seal that brings them back. */
export class ReasoningItem implements OutputItem {
  readonly place: ItemPlace;
  readonly #itemId: string | undefined;
  readonly #thoughts = new Map<number, Thought>();
  #seal: Seal | undefined;

  constructor(place: ItemPlace, itemId: string | undefined) {
    this.place = place;
    this.#itemId = itemId;
    place.added(reasoningItem(place.id, {}));
  }

  get isOpen(): boolean {
    for (const thought of this.#thoughts.values()) if (thought.isOpen) return true;
    return false;
  }

  /** Only where thoughts come in items can two of them be of one. */
  joins({ part, itemId }: PartStarted): boolean {
    return part.kind === 'thinking' && itemId !== undefined && itemId === this.#itemId;
  }

  start({ at, part }: PartStarted): void {
    const isSummary = part.kind === 'thinking' && part.isSummary === true;
    this.#thoughts.set(at, { isSummary, text: '', place: undefined, isOpen: true });
  }

  take(event: PartEvent): void {
    const thought = this.#thoughts.get(event.at);
    if (thought === undefined || !thought.isOpen) return;
    if (event.kind === 'seal') this.#seal = event.seal;
    else if (event.kind === 'part-end') this.#end(thought);
    else if (event.kind === 'text' && event.text !== '') this.#text(thought, event.text);
  }

  finish(_status: ItemStatus): JsonObject {
    const thoughts = [...this.#thoughts.values()];
    for (const thought of thoughts) if (thought.isOpen) this.#end(thought);
    const said = (isSummary: boolean): readonly JsonObject[] =>
      thoughts
        .filter((thought) => thought.text !== '' && thought.isSummary === isSummary)
        .map(({ text }) => partOf(isSummary, text));
    const content = said(false);
    return reasoningItem(this.place.id, {
      summary: said(true),
      ...(content.length === 0 ? {} : { content }),
      ...(this.#seal === undefined ? {} : { encrypted_content: this.#encrypted(this.#seal, thoughts) }),
    });
  }

  #encrypted(seal: Seal, thoughts: readonly Thought[]): string {
    const text = thoughts.map((thought) => thought.text).join('');
    return encodeSeal({
      seal,
      text: text === '' ? undefined : text,
      isSummary: thoughts.some((thought) => thought.isSummary),
    });
  }

  #text(thought: Thought, text: string): void {
    thought.place ??= this.#begin(thought);
    thought.text += text;
    const type = thought.isSummary
      ? 'response.reasoning_summary_text.delta'
      : 'response.reasoning_text.delta';
    this.place.add(type, `${thought.place},"delta":${JSON.stringify(text)}`);
  }

  #begin(thought: Thought): string {
    const { isSummary } = thought;
    let index = 0;
    for (const other of this.#thoughts.values())
      if (other !== thought && other.place !== undefined && other.isSummary === isSummary) index += 1;
    const place = memberText(isSummary ? { summary_index: index } : { content_index: index });
    const type = isSummary ? 'response.reasoning_summary_part.added' : 'response.content_part.added';
    this.place.add(type, `${place},${memberText({ part: partOf(isSummary, '') })}`);
    return place;
  }

  #end(thought: Thought): void {
    thought.isOpen = false;
    const { isSummary, place, text } = thought;
    if (place === undefined) return;
    const done = isSummary ? 'response.reasoning_summary_text.done' : 'response.reasoning_text.done';
    const partDone = isSummary ? 'response.reasoning_summary_part.done' : 'response.content_part.done';
    this.place.add(done, `${place},${memberText({ text })}`);
    this.place.add(partDone, `${place},${memberText({ part: partOf(isSummary, text) })}`);
  }
}

function partOf(isSummary: boolean, text: string): JsonObject {
  return { type: isSummary ? 'summary_text' : 'reasoning_text', text };
}

export function reasoningItem(id: string, members: JsonObject): JsonObject {
  return { id, type: 'reasoning', summary: [], ...members };
}
