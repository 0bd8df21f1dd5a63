import { extrasOf, isList, isObject, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type {
  CacheMark,
  Extras,
  Json,
  JsonObject,
  Part,
  Seal,
  ServerCallPart,
  Source,
} from '../../conversation/parts.ts';
import { unpackSeal, type PackedSeal } from '../../conversation/seal-code.ts';
import { readCitations } from './citations.ts';

const known = (...names: string[]): ReadonlySet<string> => new Set(['type', 'cache_control', ...names]);
const TEXT = known('text', 'citations');
const IMAGE = known('source');
const DOCUMENT = known('source', 'title', 'context');
const THINKING = known('thinking', 'signature');
const REDACTED = known('data');
const TOOL_USE = known('id', 'name', 'input');
const TOOL_RESULT = known('tool_use_id', 'content', 'is_error');
const MCP_TOOL_USE = known('id', 'name', 'server_name', 'input');
const REFERENCE = known();

/**
 * Reads content: text, or blocks. `names` collects the tools that were called, by the id of the call, so that results can name theirs.
 * Blocks that only this format has become foreign parts. Throws LlmFailure (`invalid`).
 */
export function readContent(
  content: Json | undefined,
  at: string,
  names: Map<string, string>,
): readonly Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }];
  if (content === undefined || content === null) return [];
  if (!isList(content)) throw invalid(`${at} must be text or a list of content blocks.`, at);
  const parts: Part[] = [];
  let ahead: Seal | undefined;
  for (const [index, block] of content.entries()) {
    const path = `${at}[${index}]`;
    if (!isObject(block) || typeof block['type'] !== 'string')
      throw invalid(`${path} must be an object with a "type".`, path);
    if (block['type'] === 'mcp_tool_result' && joinResult(block, path, parts, names)) continue;
    const packed = block['type'] === 'redacted_thinking' ? unpackSeal(String(block['data'])) : undefined;
    if (packed !== undefined && packed.place !== 'self') {
      if (packed.place === 'next') ahead = packed.seal;
      else placeSeal(packed, parts);
      continue;
    }
    let part = readBlock(block, path, names);
    if (ahead !== undefined && canBeSealed(part)) part = { ...part, seal: ahead };
    ahead = undefined;
    parts.push(part);
  }
  return parts;
}

/** One content block, of a request or of a whole answer. */
export function readBlock(block: JsonObject, at: string, names: Map<string, string>): Part {
  switch (block['type']) {
    case 'text':
      return {
        kind: 'text',
        text: needText(block, 'text', at),
        citations: readCitations(block['citations']),
        ...common(block, TEXT),
      };
    case 'image':
      return { kind: 'image', source: readSource(block['source'], `${at}.source`), ...common(block, IMAGE) };
    case 'document':
      return readDocument(block, at);
    case 'thinking':
      return readThinking(block, at);
    case 'redacted_thinking': {
      const data = needText(block, 'data', at);
      const packed = unpackSeal(data);
      const seal: Seal = packed?.seal ?? { format: 'messages', kind: 'redacted', value: data };
      return { kind: 'thinking', text: '', isSummary: packed?.isSummary, seal, ...common(block, REDACTED) };
    }
    case 'tool_use': {
      const id = needText(block, 'id', at);
      const name = needText(block, 'name', at);
      names.set(id, name);
      return { kind: 'tool-call', id, name, input: inputText(block['input']), ...common(block, TOOL_USE) };
    }
    case 'tool_result': {
      const callId = needText(block, 'tool_use_id', at);
      return {
        kind: 'tool-result',
        callId,
        name: names.get(callId),
        content: readContent(block['content'], `${at}.content`, names),
        isError: block['is_error'] === true ? true : undefined,
        ...common(block, TOOL_RESULT),
      };
    }
    case 'mcp_tool_use':
      return {
        kind: 'server-call',
        id: needText(block, 'id', at),
        server: textOf(block['server_name']) ?? '',
        name: needText(block, 'name', at),
        input: inputText(block['input']),
        output: undefined,
        ...common(block, MCP_TOOL_USE),
      };
    case 'tool_reference': {
      // Claude Code's answer to a search for tools. Where all tools are offered at once, the sentence is what remains to be said.
      const name = needText(block, 'tool_name', at);
      const extras: Extras = { format: 'messages', members: { type: 'tool_reference', tool_name: name } };
      return { kind: 'text', text: `The tool ${name} is available.`, ...common(block, REFERENCE), extras };
    }
    default:
      return { kind: 'foreign', format: 'messages', value: block };
  }
}

