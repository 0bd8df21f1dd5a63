import type { AnswerEvent } from '../../conversation/answer.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { type EventLines, memberText } from './event-lines.ts';

export type PartStarted = Extract<AnswerEvent, { kind: 'part-start' }>;
export type ItemStatus = 'completed' | 'incomplete';

/** An item of the output while it comes. One item may hold several parts of the answer. */
export interface OutputItem {
  readonly place: ItemPlace;
  /** Whether a part that begins now may be part of it. */
  joins(started: PartStarted): boolean;
  /** Whether one of its parts has not ended. */
  readonly isOpen: boolean;
  start(started: PartStarted): void;
  /** A delta, or the end, of one of its parts. */
  take(event: PartEvent): void;
  /** The finished item, after the events that lead to it; that of its end is the caller's. */
  finish(status: ItemStatus): JsonObject;
}

export type PartEvent = Extract<
  AnswerEvent,
  { kind: 'text' | 'input' | 'result' | 'seal' | 'citation' | 'logprobs' | 'part-end' }
>;

/** Where an item is in its response, for the events that tell of it. */
export class ItemPlace {
  readonly lines: EventLines;
  readonly id: string;
  readonly index: number;
  /** JSON text of the members that every event of the item has. */
  readonly text: string;

  constructor(lines: EventLines, id: string, index: number) {
    this.lines = lines;
    this.id = id;
    this.index = index;
    this.text = memberText({ item_id: id, output_index: index });
  }

  added(item: JsonObject): void {
    this.lines.add('response.output_item.added', memberText({ output_index: this.index, item }));
  }

  done(item: JsonObject): void {
    this.lines.add('response.output_item.done', memberText({ output_index: this.index, item }));
  }

  /** An event of the item; `members`: more members as JSON text. */
  add(type: string, members?: string): void {
    this.lines.add(type, members === undefined ? this.text : `${this.text},${members}`);
  }
}
