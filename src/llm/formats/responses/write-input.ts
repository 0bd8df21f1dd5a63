import type { Dropped } from '../../conversation/dropped.ts';
import type {
  Json,
  JsonObject,
  Part,
  RefusalPart,
  ServerCallPart,
  TextPart,
  ThinkingPart,
  ToolResultPart,
} from '../../conversation/parts.ts';
import type { ModelRequest, Turn } from '../../conversation/request.ts';
import { dropCommon, dropExtras, foreignName } from './drop-names.ts';
import { ownExtras } from './json-members.ts';
import { messageMembers } from './message-members.ts';
import type { WireNames } from './wire-names.ts';
import { writeContent, writeOutputContent } from './write-content.ts';

/** The items of a request's conversation; what they cannot say is reported. */
export function writeInput(request: ModelRequest, names: WireNames, dropped: Dropped): readonly JsonObject[] {
  const writer = new InputWriter(request, names, dropped);
  for (const turn of request.turns) writer.write(turn);
  return writer.items;
}

/** Ids of thoughts that this gateway wrote of another provider's, which this one cannot find (`newId`: a UUID of version 7 and a number). */
const OWN_THOUGHT = /^rs_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}[0-9a-z]{0,4}$/;

/** Whether a provider may find a thought under its id. */
function isKept(id: string | undefined): boolean {
  return id !== undefined && !OWN_THOUGHT.test(id);
}

class InputWriter {
  readonly items: JsonObject[] = [];
  readonly #names: WireNames;
  readonly #dropped: Dropped;
  /** Servers whose tools the provider itself may call. */
  readonly #labels: ReadonlySet<string>;
  /** Ids of calls of tools that take any text. */
  readonly #freeform: ReadonlySet<string>;

