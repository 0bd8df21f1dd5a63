import type { AnswerEvent, PartStart, Stop, Usage } from '../../conversation/answer.ts';
import type { AnswerFacts, AnswerWriter } from '../../conversation/format.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject, Part, Seal } from '../../conversation/parts.ts';
import {
  type AnswerManner,
  annotationOf,
  BETWEEN,
  GatewayWork,
  mannerOf,
  wholeMembers,
} from './answer-members.ts';
import { errorEvent } from './errors.ts';
import { writeBlock, writeDetail, writeSignature } from './sealed.ts';
import { writeStop } from './stop.ts';
import { writeUsage } from './usage.ts';

const NOTHING = Buffer.alloc(0);
const PING = Buffer.from(': ping\n\n');
const DONE = 'data: [DONE]\n\n';

interface OpenPart {
  readonly start: PartStart;
  /** Number among `tool_calls`. */
  readonly index: number;
  /** The beginning of a call, kept back until it is known whether a seal goes with it. */
  held: boolean;
  text: string;
  seal: Seal | undefined;
  output: readonly Part[] | undefined;
  /** Characters of the message before this text. */
  readonly before: number;
  /** Stands before its first word. */
  gap: string;
}

/** Writes an answer as chunks. */
export class StreamWriter implements AnswerWriter {
  readonly #facts: AnswerFacts;
  readonly #open = new Map<number, OpenPart>();
  readonly #work = new GatewayWork();
  #manner: AnswerManner | undefined;
  #head = '';
  #tail = '';
  #calls = 0;
  #hasRefusal = false;
  #length = 0;
  /** Whether the latest part was a text, after which another goes on without a gap. */
  #isText = false;
  #hasThoughts = false;
  #usage: Usage | undefined;

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
  }

  write(event: AnswerEvent): Buffer {
    switch (event.kind) {
      case 'start':
        this.#begin(event.id, event.createdAt);
        return this.#chunk({ role: 'assistant', content: '', refusal: null });
      case 'part-start':
        return this.#partStart(event.at, event.part);
      case 'text':
        return this.#text(event.at, event.text);
      case 'input':
        return this.#input(event.at, event.text);
      case 'result': {
        const part = this.#open.get(event.at);
        if (part !== undefined) part.output = event.content;
        return NOTHING;
      }
      case 'seal':
        return this.#sealed(event.at, event.seal);
      case 'citation': {
        const part = this.#open.get(event.at);
        const annotation = annotationOf(event.citation, part?.before ?? 0, this.#length, this.#facts.dropped);
        return annotation === undefined ? NOTHING : this.#chunk({ annotations: [annotation] });
      }
      case 'logprobs':
        return this.#logprobs(event.at, event.tokens);
      case 'part-end':
        return this.#partEnd(event.at);
      case 'usage':
        this.#usage = event.usage;
        return NOTHING;
      case 'stop':
        return this.#stop(event.stop);
      case 'ping':
        return PING;
      case 'end':
        return this.#end();
    }
  }

  fail(failure: LlmFailure): Buffer {
    return errorEvent(failure);
  }

  ping(): Buffer {
    return PING;
  }

  #begin(id: string, createdAt: number): AnswerManner {
    const manner = mannerOf({ id, createdAt }, this.#facts);
    this.#manner = manner;
    const about = JSON.stringify({
      id: manner.id,
      object: 'chat.completion.chunk',
      created: manner.created,
      model: manner.model,
    });
    this.#head = `data: ${about.slice(0, -1)},"choices":[{"index":0,"delta":`;
    // Clients that ask for the usage get the member with every chunk, as OpenAI has it.
    this.#tail = `}]${manner.wantsUsage ? ',"usage":null' : ''}}\n\n`;
    return manner;
  }

  #chunk(delta: JsonObject, logprobs: Json = null, reason: string | null = null): Buffer {
    if (this.#manner === undefined) this.#begin('', 0);
    return Buffer.from(
      `${this.#head}${JSON.stringify(delta)},"logprobs":${JSON.stringify(logprobs)},"finish_reason":${JSON.stringify(reason)}${this.#tail}`,
    );
  }

  #partStart(at: number, start: PartStart): Buffer {
    const isFollowing = this.#isText;
    this.#isText = start.kind === 'text';
    const isCall = start.kind === 'tool-call';
    const isApart =
      start.kind === 'text'
        ? !isFollowing && this.#length > 0
        : start.kind === 'thinking' && this.#hasThoughts;
    this.#open.set(at, {
      start,
      index: isCall ? this.#calls : 0,
      held: isCall,
      text: '',
      seal: undefined,
      output: undefined,
      gap: isApart ? BETWEEN : '',
      before: this.#length + (isApart && start.kind === 'text' ? BETWEEN.length : 0),
    });
    if (isCall) {
      this.#calls += 1;
      if (this.#isUnseen(this.#calls - 1)) this.#facts.dropped.add('tool_calls');
    }
    if (start.kind === 'refusal') this.#hasRefusal = true;
    if (start.kind === 'whole') return this.#whole(start.part);
    return NOTHING;
  }

  #whole(part: Part): Buffer {
    if (part.kind === 'server-tools') {
      const work = new GatewayWork();
      work.addTools(part);
      return this.#chunk(work.members());
    }
    const members = wholeMembers(part, this.#facts.dropped);
    return members === undefined ? NOTHING : this.#chunk(members);
  }

  #text(at: number, text: string): Buffer {
    const part = this.#open.get(at);
    if (part === undefined || text === '') return NOTHING;
    const { gap } = part;
    part.gap = '';
    switch (part.start.kind) {
      case 'text':
        this.#length += gap.length + text.length;
        return this.#chunk({ content: gap + text });
      case 'refusal':
        return this.#chunk({ refusal: text });
      case 'thinking':
        part.text += text;
        this.#hasThoughts = true;
        return this.#chunk({ reasoning_content: gap + text });
      default:
        return NOTHING;
    }
  }

  #input(at: number, text: string): Buffer {
    const part = this.#open.get(at);
    if (part === undefined || text === '') return NOTHING;
    if (part.start.kind === 'server-call') {
      part.text += text;
      return NOTHING;
    }
    const begin = this.#callBegin(part, undefined);
    // Only whether there was any is asked later.
    part.text = '…';
    return Buffer.concat([begin, this.#callInput(part, text)]);
  }

  /** The beginning of a call, and of those before it: clients know them by their order. */
  #callBegin(part: OpenPart, seal: Seal | undefined): Buffer {
    if (!part.held) return NOTHING;
    const begun: Buffer[] = [];
    for (const other of this.#open.values())
      if (other.held && other.index < part.index) begun.push(this.#beginOne(other, undefined));
    begun.push(this.#beginOne(part, seal));
    return begun.length === 1 ? begun[0]! : Buffer.concat(begun);
  }

  #beginOne(part: OpenPart, seal: Seal | undefined): Buffer {
    if (part.start.kind !== 'tool-call') return NOTHING;
    part.held = false;
    const { id, name, isFreeform } = part.start;
    if (this.#manner?.isLegacy === true)
      return this.#isUnseen(part.index) ? NOTHING : this.#chunk({ function_call: { name, arguments: '' } });
    return this.#chunk({
      tool_calls: [
        {
          index: part.index,
          id,
          ...(isFreeform === true
            ? { type: 'custom', custom: { name, input: '' } }
            : { type: 'function', function: { name, arguments: '' } }),
          ...(seal === undefined ? {} : writeSignature(seal)),
        },
      ],
    });
  }

  #callInput(part: OpenPart, text: string): Buffer {
    if (part.start.kind !== 'tool-call') return NOTHING;
    if (this.#manner?.isLegacy === true)
      return this.#isUnseen(part.index) ? NOTHING : this.#chunk({ function_call: { arguments: text } });
    const said =
      part.start.isFreeform === true ? { custom: { input: text } } : { function: { arguments: text } };
    return this.#chunk({ tool_calls: [{ index: part.index, ...said }] });
  }

  /** A client that asked with `functions` knows of one call only. */
  #isUnseen(index: number): boolean {
    return this.#manner?.isLegacy === true && index > 0;
  }

  #sealed(at: number, seal: Seal): Buffer {
    const part = this.#open.get(at);
    if (part === undefined) return NOTHING;
    switch (part.start.kind) {
      case 'thinking':
        // Goes out at the part's end, with the whole text that it seals.
        part.seal = seal;
        return NOTHING;
      case 'tool-call':
        if (part.held) return this.#callBegin(part, seal);
        return this.#chunk({ tool_calls: [{ index: part.index, ...writeSignature(seal) }] });
      case 'text':
        return this.#chunk(writeSignature(seal));
      default:
        return NOTHING;
    }
  }

  #logprobs(at: number, tokens: readonly Json[]): Buffer {
    const isRefusal = this.#open.get(at)?.start.kind === 'refusal';
    return this.#chunk(
      {},
      isRefusal ? { content: null, refusal: tokens } : { content: tokens, refusal: null },
    );
  }

  #partEnd(at: number): Buffer {
    const part = this.#open.get(at);
    if (part === undefined) return NOTHING;
    this.#open.delete(at);
    const { start, text, seal } = part;
    switch (start.kind) {
      case 'thinking':
        if (seal === undefined) return NOTHING;
        return this.#chunk(
          seal.format === 'chat' && seal.kind === 'encrypted'
            ? { reasoning_details: [writeDetail(text, seal)] }
            : { thinking_blocks: [writeBlock(text, seal, start.isSummary)] },
        );
      case 'tool-call': {
        const begin = this.#callBegin(part, undefined);
        const isEmpty = text === '' && start.isFreeform !== true;
        // Clients parse it, and an empty text is no JSON.
        return isEmpty ? Buffer.concat([begin, this.#callInput(part, '{}')]) : begin;
      }
      case 'server-call':
        this.#work.addCall({ ...start, input: text, output: part.output });
        return NOTHING;
      default:
        return NOTHING;
    }
  }

  #stop(stop: Stop): Buffer {
    const reason = writeStop(stop, { hasCalls: this.#calls > 0, hasRefusal: this.#hasRefusal });
    const isLegacyCall = this.#manner?.isLegacy === true && reason === 'tool_calls';
    return this.#chunk(this.#work.members(), null, isLegacyCall ? 'function_call' : reason);
  }

  #end(): Buffer {
    const manner = this.#manner ?? this.#begin('', 0);
    if (!manner.wantsUsage || this.#usage === undefined) return Buffer.from(DONE);
    const chunk = {
      id: manner.id,
      object: 'chat.completion.chunk',
      created: manner.created,
      model: manner.model,
      choices: [],
      usage: writeUsage(this.#usage),
    };
    return Buffer.from(`data: ${JSON.stringify(chunk)}\n\n${DONE}`);
  }
}
