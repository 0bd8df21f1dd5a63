import type { JsonObject, Seal } from '../../conversation/parts.ts';
import { type CalledTool, freeformInput } from './call-names.ts';
import { memberText } from './event-lines.ts';
import { partMembers } from './message-members.ts';
import type { ItemPlace, ItemStatus, OutputItem, PartEvent, PartStarted } from './output-item.ts';

/** A call of one of the client's tools. */
export class CallItem implements OutputItem {
  readonly place: ItemPlace;
  readonly callId: string;
  readonly #tool: CalledTool;
  /** Whether the provider knows no tools that take any text: the text is inside an object, and known only when that is complete. */
  readonly #isWrapped: boolean;
  readonly #members: JsonObject;
  #input = '';
  isOpen = true;
  /** A seal that another format has on the call itself. */
  seal: Seal | undefined;

  constructor(place: ItemPlace, callId: string, tool: CalledTool, { part, extras }: PartStarted) {
    this.place = place;
    this.callId = callId;
    this.#tool = tool;
    this.#isWrapped = tool.isFreeform && !(part.kind === 'tool-call' && part.isFreeform === true);
    this.#members = partMembers(extras);
    place.added(this.#item('in_progress', ''));
  }

  joins(): boolean {
    return false;
  }

  start(): void {
    // It has one part, with which it was made.
  }

  take(event: PartEvent): void {
    if (event.kind === 'seal') this.seal = event.seal;
    else if (event.kind === 'part-end') this.#end();
    else if (event.kind === 'input') {
      this.#input += event.text;
      if (!this.#isWrapped && event.text !== '') this.#delta(event.text);
    }
  }

  finish(status: ItemStatus): JsonObject {
    this.#end();
    return this.#item(status, this.#input);
  }

  #delta(text: string): void {
    const type = this.#tool.isFreeform
      ? 'response.custom_tool_call_input.delta'
      : 'response.function_call_arguments.delta';
    this.place.add(type, `"delta":${JSON.stringify(text)}`);
  }

  #end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { isFreeform } = this.#tool;
    if (this.#isWrapped) {
      this.#input = freeformInput(this.#input);
      if (this.#input !== '') this.#delta(this.#input);
    } else if (!isFreeform && this.#input === '') {
      // Some providers say nothing where there are no arguments; clients parse what they get.
      this.#input = '{}';
      this.#delta(this.#input);
    }
    if (isFreeform)
      this.place.add('response.custom_tool_call_input.done', memberText({ input: this.#input }));
    else this.place.add('response.function_call_arguments.done', memberText({ arguments: this.#input }));
  }

  #item(status: string, input: string): JsonObject {
    const { name, namespace, isFreeform } = this.#tool;
    return {
      id: this.place.id,
      type: isFreeform ? 'custom_tool_call' : 'function_call',
      status,
      ...(isFreeform ? { input } : { arguments: input }),
      call_id: this.callId,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...this.#members,
    };
  }
}