  constructor(request: ModelRequest, names: WireNames, dropped: Dropped) {
    this.#names = names;
    this.#dropped = dropped;
    this.#labels = new Set(request.tools.flatMap((tool) => (tool.kind === 'servers' ? [tool.label] : [])));
    const parts = request.turns.flatMap((turn) => turn.parts);
    this.#freeform = new Set(
      parts.flatMap((part) => (part.kind === 'tool-call' && part.isFreeform === true ? [part.id] : [])),
    );
  }

  write(turn: Turn): void {
    if (turn.name !== undefined) this.#dropped.add('messages.name');
    dropExtras(turn.extras, this.#dropped);
    if (turn.role === 'assistant') this.#writeAssistant(turn.parts);
    else this.#writeInput(turn.role === 'user' ? 'user' : 'developer', turn.parts);
  }

  /** Results of tools are items of their own; what is said between them is a message. */
  #writeInput(role: string, parts: readonly Part[]): void {
    let said: Part[] = [];
    const flush = (): void => {
      const first = said[0];
      const content = writeContent(said, this.#dropped);
      said = [];
      if (content.length > 0)
        this.items.push({ type: 'message', role, content, ...messageMembers(first!.extras) });
    };
    for (const part of parts) {
      const item = this.#inputItem(part);
      if (item === undefined) {
        said.push(part);
        continue;
      }
      flush();
      dropCommon(part, this.#dropped);
      this.items.push(item);
    }
    flush();
  }

  #inputItem(part: Part): JsonObject | undefined {
    if (part.kind === 'tool-result') return this.#toolResult(part);
    if (part.kind === 'foreign' && part.format === 'responses') return part.value;
    if (part.kind !== 'approval') return undefined;
    return {
      type: 'mcp_approval_response',
      ...itemId(part),
      approval_request_id: part.requestId,
      approve: part.isApproved,
      ...(part.reason === undefined ? {} : { reason: part.reason }),
      ...ownExtras(part.extras),
    };
  }

  #toolResult(part: ToolResultPart): JsonObject {
    if (part.isError === true) this.#dropped.add('messages.tool_result.is_error');
    const isFreeform = part.isFreeform ?? this.#freeform.has(part.callId);
    return {
      type: isFreeform ? 'custom_tool_call_output' : 'function_call_output',
      ...itemId(part),
      call_id: part.callId,
      output: this.#output(part.content),
      ...ownExtras(part.extras),
    };
  }

  #output(content: readonly Part[]): Json {
    const [first] = content;
    if (first === undefined) return '';
    if (
      content.length === 1 &&
      first.kind === 'text' &&
      first.extras === undefined &&
      first.cache === undefined
    )
      return first.text;
    return writeContent(content, this.#dropped);
  }

  #writeAssistant(parts: readonly Part[]): void {
    let at = 0;
    while (at < parts.length) {
      const part = parts[at]!;
      if (part.kind === 'text' || part.kind === 'refusal') {
        const said = runOf(parts, at, isSameMessage) as (TextPart | RefusalPart)[];
        this.items.push({
          type: 'message',
          ...itemId(part),
          role: 'assistant',
          content: said.map((one) => writeOutputContent(one, this.#dropped)),
          ...messageMembers(part.extras),
        });
        at += said.length;
      } else if (part.kind === 'thinking') {
        const thoughts = runOf(parts, at, isSameThought) as ThinkingPart[];
        this.#writeThoughts(thoughts);
        at += thoughts.length;
      } else {
        dropCommon(part, this.#dropped);
        this.items.push(...this.#assistantItems(part));
        at += 1;
      }
    }
  }

  /** Only a thought that this provider can open or find again may come back to it. */
  #writeThoughts(thoughts: readonly ThinkingPart[]): void {
    const [first] = thoughts;
    const seal = thoughts.at(-1)!.seal;
    if (seal === undefined ? !isKept(first!.itemId) : seal.format !== 'responses') {
      this.#dropped.add('messages.thinking');
      return;
    }
    const id = first!.itemId ?? seal?.id;
    const texts = (isSummary: boolean): readonly ThinkingPart[] =>
      thoughts.filter((one) => one.text !== '' && (one.isSummary === true) === isSummary);
    const content = texts(false).map(({ text }) => ({ type: 'reasoning_text', text }));
    this.items.push({
      type: 'reasoning',
      ...(id === undefined ? {} : { id }),
      summary: texts(true).map(({ text }) => ({ type: 'summary_text', text })),
      ...(content.length === 0 ? {} : { content }),
      ...(seal === undefined ? {} : { encrypted_content: seal.value }),
      ...ownExtras(first!.extras),
    });
  }

  #assistantItems(part: Part): readonly JsonObject[] {
    switch (part.kind) {
      case 'tool-call': {
        if (part.seal !== undefined) this.#dropped.add('contents.thoughtSignature');
        const isFreeform = part.isFreeform === true;
        return [
          {
            type: isFreeform ? 'custom_tool_call' : 'function_call',
            ...itemId(part),
            call_id: part.id,
            name: this.#names.byName.get(part.name) ?? part.name,
            ...(part.namespace === undefined ? {} : { namespace: part.namespace }),
            ...(isFreeform ? { input: part.input } : { arguments: part.input }),
            ...ownExtras(part.extras),
          },
        ];
      }
      case 'server-call':
        return this.#serverCall(part);
      case 'server-tools':
        return this.#labels.has(part.server) ? [serverToolsItem(part)] : [];
      case 'approval-request':
        if (this.#labels.has(part.server)) return [approvalItem(part)];
        this.#dropped.add('input.mcp_approval_request');
        return [];
      case 'foreign':
        if (part.format === 'responses') return [part.value];
        this.#dropped.add(foreignName(part.format, part.value));
        return [];
      case 'image':
        if (part.itemId !== undefined && part.source.kind === 'base64')
          return [imageItem(part.itemId, part.source.data, ownExtras(part.extras))];
        this.#dropped.add('messages.image');
        return [];
      default:
        this.#dropped.add(`messages.${part.kind}`);
        return [];
    }
  }

  /** A call of a server that this provider knows of, or a plain call and its output. */
  #serverCall(part: ServerCallPart): readonly JsonObject[] {
    const text = (part.output ?? []).flatMap((one) => (one.kind === 'text' ? [one.text] : [])).join('\n');
    if (this.#labels.has(part.server)) return [serverCallItem(part, text)];
    const call = {
      type: 'function_call',
      call_id: part.id,
      name: this.#names.byName.get(part.name) ?? part.name,
      arguments: part.input,
    };
    return [
      call,
      { type: 'function_call_output', call_id: part.id, output: this.#output(part.output ?? []) },
    ];
  }
}

/** The item of a call that the gateway, or the provider, made itself; `text`: its outcome. */
export function serverCallItem(part: ServerCallPart, text: string): JsonObject {
  const failed = part.isError === true;
  return {
    id: part.id,
    type: 'mcp_call',
    status: part.output === undefined ? 'incomplete' : failed ? 'failed' : 'completed',
    approval_request_id: part.approvalId ?? null,
    arguments: part.input,
    error: failed ? { type: 'mcp_tool_execution_error', content: [{ type: 'text', text }] } : null,
    name: part.name,
    output: part.output === undefined || failed ? null : text,
    server_label: part.server,
    ...ownExtras(part.extras),
  };
}

export function serverToolsItem(part: Extract<Part, { kind: 'server-tools' }>): JsonObject {
  return {
    id: part.id,
    type: 'mcp_list_tools',
    server_label: part.server,
    // What there is not is left out: the Vercel AI SDK takes no null here, and OpenAI's clients take both.
    tools: part.tools.map(({ name, description, schema }) => ({
      ...(description === undefined ? {} : { description }),
      input_schema: schema,
      name,
    })),
    ...(part.error === undefined ? {} : { error: part.error }),
    ...ownExtras(part.extras),
  };
}

export function approvalItem(part: Extract<Part, { kind: 'approval-request' }>): JsonObject {
  return {
    id: part.id,
    type: 'mcp_approval_request',
    arguments: part.input,
    name: part.name,
    server_label: part.server,
    ...ownExtras(part.extras),
  };
}

export function imageItem(id: string, data: string, members: JsonObject): JsonObject {
  return { id, type: 'image_generation_call', status: 'completed', result: data, ...members };
}

function itemId(part: Part): JsonObject {
  return part.itemId === undefined ? {} : { id: part.itemId };
}

/** The parts from `start` on of which each belongs to the one before it. */
function runOf(
  parts: readonly Part[],
  start: number,
  joins: (last: Part, next: Part) => boolean,
): readonly Part[] {
  let end = start + 1;
  while (end < parts.length && joins(parts[end - 1]!, parts[end]!)) end += 1;
  return parts.slice(start, end);
}

function isSameMessage(last: Part, next: Part): boolean {
  return (
    (next.kind === 'text' || next.kind === 'refusal') &&
    next.itemId === last.itemId &&
    Object.keys(messageMembers(next.extras)).length === 0
  );
}

/** A seal ends the item that it is of. */
function isSameThought(last: Part, next: Part): boolean {
  return (
    last.kind === 'thinking' &&
    last.seal === undefined &&
    next.kind === 'thinking' &&
    next.itemId === last.itemId
  );
}
