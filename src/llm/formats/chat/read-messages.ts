import { extrasOf, isList, isObject, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Extras, JsonObject, Part, ToolCallPart, ToolResultPart } from '../../conversation/parts.ts';
import type { Role, Turn } from '../../conversation/request.ts';
import type { Members } from './members.ts';
import { readCache } from './cache-mark.ts';
import { readCitation, readContent } from './read-parts.ts';
import { readSignature, readThoughts } from './sealed.ts';

const MESSAGE = new Set(['role', 'content', 'name']);
const TOOL = new Set(['role', 'content', 'name', 'tool_call_id', 'cache_control']);
const ASSISTANT = new Set([
  'role',
  'content',
  'name',
  'refusal',
  'audio',
  'tool_calls',
  'function_call',
  'annotations',
  'reasoning_content',
  'reasoning',
  'reasoning_details',
  'thinking_blocks',
  'extra_content',
]);
const CALL = new Set(['id', 'type', 'index', 'function', 'custom', 'extra_content']);

interface OpenTurn {
  readonly role: Role;
  readonly parts: Part[];
  readonly name?: string | undefined;
  readonly extras?: Extras | undefined;
  /** Whether it holds results of tools, to which further ones are added. */
  readonly isResults?: boolean;
}

/** The conversation of a request. */
export interface Conversation {
  /** What stands before any other word. */
  readonly system: readonly Part[];
  readonly turns: readonly Turn[];
}

export function readMessages(request: Members): Conversation {
  const messages = request.objects('messages');
  if (messages.length === 0) throw invalid('messages must be a list with at least one message', 'messages');
  const reader = new MessagesReader();
  for (const message of messages) reader.read(message);
  return reader.finish();
}

class MessagesReader {
  readonly #system: Part[] = [];
  readonly #turns: OpenTurn[] = [];
  /** Calls without a result so far, the oldest first. */
  #pending: { readonly id: string; readonly name: string; readonly isFreeform: boolean }[] = [];
  #made = 0;

  read(message: Members): void {
    const role = message.needText('role');
    switch (role) {
      case 'system':
      case 'developer':
        this.#readSystem(message, role);
        return;
      case 'user':
        this.#push(message, 'user', readContent(message.get('content'), message.at('content')));
        return;
      case 'assistant':
        this.#push(message, 'assistant', this.#readAssistant(message), ASSISTANT);
        return;
      case 'tool':
      case 'function':
        this.#readResult(message, role);
        return;
      default:
        throw invalid(
          `${message.at('role')} is "${role}"; it must be system, developer, user, assistant or tool`,
          message.at('role'),
        );
    }
  }

  finish(): Conversation {
    return {
      system: this.#system,
      turns: this.#turns.map(({ isResults: _isResults, ...turn }) => turn),
    };
  }

