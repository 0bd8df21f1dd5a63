import { createHash } from 'node:crypto';
import type { Dropped } from '../../conversation/dropped.ts';
import { inputObject, ownExtras } from '../../conversation/json.ts';
import type {
  CacheMark,
  DocumentPart,
  Extras,
  ImagePart,
  JsonObject,
  Part,
  ServerCallPart,
  Source,
  ThinkingPart,
} from '../../conversation/parts.ts';
import { wrapFreeform, type ToolNames } from '../../conversation/tool-names.ts';
import { writeOwnCitations } from './citations.ts';

const AT = 'messages.content';

/** What the writing of one request has to know everywhere. */
export interface Writing {
  readonly names: ToolNames;
  readonly dropped: Dropped;
  /** Servers whose tools the provider calls itself. */
  readonly servers: ReadonlySet<string>;
}

export function writeCache(cache: CacheMark | undefined): JsonObject {
  if (cache === undefined) return {};
  return {
    cache_control: cache.ttl === '1h' ? { type: 'ephemeral', ttl: '1h' } : { type: 'ephemeral' },
  };
}

/**
 * One part as content blocks; none when the format cannot say it, or the provider would refuse it. A call that the gateway made itself is
 * either two blocks of the provider's own kind or, as `writeTurns` decides, an ordinary call and its result.
 */
export function writePart(part: Part, writing: Writing): readonly JsonObject[] {
  const { dropped } = writing;
  switch (part.kind) {
    case 'text':
      return writeText(part.text, part, writing, writeOwnCitations(part.citations, dropped));
    case 'refusal':
      return writeText(part.text, part, writing, undefined);
    case 'image':
      return writeImage(part, dropped);
    case 'document':
      return writeDocument(part, dropped);
    case 'thinking':
      return writeThought(part, dropped);
    case 'tool-call':
      if (part.seal !== undefined) dropped.add(`${AT}.${part.seal.kind}`);
      return [
        {
          type: 'tool_use',
          id: wireId(part.id),
          name: writing.names.wire(part.name, part.namespace),
          input: inputObject(part.isFreeform === true ? wrapFreeform(part.input) : part.input),
          ...tail(part, dropped),
        },
      ];
    case 'tool-result': {
      const content = part.content.flatMap((inner) => writePart(inner, writing));
      return [
        {
          type: 'tool_result',
          tool_use_id: wireId(part.callId),
          ...(content.length === 0 ? {} : { content }),
          ...(part.isError === true ? { is_error: true } : {}),
          ...tail(part, dropped),
        },
      ];
    }
    case 'server-call':
      return writeServerCall(part, writing);
    case 'foreign':
      if (part.format === 'messages') return [part.value];
      dropped.add(`${AT}.${String(part.value['type'] ?? Object.keys(part.value)[0] ?? 'foreign')}`);
      return [];
    case 'server-tools':
      // Says nothing in a request.
      return [];
    case 'audio':
    case 'video':
    case 'approval-request':
    case 'approval':
      dropped.add(`${AT}.${part.kind}`);
      return [];
  }
}

/** An id that the provider takes. Its own and OpenAI's stay as they are; an id with other characters is only ever read within one request. */
export function wireId(id: string): string {
  if (/^[\w-]+$/.test(id)) return id;
  return `${id.replaceAll(/[^\w-]/g, '_')}_${createHash('sha256').update(id).digest('hex').slice(0, 8)}`;
}

function writeText(
  text: string,
  part: { readonly cache?: CacheMark | undefined; readonly extras?: Extras | undefined },
  { dropped }: Writing,
  citations: readonly JsonObject[] | undefined,
): readonly JsonObject[] {
  if ('seal' in part && part.seal !== undefined) dropped.add(`${AT}.signature`);
  if (part.extras?.format === 'messages' && part.extras.members['type'] !== undefined)
    return [{ ...part.extras.members, ...writeCache(part.cache) }];
  // The provider refuses texts without anything to read.
  if (text.trim() === '') return [];
  return [{ type: 'text', text, ...(citations === undefined ? {} : { citations }), ...tail(part, dropped) }];
}

