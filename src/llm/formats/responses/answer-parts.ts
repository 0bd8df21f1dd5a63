import type { AnswerEvent, PartStart } from '../../conversation/answer.ts';
import type { Extras } from '../../conversation/parts.ts';

/** A part of the answer that is being read. */
export interface ReadPart {
  readonly at: number;
  readonly delta: 'text' | 'input';
  /** Characters that came so far. */
  length: number;
  annotations: number;
  hasLogprobs: boolean;
  isOpen: boolean;
}

/** Numbers the parts of an answer and keeps what a provider says twice from being said twice. */
export class AnswerParts {
  events: AnswerEvent[] = [];
  #next = 0;

  /** The events since this was last asked. */
  take(): readonly AnswerEvent[] {
    const { events } = this;
    if (events.length > 0) this.events = [];
    return events;
  }

  open(part: PartStart, itemId?: string, extras?: Extras): ReadPart {
    const at = this.#next++;
    this.events.push({ kind: 'part-start', at, part, itemId, extras });
    const delta = part.kind === 'tool-call' || part.kind === 'server-call' ? 'input' : 'text';
    return { at, delta, length: 0, annotations: 0, hasLogprobs: false, isOpen: true };
  }

  add(part: ReadPart, text: string): void {
    if (text === '' || !part.isOpen) return;
    part.length += text.length;
    this.events.push({ kind: part.delta, at: part.at, text });
  }

  /** The whole text of a part is known: what of it has not come yet. */
  complete(part: ReadPart, whole: string): void {
    if (whole.length > part.length) this.add(part, whole.slice(part.length));
  }

  end(part: ReadPart): void {
    if (!part.isOpen) return;
    part.isOpen = false;
    this.events.push({ kind: 'part-end', at: part.at });
  }
}
