import { invalid } from '../../conversation/llm-failure.ts';
import type { Json, Part } from '../../conversation/parts.ts';
import type { Role, Turn } from '../../conversation/request.ts';
import { isObject, type Members, membersOf } from './json-members.ts';
import { withMessageMembers } from './message-members.ts';
import { readContent } from './read-content.ts';
import { readItem } from './read-items.ts';
import type { Sealed } from './seal-code.ts';

/** The conversation of a request, without its `instructions`. */
export interface Input {
  /** What the developer says before anybody else does. */
  readonly system: readonly Part[];
  readonly turns: readonly Turn[];
}

interface OpenTurn {
  readonly role: Role;
  readonly parts: Part[];
  /** Whether items that follow may be part of it. Messages of users and developers stay by themselves. */
  readonly isOpen: boolean;
}

/** `input`: a string, or a list of items. Throws LlmFailure. */
export function readInput(input: Json | undefined): Input {
  if (input === undefined || input === null) return { system: [], turns: [] };
  if (typeof input === 'string')
    return { system: [], turns: [{ role: 'user', parts: [{ kind: 'text', text: input }] }] };
  if (!Array.isArray(input)) throw invalid('input must be a string or a list of items', 'input');
  const reader = new InputReader();
  (input as readonly Json[]).forEach((item, at) => {
    if (!isObject(item)) throw invalid(`input[${at}] must be an object`, `input[${at}]`);
    reader.read(membersOf(item, `input[${at}]`));
  });
  return reader.finish();
}

class InputReader {
  readonly #system: Part[] = [];
  readonly #turns: OpenTurn[] = [];
  readonly #callSeals: Sealed[] = [];
  readonly #names = new Map<string, string>();

  read(item: Members): void {
    const type = item.text('type') ?? (item.value['role'] === undefined ? undefined : 'message');
    if (type === 'message') {
      this.#readMessage(item);
      return;
    }
    if (type === undefined && item.text('id') === undefined)
      throw invalid(`${item.path} needs a type`, item.at('type'));
    const { role, parts, callSeal } = readItem(item, type ?? 'item_reference');
    if (callSeal !== undefined) this.#callSeals.push(callSeal);
    for (const part of parts) this.#add(role, part);
  }

  finish(): Input {
    for (const sealed of this.#callSeals) this.#sealCall(sealed);
    return { system: this.#system, turns: this.#turns.map(({ role, parts }) => ({ role, parts })) };
  }

  #readMessage(item: Members): void {
    const role = item.needText('role');
    const parts = messageParts(item);
    if (role === 'assistant') for (const part of parts) this.#add('assistant', part);
    else if (role === 'user') this.#turns.push({ role, parts: [...parts], isOpen: false });
    else if (role === 'developer' || role === 'system') {
      if (this.#turns.length === 0) this.#system.push(...parts);
      else this.#turns.push({ role: 'system', parts: [...parts], isOpen: false });
    } else
      throw invalid(
        `${item.at('role')} is "${role}"; it must be user, assistant, developer or system`,
        item.at('role'),
      );
  }

  #add(role: Role, read: Part): void {
    const last = this.#turns.at(-1);
    const part = this.#named(read);
    if (last !== undefined && last.isOpen && last.role === role) last.parts.push(part);
    else this.#turns.push({ role, parts: [part], isOpen: true });
  }

  /** Outputs do not say whose they are; the calls before them do. */
  #named(part: Part): Part {
    if (part.kind === 'tool-call') this.#names.set(part.id, part.name);
    return part.kind === 'tool-result' ? { ...part, name: this.#names.get(part.callId) } : part;
  }

  #sealCall({ seal, callId }: Sealed): void {
    for (const { parts } of this.#turns) {
      const at = parts.findIndex((part) => part.kind === 'tool-call' && part.id === callId);
      const call = parts[at];
      if (call?.kind === 'tool-call') parts[at] = { ...call, seal };
    }
  }
}

function messageParts(item: Members): readonly Part[] {
  const itemId = item.text('id');
  const own = item.rest(['type', 'role', 'content', 'id']);
  if (own['status'] === 'completed') delete own['status'];
  return readContent(item.value['content'], item.at('content')).map((part, at) => ({
    ...part,
    itemId,
    extras: at === 0 ? withMessageMembers(part.extras, own) : part.extras,
  }));
}