function writeImage(part: ImagePart, dropped: Dropped): readonly JsonObject[] {
  const source = imageSource(part.source);
  if (source === undefined) {
    dropped.add(`${AT}.image`);
    return [];
  }
  if (part.detail !== undefined && part.detail !== 'auto') dropped.add(`${AT}.image.detail`);
  if (part.seal !== undefined) dropped.add(`${AT}.${part.seal.kind}`);
  return [{ type: 'image', source, ...tail(part, dropped) }];
}

function imageSource(source: Source): JsonObject | undefined {
  switch (source.kind) {
    case 'base64':
      return { type: 'base64', media_type: source.mediaType, data: source.data };
    case 'url':
      return { type: 'url', url: source.url };
    case 'file':
      return source.format === 'messages' ? { type: 'file', file_id: source.id } : undefined;
    case 'text':
      return undefined;
  }
}

function writeDocument(part: DocumentPart, dropped: Dropped): readonly JsonObject[] {
  const source = documentSource(part.source);
  if (source === undefined) {
    dropped.add(`${AT}.document`);
    return [];
  }
  return [
    {
      type: 'document',
      source,
      ...(part.name === undefined ? {} : { title: part.name }),
      ...(part.context === undefined ? {} : { context: part.context }),
      ...tail(part, dropped),
    },
  ];
}

function documentSource(source: Source): JsonObject | undefined {
  switch (source.kind) {
    case 'text':
      return { type: 'text', media_type: 'text/plain', data: source.text };
    case 'url':
      return { type: 'url', url: source.url };
    case 'file':
      return source.format === 'messages' ? { type: 'file', file_id: source.id } : undefined;
    case 'base64':
      if (source.mediaType === 'application/pdf')
        return { type: 'base64', media_type: source.mediaType, data: source.data };
      return isText(source.mediaType)
        ? {
            type: 'text',
            media_type: 'text/plain',
            data: Buffer.from(source.data, 'base64').toString('utf8'),
          }
        : undefined;
  }
}

function isText(mediaType: string): boolean {
  return mediaType.startsWith('text/') || /^application\/(?:json|xml|yaml|javascript)\b/.test(mediaType);
}

/** The provider takes only thoughts that it sealed itself. */
function writeThought(part: ThinkingPart, dropped: Dropped): readonly JsonObject[] {
  const { seal } = part;
  if (seal?.format !== 'messages') {
    dropped.add(`${AT}.thinking`);
    return [];
  }
  const rest = ownExtras('messages', part.extras, dropped, AT) ?? {};
  if (seal.kind === 'redacted') return [{ type: 'redacted_thinking', data: seal.value, ...rest }];
  return [{ type: 'thinking', thinking: part.text, signature: seal.value, ...rest }];
}

function writeServerCall(part: ServerCallPart, writing: Writing): readonly JsonObject[] {
  const isOwn = writing.servers.has(part.server);
  const use = {
    id: wireId(part.id),
    name: isOwn ? part.name : writing.names.wire(part.name, undefined),
    input: inputObject(part.input),
    ...tail(part, writing.dropped),
  };
  const content = (part.output ?? []).flatMap((inner) => writePart(inner, writing));
  const result = {
    tool_use_id: use.id,
    ...(content.length === 0 ? {} : { content }),
    ...(part.isError === true ? { is_error: true } : {}),
  };
  if (!isOwn)
    return [
      { type: 'tool_use', ...use },
      { type: 'tool_result', ...result },
    ];
  const call = { type: 'mcp_tool_use', server_name: part.server, ...use };
  return part.output === undefined ? [call] : [call, { type: 'mcp_tool_result', ...result }];
}

function tail(
  part: { readonly cache?: CacheMark | undefined; readonly extras?: Extras | undefined },
  dropped: Dropped,
): JsonObject {
  return { ...writeCache(part.cache), ...ownExtras('messages', part.extras, dropped, AT) };
}
