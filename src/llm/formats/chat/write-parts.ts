import type { Dropped } from '../../conversation/dropped.ts';
import { ownExtras } from '../../conversation/json.ts';
import type {
  AudioPart,
  CacheMark,
  DocumentPart,
  ImagePart,
  JsonObject,
  Part,
  Source,
  VideoPart,
} from '../../conversation/parts.ts';
import type { ToolNames } from '../../conversation/tool-names.ts';
import { audioFormat, endingOf } from './media.ts';
import type { ModelRules } from './model-rules.ts';

const AT = 'messages.content';

/** What the writing of one request has to know everywhere. */
export class Writing {
  readonly dropped: Dropped;
  readonly names: ToolNames;
  readonly rules: ModelRules;
  /** Whether the request came in this format: then it says what its client wants, also where the provider will refuse it. */
  readonly isOwn: boolean;
  readonly hasFreeform: boolean;

  constructor(rules: ModelRules, names: ToolNames, isOwn: boolean, dropped: Dropped) {
    this.rules = rules;
    this.names = names;
    this.isOwn = isOwn;
    this.hasFreeform = isOwn || rules.hasFreeform;
    this.dropped = dropped;
  }

  get hasCacheMarks(): boolean {
    return this.isOwn || this.rules.takesCacheMarks;
  }

  cache(mark: CacheMark | undefined, name: string): JsonObject {
    if (mark === undefined) return {};
    if (!this.hasCacheMarks) {
      this.dropped.add(name);
      return {};
    }
    return { cache_control: mark.ttl === '1h' ? { type: 'ephemeral', ttl: '1h' } : { type: 'ephemeral' } };
  }

  /** What every part may carry. */
  tail(part: Part): JsonObject {
    return {
      ...this.cache(part.cache, 'messages.cache_control'),
      ...ownExtras('chat', part.extras, this.dropped, AT),
    };
  }
}

/** A part of a user's message, or of a tool's result; nothing when it cannot be said. */
export function writeContentPart(part: Part, writing: Writing): JsonObject | undefined {
  switch (part.kind) {
    case 'text':
      return { type: 'text', text: part.text, ...writing.tail(part) };
    case 'refusal':
      return { type: 'text', text: part.text, ...writing.tail(part) };
    case 'image':
      return writeImage(part, writing);
    case 'document':
      return writeDocument(part, writing);
    case 'audio':
      return writeAudio(part, writing);
    case 'video':
      return writeVideo(part, writing);
    case 'foreign':
      if (part.format === 'chat') return part.value;
      writing.dropped.add(`${AT}.${String(part.value['type'] ?? Object.keys(part.value)[0] ?? 'unknown')}`);
      return undefined;
    case 'approval':
    case 'approval-request':
      writing.dropped.add(`${AT}.${part.kind}`);
      return undefined;
    case 'thinking':
    case 'tool-call':
    case 'tool-result':
    case 'server-call':
    case 'server-tools':
      // Have their own places, or say nothing in a request.
      return undefined;
  }
}

function lost(part: Part, writing: Writing): undefined {
  writing.dropped.add(`${AT}.${part.kind}`);
  return undefined;
}

function dataUrl(source: Extract<Source, { kind: 'base64' }>): string {
  return `data:${source.mediaType};base64,${source.data}`;
}

function writeImage(part: ImagePart, writing: Writing): JsonObject | undefined {
  const { source } = part;
  if (source.kind === 'file' || source.kind === 'text') return lost(part, writing);
  if (part.seal !== undefined) writing.dropped.add(`${AT}.image.signature`);
  const { image_url: _url, ...tail } = writing.tail(part);
  return {
    type: 'image_url',
    image_url: {
      url: source.kind === 'url' ? source.url : dataUrl(source),
      ...(part.detail === undefined ? {} : { detail: part.detail }),
    },
    ...tail,
  };
}

function writeDocument(part: DocumentPart, writing: Writing): JsonObject | undefined {
  const { source, name } = part;
  if (part.context !== undefined) writing.dropped.add(`${AT}.document.context`);
  const tail = writing.tail(part);
  const text = textOf(source);
  if (text !== undefined && !writing.isOwn)
    return { type: 'text', text: name === undefined ? text : `${name}:\n${text}`, ...tail };
  switch (source.kind) {
    case 'base64':
      return {
        type: 'file',
        file: {
          filename: name ?? `document.${endingOf(source.mediaType)}`,
          file_data: dataUrl(source),
        },
        ...tail,
      };
    case 'url':
      // OpenAI takes no addresses; OpenRouter and others do.
      if (writing.rules.isOpenAi && !writing.isOwn) return lost(part, writing);
      return {
        type: 'file',
        file: { ...(name === undefined ? {} : { filename: name }), file_data: source.url },
        ...tail,
      };
    case 'file':
      // Files of Responses are those of the same account.
      if (source.format !== 'chat' && source.format !== 'responses') return lost(part, writing);
      return {
        type: 'file',
        file: {
          file_id: source.id,
          ...(source.mediaType === undefined ? {} : { format: source.mediaType }),
        },
        ...tail,
      };
    case 'text':
      return { type: 'text', text: source.text, ...tail };
  }
}

/** The text of a document that is one: providers take it as such, and few take it as a file. */
function textOf(source: Source): string | undefined {
  if (source.kind === 'text') return source.text;
  if (source.kind !== 'base64') return undefined;
  return /^(?:text\/|application\/(?:json|xml|yaml|javascript)\b)/.test(source.mediaType)
    ? Buffer.from(source.data, 'base64').toString('utf8')
    : undefined;
}

function writeAudio(part: AudioPart, writing: Writing): JsonObject | undefined {
  const { source } = part;
  if (source.kind !== 'base64') return lost(part, writing);
  return {
    type: 'input_audio',
    input_audio: { data: source.data, format: audioFormat(source.mediaType) },
    ...writing.tail(part),
  };
}

/** Not OpenAI's; vLLM, OpenRouter and others have it. */
function writeVideo(part: VideoPart, writing: Writing): JsonObject | undefined {
  const { source } = part;
  if ((source.kind !== 'url' && source.kind !== 'base64') || writing.rules.isOpenAi)
    return lost(part, writing);
  return {
    type: 'video_url',
    video_url: { url: source.kind === 'url' ? source.url : dataUrl(source) },
    ...writing.tail(part),
  };
}
