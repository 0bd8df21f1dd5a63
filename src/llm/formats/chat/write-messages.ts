import { ownExtras } from '../../conversation/json.ts';
import type {
  Json,
  JsonObject,
  Part,
  ServerCallPart,
  ToolCallPart,
  ToolResultPart,
} from '../../conversation/parts.ts';
import type { ModelRequest, Turn } from '../../conversation/request.ts';
import { wrapFreeform } from '../../conversation/tool-names.ts';
import { roleOf } from './read-messages.ts';
import { AssistantMessage } from './write-assistant.ts';
import { type Writing, writeContentPart } from './write-parts.ts';

/** Between texts that another format has as several, where this one has a single string. */
const BETWEEN = '\n\n';

/** `messages`. */
export function writeMessages(request: ModelRequest, writing: Writing): readonly JsonObject[] {
  const messages: JsonObject[] = [];
  /** From the results of tools, waiting for a user's message: none may stand between a call and its result. */
  let shown: readonly JsonObject[] = [];
  const show = (): void => {
    if (shown.length > 0) messages.push({ role: 'user', content: shown });
    shown = [];
  };
  writeSystem(request.system, writing, messages);
  for (const turn of request.turns) {
    if (turn.role === 'user') {
      writeUser(turn, shown, writing, messages);
      shown = [];
      continue;
    }
    show();
    if (turn.role === 'system') writeSystem(turn.parts, writing, messages, turn);
    else shown = writeAssistant(turn, writing, messages);
  }
  show();
  return messages;
}

function about(turn: Turn | undefined, writing: Writing): JsonObject {
  return {
    ...(turn?.name === undefined ? {} : { name: turn.name }),
    ...ownExtras('chat', turn?.extras, writing.dropped, 'messages'),
  };
}

/** One message for all of it, or one for each of the words that a client of this format used. */
function writeSystem(parts: readonly Part[], writing: Writing, messages: JsonObject[], turn?: Turn): void {
  let from = 0;
  while (from < parts.length) {
    const role = roleOf(parts[from]!);
    let to = from + 1;
    while (to < parts.length && roleOf(parts[to]!) === role) to += 1;
    const content = textContent(parts.slice(from, to), writing);
    if (content !== undefined) messages.push({ role, content, ...about(turn, writing) });
    from = to;
  }
}

function writeParts(parts: readonly Part[], writing: Writing): readonly JsonObject[] {
  return parts.map((part) => writeContentPart(part, writing)).filter((part) => part !== undefined);
}

/** Texts as one string where the provider may take no list, and nothing is lost by it. */
function textContent(parts: readonly Part[], writing: Writing): Json | undefined {
  const written = writeParts(parts, writing);
  if (written.length === 0) return undefined;
  const isPlain = written.every((part) => part['type'] === 'text' && Object.keys(part).length === 2);
  if (!isPlain || (writing.isOwn && written.length > 1)) return written;
  return written.map(({ text }) => text).join(BETWEEN);
}

/** Results of tools first, as messages of their own: they must follow the calls at once. */
function writeUser(
  turn: Turn,
  before: readonly JsonObject[],
  writing: Writing,
  messages: JsonObject[],
): void {
  const shown = [...before];
  const others: Part[] = [];
  for (const part of turn.parts)
    if (part.kind === 'tool-result') shown.push(...writeResult(part, writing, messages));
    else others.push(part);
  const content: readonly JsonObject[] = [...shown, ...writeParts(others, writing)];
  const hasResults = others.length < turn.parts.length;
  if (content.length === 0 && hasResults) return;
  const [first] = content;
  const isText = content.length === 1 && first?.['type'] === 'text' && Object.keys(first).length === 2;
  messages.push({
    role: 'user',
    content: isText ? (first?.['text'] ?? '') : content.length === 0 ? '' : content,
    ...about(turn, writing),
  });
}

/** Writes a result; what a tool's message cannot hold (images, files) comes back as parts for a user's message that follows. */
function writeResult(
  result: Pick<ToolResultPart, 'callId' | 'content' | 'isError' | 'cache' | 'extras'>,
  writing: Writing,
  messages: JsonObject[],
): readonly JsonObject[] {
  if (result.isError === true) writing.dropped.add('messages.content.is_error');
  const texts = result.content.filter(({ kind }) => kind === 'text');
  const shown = writeParts(
    result.content.filter(({ kind }) => kind !== 'text'),
    writing,
  );
  const cache = writing.cache(result.cache, 'messages.cache_control');
  const content = textContent(texts, writing) ?? '';
  messages.push({
    role: 'tool',
    tool_call_id: result.callId,
    content: shown.length > 0 && content === '' ? 'The result follows in the next message.' : content,
    ...cache,
    ...ownExtras('chat', result.extras, writing.dropped, 'messages'),
  });
  if (shown.length === 0) return [];
  return [{ type: 'text', text: `From the result of the tool call ${result.callId}:` }, ...shown];
}

/**
 * An assistant's turn; a call that the gateway made itself is an ordinary call and its result, after which the assistant goes on. Returns what
 * the last results show and no message of theirs can hold.
 */
function writeAssistant(turn: Turn, writing: Writing, messages: JsonObject[]): readonly JsonObject[] {
  let message = new AssistantMessage(writing);
  let done: ServerCallPart[] = [];
  const flush = (): readonly JsonObject[] => {
    const written = message.finish();
    if (written !== undefined) messages.push({ ...written, ...about(turn, writing) });
    const shown = done.flatMap((call) =>
      writeResult({ callId: call.id, content: call.output ?? [], isError: call.isError }, writing, messages),
    );
    message = new AssistantMessage(writing);
    done = [];
    return shown;
  };
  for (const part of turn.parts) {
    if (part.kind === 'server-call') {
      message.addCall(callOf(part), writeCall(callOf(part), writing));
      done.push(part);
      continue;
    }
    if (done.length > 0 && part.kind !== 'tool-call') {
      const shown = flush();
      if (shown.length > 0) messages.push({ role: 'user', content: shown });
    }
    if (part.kind === 'tool-call') message.addCall(part, writeCall(part, writing));
    else message.add(part);
  }
  return flush();
}

function callOf(part: ServerCallPart): ToolCallPart {
  return { kind: 'tool-call', id: part.id, name: part.name, input: part.input, extras: part.extras };
}

function writeCall(part: ToolCallPart, writing: Writing): JsonObject {
  const name = writing.names.wire(part.name, part.namespace);
  const extras = ownExtras('chat', part.extras, writing.dropped, 'messages.tool_calls');
  if (part.isFreeform === true && writing.hasFreeform)
    return { id: part.id, type: 'custom', custom: { name, input: part.input }, ...extras };
  const input = part.isFreeform === true ? wrapFreeform(part.input) : part.input;
  return {
    id: part.id,
    type: 'function',
    // Some providers parse it, and an empty text is no JSON.
    function: { name, arguments: input.trim() === '' && !writing.isOwn ? '{}' : input },
    ...extras,
  };
}
