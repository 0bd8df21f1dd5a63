import type { AnswerEvent, PartStart, Stop } from '../../conversation/answer.ts';
import { extrasOf, isList, isObject, textOf } from '../../conversation/json.ts';
import type { Citation, Extras, Json, JsonObject } from '../../conversation/parts.ts';
import { readCitation } from './citations.ts';
import { inputText, readContent } from './read-parts.ts';
import { readStop } from './stop.ts';
import { UsageReader } from './usage.ts';

/** One block that has begun and not ended. */
interface Block {
  /** The part that it is; foreign blocks get theirs when they are whole. */
  readonly at: number | undefined;
  readonly kind: 'text' | 'thinking' | 'tool-call' | 'server-call' | 'foreign';
  readonly value: JsonObject;
  /** Input that came as deltas. */
  input: string;
  /** What a delta says of a foreign block besides. */
  members: JsonObject;
  /** The last signature counts, as in the official clients. */
  signature: string | undefined;
  readonly citations: Citation[];
}

const TOOL_USE = new Set(['type', 'id', 'name', 'input']);
const MESSAGE = new Set(['id', 'type', 'role', 'model', 'content', 'usage', 'stop_reason', 'stop_sequence']);
const DELTA = new Set(['stop_reason', 'stop_sequence']);
const DELTA_EVENT = new Set(['type', 'delta', 'usage']);

type Out = AnswerEvent[];

/**
 * What a message says, in the order in which it says it: the events of a stream come one by one, a whole message as if it had been streamed.
 * Everything is appended to the given list.
 */
export class MessageReader {
  readonly #blocks = new Map<number, Block>();
  /** Calls of the gateway or the provider whose result has not come, by id. */
  readonly #calls = new Map<string, number>();
  readonly #usage = new UsageReader();
  readonly #names = new Map<string, string>();
  #next = 0;
  #isStarted = false;
  #hasToolCalls = false;
  #members: Record<string, Json | undefined> = {};
  #reason: string | undefined;
  #sequence: string | undefined;
  #isEnded = false;

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get hasStop(): boolean {
    return this.#reason !== undefined;
  }

