import type { Dropped } from '../../conversation/dropped.ts';
import type { JsonObject, Part, ServerCallPart } from '../../conversation/parts.ts';
import { memberText } from './event-lines.ts';
import type { ItemPlace, ItemStatus, OutputItem, PartEvent } from './output-item.ts';
import { serverCallItem } from './write-input.ts';

/** A call that the gateway makes itself. */
export class ServerCallItem implements OutputItem {
  readonly place: ItemPlace;
  readonly #part: ServerCallPart;
  readonly #dropped: Dropped;
  #input = '';
  #hasInput = false;
  #output: readonly Part[] | undefined;
  #isError = false;
  isOpen = true;

  constructor(place: ItemPlace, part: ServerCallPart, dropped: Dropped) {
    this.place = place;
    this.#part = { ...part, id: place.id };
    this.#dropped = dropped;
    place.added({ ...this.#item(), status: 'in_progress' });
    place.add('response.mcp_call.in_progress');
  }

  joins(): boolean {
    return false;
  }

  start(): void {
    // It has one part, with which it was made.
  }

  take(event: PartEvent): void {
    if (event.kind === 'input') {
      this.#input += event.text;
      if (event.text !== '')
        this.place.add('response.mcp_call_arguments.delta', `"delta":${JSON.stringify(event.text)}`);
    } else if (event.kind === 'result') {
      this.#endInput();
      this.#output = event.content;
      this.#isError = event.isError;
    } else if (event.kind === 'part-end') this.#end();
  }

  finish(_status: ItemStatus): JsonObject {
    this.#end();
    return this.#item();
  }

  #endInput(): void {
    if (this.#hasInput) return;
    this.#hasInput = true;
    this.place.add('response.mcp_call_arguments.done', memberText({ arguments: this.#input }));
  }

  #end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#endInput();
    const isFailed = this.#output === undefined || this.#isError;
    this.place.add(isFailed ? 'response.mcp_call.failed' : 'response.mcp_call.completed');
  }

  #item(): JsonObject {
    const part = { ...this.#part, input: this.#input, output: this.#output, isError: this.#isError };
    return serverCallItem(part, this.#outputText());
  }

  /** The outcome as text, which is all that the item can hold. */
  #outputText(): string {
    return (this.#output ?? [])
      .map((part) => {
        if (part.kind === 'text') return part.text;
        this.#dropped.add(`mcp_call.output.${part.kind}`);
        return `[${part.kind}]`;
      })
      .join('\n');
  }
}
