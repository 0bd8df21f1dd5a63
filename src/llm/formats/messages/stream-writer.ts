import type { AnswerEvent, PartStart, Stop, Usage } from '../../conversation/answer.ts';
import type { AnswerFacts, AnswerWriter } from '../../conversation/format.ts';
import { InOrder, type PartEvent } from '../../conversation/in-order.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import type { Extras, JsonObject } from '../../conversation/parts.ts';
import { messageOf, resultBlock, sealBlock, tokenOfThought } from './blocks.ts';
import { writeCitation } from './citations.ts';
import { writeError } from './errors.ts';
import { writeStop } from './stop.ts';
import { writeUsage } from './usage.ts';

/** The part whose block is being written; no other one may begin before it ends. */
interface Current {
  readonly start: PartStart;
  readonly extras: Extras | undefined;
  /** Of the open block; `undefined` before the first thing that shows which kind of block it is. */
  index: number | undefined;
  hasText: boolean;
}

const PING = Buffer.from('event: ping\ndata: {"type":"ping"}\n\n');
const NOTHING = Buffer.alloc(0);

/**
 * Writes the stream of one message. Blocks never overlap: what belongs to a part that began while another one was open waits for its turn. A
 * block begins only when it is known what kind it is, so that a thought without text becomes a redacted one and the seal of a call stands
 * before the call.
 */
