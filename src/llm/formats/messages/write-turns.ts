import type { JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest, Turn } from '../../conversation/request.ts';
import { writePart, type Writing } from './write-parts.ts';

interface Message {
  readonly role: 'user' | 'assistant' | 'system';
  content: JsonObject[];
  /** Members of the message that only this format has. */
  readonly members: JsonObject;
}

/**
 * The turns as messages that the provider accepts: roles alternate, results of tools come first in the message after their calls, a turn that
 * says nothing is left out. Turns of the role `system` stay what they are for a client of this format; where they come from another one, models
 * that know no such role shall read them too, so they are told as marked text of the user.
 */
export function writeTurns(request: ModelRequest, writing: Writing, isOwn: boolean): readonly JsonObject[] {
  const messages: Message[] = [];
  for (const turn of request.turns) {
    if (turn.name !== undefined) writing.dropped.add('messages.name');
    for (const message of writeTurn(turn, writing, isOwn)) append(messages, message);
  }
  for (const message of messages) {
    if (message.role === 'user')
      message.content = sorted(message.content, (block) => block['type'] === 'tool_result');
    else if (message.role === 'assistant' && !isOwn) message.content = sorted(message.content, isThought);
  }
  if (messages.length === 0 || (messages[0]?.role === 'assistant' && !isOwn))
    messages.unshift({ role: 'user', content: [{ type: 'text', text: 'Continue.' }], members: {} });
  const last = messages.at(-1);
  if (last?.role === 'assistant' && !isOwn) last.content = last.content.map(withoutTrailingSpace);
  return messages.map(({ role, content, members }) => ({ role, content, ...members }));
}

/** Whether the conversation is between a call and its result, and the turn of the call does not begin with a thought. */
export function isLoopUnsealed(messages: readonly JsonObject[]): boolean {
  const result = messages.at(-1);
  const call = messages.at(-2);
  if (result?.['role'] !== 'user' || call?.['role'] !== 'assistant') return false;
  const blocks = result['content'] as readonly JsonObject[];
  const first = (call['content'] as readonly JsonObject[])[0];
  return blocks.some((block) => block['type'] === 'tool_result') && first !== undefined && !isThought(first);
}

/** Whether the conversation is between a call and its result, and no turn since the user last spoke holds a thought. */
export function isLoopThoughtless(messages: readonly JsonObject[]): boolean {
  if (!isLoopUnsealed(messages)) return false;
  for (const message of messages.toReversed()) {
    const blocks = message['content'] as readonly JsonObject[];
    if (message['role'] === 'assistant' && blocks.some(isThought)) return false;
    if (message['role'] === 'user' && !blocks.some((block) => block['type'] === 'tool_result')) return true;
  }
  return true;
}

function writeTurn(turn: Turn, writing: Writing, isOwn: boolean): readonly Message[] {
  const members = turn.extras?.format === 'messages' ? turn.extras.members : {};
  if (turn.extras !== undefined && turn.extras.format !== 'messages')
    for (const name in turn.extras.members) writing.dropped.add(`messages.${name}`);
  const blocks = turn.parts.flatMap((part) => writePart(part, writing));
  if (turn.role === 'system') {
    // Without content it may still change the tools or the effort.
    if (isOwn) return [{ role: 'system', content: blocks, members }];
    writing.dropped.add('messages.role');
    return [{ role: 'user', content: blocks.map(marked), members: {} }];
  }
  if (turn.role === 'user') return [{ role: 'user', content: blocks, members }];
  return splitAtResults(blocks).map((content, index) =>
    // Results of tools that the gateway called are in the middle of what the model said; here the user brings them.
    index % 2 === 0 ? { role: 'assistant', content, members } : { role: 'user', content, members: {} },
  );
}

/** Lists of blocks that the model said (even) and of results (odd), in order. */
function splitAtResults(blocks: readonly JsonObject[]): readonly JsonObject[][] {
  const lists: JsonObject[][] = [[]];
  // Calls side by side stay in one message, as do their results.
  let results: JsonObject[] = [];
  for (const block of blocks) {
    if (block['type'] === 'tool_result') results.push(block);
    else {
      if (results.length > 0 && block['type'] !== 'tool_use') {
        lists.push(results, []);
        results = [];
      }
      lists.at(-1)?.push(block);
    }
  }
  if (results.length > 0) lists.push(results);
  return lists;
}

function append(messages: Message[], message: Message): void {
  const before = messages.at(-1);
  if (message.role === 'system') {
    messages.push(message);
    return;
  }
  if (message.content.length === 0) return;
  if (before?.role === message.role) before.content.push(...message.content);
  else messages.push({ ...message, content: [...message.content] });
}

function sorted(blocks: readonly JsonObject[], isFirst: (block: JsonObject) => boolean): JsonObject[] {
  return [...blocks.filter(isFirst), ...blocks.filter((block) => !isFirst(block))];
}

function isThought(block: JsonObject): boolean {
  return block['type'] === 'thinking' || block['type'] === 'redacted_thinking';
}

function marked(block: JsonObject): JsonObject {
  return block['type'] === 'text'
    ? { ...block, text: `<system>\n${String(block['text'])}\n</system>` }
    : block;
}

/** The provider refuses a last turn of the assistant that ends in white space. */
function withoutTrailingSpace(block: JsonObject, index: number, blocks: readonly JsonObject[]): JsonObject {
  return index === blocks.length - 1 && block['type'] === 'text'
    ? { ...block, text: String(block['text']).trimEnd() }
    : block;
}
