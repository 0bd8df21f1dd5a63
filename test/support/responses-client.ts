import type { Loose } from './responses-wire.ts';

/** Which member of an item a delta adds to. */
const DELTAS: Readonly<Record<string, string>> = {
  'response.function_call_arguments': 'arguments',
  'response.mcp_call_arguments': 'arguments',
  'response.custom_tool_call_input': 'input',
};
const TEXTS: Readonly<Record<string, 'text' | 'refusal'>> = {
  'response.output_text': 'text',
  'response.reasoning_text': 'text',
  'response.refusal': 'refusal',
};

/**
 * Puts a stream together as strict clients do: it believes only what was announced, in order, at the place where it was announced. Throws when
 * something is out of place. Returns the output that the events led to before the last one, and the last one.
 */
export function followStream(events: readonly Loose[]): { output: Loose[]; last: Loose } {
  const client = new StrictClient();
  events.forEach((event, at) => client.take(event, at));
  return client.finish();
}

class StrictClient {
  readonly #output: Loose[] = [];
  readonly #done = new Set<number>();
  readonly #ids = new Set<string>();
  #last: Loose | undefined;

  take(event: Loose, at: number): void {
    const type = event['type'] as string;
    check(event['sequence_number'] === at, `event ${at} has number ${event['sequence_number']}`);
    check(this.#last === undefined, `${type} after the last event`);
    if (at < 2) check(type === ['response.created', 'response.in_progress'][at], `${type} at ${at}`);
    if (/^response\.(completed|incomplete|failed)$/.test(type)) this.#last = event;
    else if (type === 'response.output_item.added') this.#add(event);
    else if (type === 'response.output_item.done') this.#finish(event);
    else if (at >= 2 && type !== 'error') this.#change(type, event);
  }

  finish(): { output: Loose[]; last: Loose } {
    if (this.#last === undefined) throw new Error('the stream has no end');
    return { output: this.#output, last: this.#last };
  }

  #add({ output_index: index, item }: Loose): void {
    check(index === this.#output.length, `item ${index} begins as number ${this.#output.length}`);
    check(typeof item.id === 'string' && item.id !== '' && !this.#ids.has(item.id), `the id ${item.id}`);
    this.#ids.add(item.id);
    this.#output.push(structuredClone(item));
  }

  #finish({ output_index: index, item }: Loose): void {
    const told = this.#open(index);
    const final = withoutLate(item);
    check(
      JSON.stringify(sorted(final)) === JSON.stringify(sorted(withoutLate(told))),
      `item ${index} is not what its events led to`,
    );
    check(item['status'] !== 'in_progress', `item ${index} is done and in progress`);
    this.#output[index] = item;
    this.#done.add(index);
  }

  #change(type: string, event: Loose): void {
    const item = this.#open(event['output_index']);
    check(item['id'] === event['item_id'], `${type} of ${event['item_id']} at the place of ${item['id']}`);
    const dot = type.lastIndexOf('.');
    const [subject, verb] = [type.slice(0, dot), type.slice(dot + 1)];
    if (DELTAS[subject] !== undefined) change(item, DELTAS[subject], verb, event);
    else if (TEXTS[subject] !== undefined)
      change(nth(item['content'], event['content_index']), TEXTS[subject], verb, event);
    else if (subject === 'response.content_part')
      put((item['content'] ??= []), event['content_index'], verb, event);
    else if (subject === 'response.reasoning_summary_part')
      put(item['summary'], event['summary_index'], verb, event);
    else if (subject === 'response.reasoning_summary_text')
      change(nth(item['summary'], event['summary_index']), 'text', verb, event);
    else if (type === 'response.output_text.annotation.added') {
      const { annotations } = nth(item['content'], event['content_index']);
      check(event['annotation_index'] === annotations.length, 'an annotation out of order');
      annotations.push(event['annotation']);
    } else check(/^response\.mcp_(call|list_tools)$/.test(subject), `the event ${type}`);
  }

  #open(index: number): Loose {
    check(!this.#done.has(index), `item ${index} is done`);
    return nth(this.#output, index);
  }
}

/** Members that no event tells of before the item's end. */
const LATE = new Set(['status', 'encrypted_content', 'tools', 'output', 'error']);

function withoutLate(item: Loose): Loose {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !LATE.has(name)));
}

function sorted(item: Loose): unknown[] {
  return Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1));
}

function change(holder: Loose, member: string, verb: string, event: Loose): void {
  if (verb === 'delta') holder[member] += event['delta'];
  else
    check(event[member] === holder[member], `${event['type']} says ${event[member]}, not ${holder[member]}`);
}

function put(list: Loose[], index: number, verb: string, { part }: Loose): void {
  if (verb === 'added') {
    check(index === list.length, `part ${index} begins as number ${list.length}`);
    list.push(structuredClone(part));
  } else
    check(JSON.stringify(part) === JSON.stringify(nth(list, index)), 'a part is not what its events led to');
}

function nth(list: Loose[], index: number): Loose {
  const found = list[index];
  if (found === undefined) throw new Error(`there is nothing at ${index}`);
  return found;
}

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`a strict client would not take this: ${what}`);
}