export class StreamWriter implements AnswerWriter {
  readonly #facts: AnswerFacts;
  #out = '';
  #isStarted = false;
  #id = '';
  #current: Current | undefined;
  readonly #parts = new InOrder((event) => this.#part(event));
  #blocks = 0;
  #hasToolCalls = false;
  #usage: Usage | undefined;
  #stop: Stop | undefined;

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
  }

  write(event: AnswerEvent): Buffer {
    this.#out = '';
    switch (event.kind) {
      case 'start':
        // Sent with the next event, as the usage of the input often follows at once.
        this.#id = event.id.startsWith('msg_') ? event.id : this.#facts.newId('msg_');
        break;
      case 'usage':
        this.#usage = event.usage;
        break;
      case 'stop':
        this.#stop = event.stop;
        break;
      case 'ping':
        return this.ping();
      case 'end':
        this.#begin();
        this.#end();
        break;
      default:
        this.#begin();
        this.#parts.add(event);
    }
    return this.#take();
  }

  fail(failure: LlmFailure): Buffer {
    return failEvent(failure);
  }

  ping(): Buffer {
    this.#out = '';
    if (this.#id !== '') this.#begin();
    return this.#out === '' ? PING : Buffer.concat([this.#take(), PING]);
  }

  #take(): Buffer {
    return this.#out === '' ? NOTHING : Buffer.from(this.#out);
  }

  #send(data: JsonObject & { readonly type: string }): void {
    this.#out += `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  #begin(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (this.#id === '') this.#id = this.#facts.newId('msg_');
    const message = messageOf(this.#id, this.#facts.model, [], this.#usage, undefined);
    this.#send({ type: 'message_start', message });
  }

  #part(event: PartEvent): void {
    if (event.kind === 'part-start') {
      this.#partStart(event.part, event.extras);
      return;
    }
    const current = this.#current;
    if (current === undefined) return;
    switch (event.kind) {
      case 'text':
        if (event.text === '') return;
        current.hasText = true;
        this.#open(current);
        this.#delta(
          current,
          current.start.kind === 'thinking'
            ? { type: 'thinking_delta', thinking: event.text }
            : { type: 'text_delta', text: event.text },
        );
        return;
      case 'input':
        this.#open(current);
        this.#delta(current, { type: 'input_json_delta', partial_json: event.text });
        return;
      case 'citation': {
        const citation = writeCitation(event.citation, this.#facts.dropped);
        if (citation === undefined) return;
        this.#open(current);
        this.#delta(current, { type: 'citations_delta', citation });
        return;
      }
      case 'seal':
        this.#seal(current, event);
        return;
      case 'result':
        if (current.start.kind !== 'server-call') return;
        this.#open(current);
        this.#close(current);
        this.#whole(resultBlock(current.start.id, event.content, event.isError, this.#facts.dropped));
        return;
      case 'logprobs':
        this.#facts.dropped.add('logprobs');
        return;
      case 'part-end':
        // A call without input is a call; a text without text is nothing.
        if (current.start.kind === 'tool-call') this.#open(current);
        this.#close(current);
        this.#current = undefined;
    }
  }

  #partStart(start: PartStart, extras: Extras | undefined): void {
    this.#current = { start, extras, index: undefined, hasText: false };
    if (start.kind === 'tool-call') this.#hasToolCalls = true;
    // A call of the gateway shows at once, as it takes its time.
    if (start.kind === 'server-call') this.#open(this.#current);
    if (start.kind !== 'whole') return;
    if (start.part.kind === 'foreign' && start.part.format === 'messages') this.#whole(start.part.value);
    // Which tools there were is said by the request.
    else if (start.part.kind !== 'server-tools') this.#facts.dropped.add(`content.${start.part.kind}`);
  }

  #seal(current: Current, { seal }: Extract<PartEvent, { kind: 'seal' }>): void {
    const { start } = current;
    if (start.kind === 'thinking') {
      const { type, token } = tokenOfThought(seal, current.hasText, start.isSummary);
      if (type === 'redacted_thinking' && current.index === undefined) {
        this.#whole({ type, data: token });
        return;
      }
      this.#open(current);
      this.#delta(current, { type: 'signature_delta', signature: token });
      return;
    }
    if (start.kind === 'tool-call' && current.index === undefined) this.#whole(sealBlock(seal, 'next'));
    else if (start.kind === 'text' && current.index === undefined) this.#whole(sealBlock(seal, 'empty-text'));
    else if (start.kind === 'text' || start.kind === 'tool-call') {
      this.#open(current);
      this.#close(current);
      this.#whole(sealBlock(seal, 'previous'));
    } else this.#facts.dropped.add(`content.${seal.kind}`);
  }

  #open(current: Current): void {
    if (current.index !== undefined) return;
    current.index = this.#blocks++;
    this.#send({
      type: 'content_block_start',
      index: current.index,
      content_block: blockOf(current.start, current.extras),
    });
  }

  #delta(current: Current, delta: JsonObject): void {
    if (current.index === undefined || current.index < 0) return;
    this.#send({ type: 'content_block_delta', index: current.index, delta });
  }

  #close(current: Current): void {
    if (current.index === undefined || current.index < 0) return;
    this.#send({ type: 'content_block_stop', index: current.index });
    // Closed for good: what may still come of this part has no block any more.
    current.index = -1;
  }

  #whole(block: JsonObject): void {
    const index = this.#blocks++;
    this.#send({ type: 'content_block_start', index, content_block: block });
    this.#send({ type: 'content_block_stop', index });
  }

  #end(): void {
    this.#parts.end();
    const { stop_reason, stop_sequence, ...rest } = writeStop(this.#stop, this.#hasToolCalls);
    const { stop_details, container, ...members } = rest;
    this.#send({
      type: 'message_delta',
      delta: {
        stop_reason,
        stop_sequence,
        ...(stop_details === undefined ? {} : { stop_details }),
        ...(container === undefined ? {} : { container }),
      },
      usage: writeUsage(this.#usage),
      ...members,
    });
    this.#send({ type: 'message_stop' });
  }
}

/** An error in the midst of a stream. */
export function failEvent(failure: LlmFailure): Buffer {
  return Buffer.from(`event: error\ndata: ${JSON.stringify(writeError(failure))}\n\n`);
}

function blockOf(start: PartStart, extras: Extras | undefined): JsonObject {
  const own = extras?.format === 'messages' ? extras.members : {};
  switch (start.kind) {
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'tool-call': {
      const { id, name, namespace } = start;
      return {
        type: 'tool_use',
        id,
        name: namespace === undefined ? name : `${namespace}__${name}`,
        input: {},
        ...own,
      };
    }
    case 'server-call':
      return { type: 'mcp_tool_use', id: start.id, name: start.name, server_name: start.server, input: {} };
    case 'text':
    case 'refusal':
    case 'whole':
      return { type: 'text', text: '' };
  }
}