  #push(message: Members, role: Role, parts: readonly Part[], known = MESSAGE): void {
    const name = message.text('name');
    const extras = extrasOf('chat', message.value, known);
    this.#turns.push({
      role,
      parts: [...parts],
      ...(name === undefined ? {} : { name }),
      ...(extras === undefined ? {} : { extras }),
    });
  }

  #readSystem(message: Members, role: string): void {
    const parts = readContent(message.get('content'), message.at('content'));
    if (this.#turns.length > 0) {
      this.#push(message, 'system', role === 'developer' ? parts.map(asDeveloper) : parts);
      return;
    }
    const about = extrasOf('chat', message.value, new Set(['role', 'content']))?.members;
    this.#system.push(
      ...parts.map((part) => {
        const named = about === undefined ? part : withMembers(part, about);
        return role === 'developer' ? asDeveloper(named) : named;
      }),
    );
  }

  #readAssistant(message: Members): readonly Part[] {
    const citations = (isList(message.get('annotations')) ? message.objects('annotations') : []).map(
      ({ value }) => readCitation(value),
    );
    const content = [...readContent(message.get('content'), message.at('content'))];
    const first = content.findIndex(({ kind }) => kind === 'text');
    const text = content[first];
    if (text?.kind === 'text') {
      // A seal beside the calls' own is that of the text.
      const seal = readSignature({ extra_content: message.get('extra_content') ?? null });
      content[first] = {
        ...text,
        ...(citations.length === 0 ? {} : { citations }),
        ...(seal === undefined ? {} : { seal }),
      };
    }
    const refusal = message.text('refusal');
    const audio = message.object('audio');
    return [
      ...readThoughts(message.value, 'client'),
      ...content,
      ...(refusal === undefined || refusal === '' ? [] : [{ kind: 'refusal', text: refusal } as const]),
      ...(audio === undefined
        ? []
        : [{ kind: 'audio', source: { kind: 'file', id: audio.needText('id'), format: 'chat' } } as const]),
      ...this.#readCalls(message),
    ];
  }

  #readCalls(message: Members): readonly ToolCallPart[] {
    const calls = message.objects('tool_calls').map((call) => this.#readCall(call));
    const legacy = message.object('function_call');
    if (legacy !== undefined) calls.push(this.#callOf(legacy, undefined, 'arguments', false));
    this.#pending = calls.map(({ id, name, isFreeform }) => ({ id, name, isFreeform: isFreeform === true }));
    return calls;
  }

  #readCall(call: Members): ToolCallPart {
    const isFreeform = call.text('type') === 'custom';
    const about = call.needObject(isFreeform ? 'custom' : 'function');
    const part = this.#callOf(about, call.text('id'), isFreeform ? 'input' : 'arguments', isFreeform);
    const seal = readSignature(call.value);
    const extras = extrasOf('chat', call.value, CALL);
    return {
      ...part,
      ...(seal === undefined ? {} : { seal }),
      ...(extras === undefined ? {} : { extras }),
    };
  }

  #callOf(about: Members, id: string | undefined, member: string, isFreeform: boolean): ToolCallPart {
    const input = about.get(member);
    if (input !== undefined && typeof input !== 'string' && !isObject(input))
      throw invalid(`${about.at(member)} must be a string`, about.at(member));
    return {
      kind: 'tool-call',
      id: id === undefined || id === '' ? this.#newId() : id,
      name: about.needText('name'),
      input: isObject(input) ? JSON.stringify(input) : (input ?? ''),
      ...(isFreeform ? { isFreeform } : {}),
    };
  }

  /** For calls without an id; the same request always gives the same ones. */
  #newId(): string {
    this.#made += 1;
    return `call_lanport_${this.#made}`;
  }

  #readResult(message: Members, role: string): void {
    const name = message.text('name');
    const call = this.#takeCall(message.text('tool_call_id'), name);
    const callId = message.text('tool_call_id') ?? call?.id;
    if (callId === undefined) {
      const member = role === 'tool' ? 'tool_call_id' : 'name';
      throw invalid(
        `${message.at(member)} must name a call of the assistant's message before it`,
        message.at(member),
      );
    }
    const tool = name ?? call?.name;
    const extras = extrasOf('chat', message.value, TOOL);
    const cache = readCache(message.get('cache_control'));
    const result: ToolResultPart = {
      kind: 'tool-result',
      callId,
      content: readContent(message.get('content'), message.at('content')),
      ...(tool === undefined ? {} : { name: tool }),
      ...(call?.isFreeform === true ? { isFreeform: true } : {}),
      ...(cache === undefined ? {} : { cache }),
      ...(extras === undefined ? {} : { extras }),
    };
    const last = this.#turns.at(-1);
    if (last?.isResults === true) last.parts.push(result);
    else this.#turns.push({ role: 'user', parts: [result], isResults: true });
  }

  #takeCall(
    id: string | undefined,
    name: string | undefined,
  ): { id: string; name: string; isFreeform: boolean } | undefined {
    const at = this.#pending.findIndex((call) =>
      id === undefined ? name === undefined || call.name === name : call.id === id,
    );
    return at < 0 ? undefined : this.#pending.splice(at, 1)[0];
  }
}

function asDeveloper(part: Part): Part {
  return {
    ...part,
    extras: { format: 'chat', members: part.extras?.members ?? {}, own: { role: 'developer' } },
  };
}

function withMembers(part: Part, members: JsonObject): Part {
  return { ...part, extras: { format: 'chat', members: { ...part.extras?.members, ...members } } };
}

/** Which of a system message's words its part came with; `system` when it does not say. */
export function roleOf(part: Part): string {
  return textOf(part.extras?.own?.['role']) ?? 'system';
}