/** The input of a call as text. The object was parsed by whoever read the request; its members keep their order. */
export function inputText(input: Json | undefined): string {
  if (input === undefined || input === null) return '{}';
  return typeof input === 'string' ? input : JSON.stringify(input);
}

export function readCache(value: Json | undefined): CacheMark | undefined {
  if (!isObject(value)) return undefined;
  return { ttl: value['ttl'] === '1h' ? '1h' : '5m' };
}

function readThinking(block: JsonObject, at: string): Part {
  const text = textOf(block['thinking']) ?? '';
  const signature = textOf(block['signature']);
  const rest = common(block, THINKING);
  if (block['thinking'] !== undefined && block['thinking'] !== null && typeof block['thinking'] !== 'string')
    throw invalid(`${at}.thinking must be text.`, `${at}.thinking`);
  if (signature === undefined || signature === '') return { kind: 'thinking', text, ...rest };
  const packed = unpackSeal(signature);
  const seal: Seal = packed?.seal ?? { format: 'messages', kind: 'signature', value: signature };
  return { kind: 'thinking', text, isSummary: packed?.isSummary, seal, ...rest };
}

function readDocument(block: JsonObject, at: string): Part {
  const raw = block['source'];
  const about = { name: textOf(block['title']), context: textOf(block['context']) };
  const rest = common(block, DOCUMENT);
  if (isObject(raw) && raw['type'] === 'content') {
    const source: Source = { kind: 'text', text: textOfContent(raw['content']) };
    // Its blocks are what citations count by, so the object itself goes along for this format.
    const extras: Extras = { format: 'messages', members: { ...rest.extras?.members, source: raw } };
    return { kind: 'document', source, ...about, ...rest, extras };
  }
  return { kind: 'document', source: readSource(raw, `${at}.source`), ...about, ...rest };
}

function textOfContent(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  if (!isList(content)) return '';
  return content
    .map((block) => (isObject(block) ? (textOf(block['text']) ?? '') : ''))
    .filter((text) => text !== '')
    .join('\n\n');
}

function readSource(source: Json | undefined, at: string): Source {
  if (!isObject(source)) throw invalid(`${at} must be an object with a "type".`, at);
  switch (source['type']) {
    case 'base64':
      return {
        kind: 'base64',
        mediaType: needText(source, 'media_type', at),
        data: needText(source, 'data', at),
      };
    case 'url':
      return { kind: 'url', url: needText(source, 'url', at) };
    case 'text':
      return { kind: 'text', text: needText(source, 'data', at) };
    case 'file':
      return { kind: 'file', id: needText(source, 'file_id', at), format: 'messages' };
    default:
      throw invalid(`${at}.type must be "base64", "url", "text", "content" or "file".`, `${at}.type`);
  }
}

/** Gives a call of the gateway its result; they are two blocks here. */
function joinResult(block: JsonObject, at: string, parts: Part[], names: Map<string, string>): boolean {
  const index = parts.findLastIndex(
    (part) => part.kind === 'server-call' && part.id === block['tool_use_id'],
  );
  if (index < 0) return false;
  const call = parts[index] as ServerCallPart;
  parts[index] = {
    ...call,
    output: readContent(block['content'], `${at}.content`, names),
    isError: block['is_error'] === true ? true : undefined,
  };
  return true;
}

function placeSeal({ place, seal }: PackedSeal, parts: Part[]): void {
  const before = parts.at(-1);
  if (place === 'previous' && before !== undefined && canBeSealed(before))
    parts[parts.length - 1] = { ...before, seal };
  else parts.push({ kind: 'text', text: '', seal });
}

function canBeSealed(part: Part): part is Extract<Part, { kind: 'text' | 'image' | 'tool-call' }> {
  return part.kind === 'text' || part.kind === 'image' || part.kind === 'tool-call';
}

function common(
  block: JsonObject,
  members: ReadonlySet<string>,
): { cache?: CacheMark | undefined; extras?: Extras | undefined } {
  const cache = readCache(block['cache_control']);
  const extras = extrasOf('messages', block, members);
  return { ...(cache === undefined ? {} : { cache }), ...(extras === undefined ? {} : { extras }) };
}

function needText(object: JsonObject, name: string, at: string): string {
  const value = object[name];
  if (typeof value !== 'string') throw invalid(`${at}.${name} must be text.`, `${at}.${name}`);
  return value;
}