  /** `message_start`. */
  start(message: JsonObject, out: Out): void {
    // Some gateways send it twice.
    if (this.#isStarted) return;
    this.#isStarted = true;
    out.push({
      kind: 'start',
      id: textOf(message['id']) ?? '',
      model: textOf(message['model']) ?? '',
      createdAt: Math.floor(Date.now() / 1000),
    });
    this.#readUsage(message['usage'], out);
    Object.assign(this.#members, extrasOf('messages', message, MESSAGE)?.members);
    if (typeof message['stop_reason'] === 'string') {
      this.#reason = message['stop_reason'];
      this.#sequence = textOf(message['stop_sequence']);
    }
    if (isList(message['content'])) this.blocks(message['content'], out);
  }

  /** Blocks that come whole. */
  blocks(content: readonly Json[], out: Out): void {
    for (const [index, block] of content.entries()) {
      if (!isObject(block)) continue;
      this.blockStart(index, block, out);
      this.blockStop(index, out);
    }
  }

  blockStart(index: number, value: JsonObject, out: Out): void {
    this.start({}, out);
    this.blockStop(index, out);
    const block = this.#begin(index, value, out);
    const { at } = block;
    if (at === undefined) return;
    if (block.kind === 'text') {
      if (isList(value['citations']))
        for (const raw of value['citations']) if (isObject(raw)) block.citations.push(readCitation(raw));
      const text = textOf(value['text']);
      if (text !== undefined && text !== '') out.push({ kind: 'text', at, text });
    } else if (block.kind === 'thinking') {
      const text = textOf(value['thinking']);
      if (text !== undefined && text !== '') out.push({ kind: 'text', at, text });
      block.signature = textOf(value['signature']);
      const data = textOf(value['data']);
      if (data !== undefined)
        out.push({ kind: 'seal', at, seal: { format: 'messages', kind: 'redacted', value: data } });
    }
  }

  blockDelta(index: number, delta: JsonObject, out: Out): void {
    const block = this.#blocks.get(index) ?? this.#begin(index, startOf(delta), out);
    const { at } = block;
    switch (delta['type']) {
      case 'text_delta':
        push(out, 'text', at, delta['text']);
        return;
      case 'thinking_delta':
        push(out, 'text', at, delta['thinking']);
        return;
      case 'input_json_delta': {
        const text = textOf(delta['partial_json']) ?? '';
        block.input += text;
        push(out, 'input', at, text);
        return;
      }
      case 'signature_delta':
        block.signature = textOf(delta['signature']);
        return;
      case 'citations_delta':
        if (isObject(delta['citation'])) block.citations.push(readCitation(delta['citation']));
        return;
      default: {
        // A delta of a block that only this format has says what its members are in the end.
        const { type: _type, ...members } = delta;
        block.members = { ...block.members, ...members };
      }
    }
  }

  blockStop(index: number, out: Out): void {
    const block = this.#blocks.get(index);
    if (block === undefined) return;
    this.#blocks.delete(index);
    const { at, value } = block;
    if (at === undefined) {
      this.#foreign(block, out);
      return;
    }
    if (block.kind === 'tool-call' || block.kind === 'server-call') {
      if (block.input === '') out.push({ kind: 'input', at, text: inputText(value['input']) });
      // The call ends with its result, which is a block of its own.
      if (block.kind === 'server-call') return;
    }
    // They are of the whole block, also those that come before its text.
    for (const citation of block.citations) out.push({ kind: 'citation', at, citation });
    if (block.signature !== undefined && block.signature !== '')
      out.push({ kind: 'seal', at, seal: { format: 'messages', kind: 'signature', value: block.signature } });
    out.push({ kind: 'part-end', at });
  }

  /** `message_delta`. */
  delta(event: JsonObject, out: Out): void {
    this.start({}, out);
    const delta = isObject(event['delta']) ? event['delta'] : {};
    this.#reason = textOf(delta['stop_reason']) ?? this.#reason;
    this.#sequence = textOf(delta['stop_sequence']) ?? this.#sequence;
    Object.assign(
      this.#members,
      extrasOf('messages', delta, DELTA)?.members,
      extrasOf('messages', event, DELTA_EVENT)?.members,
    );
    this.#readUsage(event['usage'], out);
  }

  /** `message_stop`: what is open ends. */
  finish(out: Out): void {
    if (this.#isEnded) return;
    this.start({}, out);
    for (const index of [...this.#blocks.keys()]) this.blockStop(index, out);
    for (const at of this.#calls.values()) out.push({ kind: 'part-end', at });
    this.#calls.clear();
    this.#isEnded = true;
    out.push({ kind: 'stop', stop: this.#stop() }, { kind: 'end' });
  }

  #stop(): Stop {
    const extras: Extras | undefined =
      Object.keys(this.#members).length === 0 ? undefined : { format: 'messages', members: this.#members };
    return readStop(this.#reason ?? (this.#hasToolCalls ? 'tool_use' : 'end_turn'), this.#sequence, extras);
  }

  #readUsage(usage: Json | undefined, out: Out): void {
    if (this.#usage.read(usage)) out.push({ kind: 'usage', usage: this.#usage.usage });
  }

  #begin(index: number, value: JsonObject, out: Out): Block {
    const part = this.#partOf(value);
    const at = part === undefined ? undefined : this.#next++;
    const block: Block = {
      at,
      kind: part === undefined || part.kind === 'whole' || part.kind === 'refusal' ? 'foreign' : part.kind,
      value,
      input: '',
      members: {},
      signature: undefined,
      citations: [],
    };
    this.#blocks.set(index, block);
    if (part === undefined || at === undefined) return block;
    if (part.kind === 'tool-call') {
      this.#hasToolCalls = true;
      this.#names.set(part.id, part.name);
    } else if (part.kind === 'server-call') this.#calls.set(part.id, at);
    const extras = part.kind === 'tool-call' ? extrasOf('messages', value, TOOL_USE) : undefined;
    out.push(
      extras === undefined ? { kind: 'part-start', at, part } : { kind: 'part-start', at, part, extras },
    );
    return block;
  }

  #partOf(value: JsonObject): PartStart | undefined {
    const id = textOf(value['id']) ?? '';
    const name = textOf(value['name']) ?? '';
    switch (value['type']) {
      case 'text':
        return { kind: 'text' };
      case 'thinking':
      case 'redacted_thinking':
        return { kind: 'thinking' };
      case 'tool_use':
        return { kind: 'tool-call', id, name };
      case 'mcp_tool_use':
        return { kind: 'server-call', id, server: textOf(value['server_name']) ?? '', name };
      default:
        return undefined;
    }
  }

  /** A block of this format alone, now that it is whole; results of the calls above are part of these. */
  #foreign(block: Block, out: Out): void {
    const { value } = block;
    const id = textOf(value['tool_use_id']) ?? '';
    const call = value['type'] === 'mcp_tool_result' ? this.#calls.get(id) : undefined;
    if (call !== undefined) {
      this.#calls.delete(id);
      const content = readContent(value['content'], 'content', this.#names);
      out.push(
        { kind: 'result', at: call, content, isError: value['is_error'] === true },
        { kind: 'part-end', at: call },
      );
      return;
    }
    const at = this.#next++;
    const input = block.input === '' ? {} : { input: parseInput(block.input) };
    const whole = { ...value, ...input, ...block.members };
    out.push(
      {
        kind: 'part-start',
        at,
        part: { kind: 'whole', part: { kind: 'foreign', format: 'messages', value: whole } },
      },
      { kind: 'part-end', at },
    );
  }
}

/** The start that an imitator left out, as the first delta shows it. */
function startOf(delta: JsonObject): JsonObject {
  if (delta['type'] === 'thinking_delta' || delta['type'] === 'signature_delta') return { type: 'thinking' };
  return delta['type'] === 'input_json_delta' ? { type: 'tool_use' } : { type: 'text' };
}

function push(out: Out, kind: 'text' | 'input', at: number | undefined, text: Json | undefined): void {
  if (at !== undefined && typeof text === 'string' && text !== '') out.push({ kind, at, text });
}

function parseInput(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
