import type { Dropped } from '../../conversation/dropped.ts';
import type {
  Citation,
  DocumentPart,
  ImagePart,
  JsonObject,
  Part,
  RefusalPart,
  Source,
  TextPart,
} from '../../conversation/parts.ts';
import { dropCommon, foreignName } from './drop-names.ts';
import { isObject } from './json-members.ts';
import { partMembers } from './message-members.ts';

/** The content of a message of a user or developer, or of a tool's output. What cannot be said there is reported. */
export function writeContent(parts: readonly Part[], dropped: Dropped): readonly JsonObject[] {
  return parts.flatMap((part) => {
    dropCommon(part, dropped);
    const content = contentOf(part, dropped);
    return content === undefined ? [] : [{ ...content, ...partMembers(part.extras) }];
  });
}

function contentOf(part: Part, dropped: Dropped): JsonObject | undefined {
  switch (part.kind) {
    case 'text':
      if (part.citations !== undefined) dropped.add('messages.citations');
      return { type: 'input_text', text: part.text };
    case 'refusal':
      return { type: 'input_text', text: part.text };
    case 'image':
      return writeImage(part, dropped);
    case 'document':
      return writeDocument(part, dropped);
    case 'audio':
      return writeAudio(part.source, dropped);
    case 'video':
      dropped.add('contents.video');
      return undefined;
    case 'foreign':
      dropped.add(foreignName(part.format, part.value));
      return undefined;
    case 'thinking':
    case 'tool-call':
    case 'tool-result':
    case 'server-call':
    case 'server-tools':
    case 'approval-request':
    case 'approval':
      dropped.add(`messages.${part.kind}`);
      return undefined;
  }
}

function writeImage(part: ImagePart, dropped: Dropped): JsonObject | undefined {
  const { source } = part;
  const detail = part.detail ?? 'auto';
  if (source.kind === 'url') return { type: 'input_image', image_url: source.url, detail };
  if (source.kind === 'base64') return { type: 'input_image', image_url: dataUrl(source), detail };
  if (source.kind === 'file' && isOpenAi(source)) return { type: 'input_image', file_id: source.id, detail };
  dropped.add('messages.image.file');
  return undefined;
}

function writeDocument(part: DocumentPart, dropped: Dropped): JsonObject | undefined {
  const { source, name } = part;
  if (part.context !== undefined) dropped.add('messages.document.context');
  if (source.kind === 'text')
    return { type: 'input_text', text: name === undefined ? source.text : `${name}:\n${source.text}` };
  if (source.kind === 'url')
    return { type: 'input_file', ...(name === undefined ? {} : { filename: name }), file_url: source.url };
  if (source.kind === 'base64')
    return {
      type: 'input_file',
      filename: name ?? `document.${endingOf(source.mediaType)}`,
      file_data: dataUrl(source),
    };
  if (isOpenAi(source)) return { type: 'input_file', file_id: source.id };
  dropped.add('messages.document.file');
  return undefined;
}

function writeAudio(source: Source, dropped: Dropped): JsonObject | undefined {
  if (source.kind === 'base64' && source.mediaType.startsWith('audio/')) {
    const subtype = source.mediaType.slice('audio/'.length).replace(/^x-/, '');
    const format = subtype === 'mpeg' || subtype === 'mp3' ? 'mp3' : subtype === 'wave' ? 'wav' : subtype;
    return { type: 'input_audio', input_audio: { data: source.data, format } };
  }
  dropped.add('messages.audio');
  return undefined;
}

/** A file at OpenAI has one id in both of its formats. */
function isOpenAi(source: { readonly format: string }): boolean {
  return source.format === 'responses' || source.format === 'chat';
}

function dataUrl(source: { readonly mediaType: string; readonly data: string }): string {
  return `data:${source.mediaType};base64,${source.data}`;
}

function endingOf(mediaType: string): string {
  const subtype = mediaType.slice(mediaType.indexOf('/') + 1);
  return subtype === 'plain' ? 'txt' : (/^[a-z0-9]+/.exec(subtype)?.[0] ?? 'bin');
}

/** Content of a message of the assistant. */
export function writeOutputContent(part: TextPart | RefusalPart, dropped: Dropped): JsonObject {
  dropCommon(part, dropped);
  const extras = partMembers(part.extras);
  if (part.kind === 'refusal') return { type: 'refusal', refusal: part.text, ...extras };
  const annotations = (part.citations ?? []).flatMap((citation) => {
    const annotation = writeCitation(citation, part.text.length);
    if (annotation === undefined) dropped.add('messages.citations');
    return annotation === undefined ? [] : [annotation];
  });
  return { type: 'output_text', text: part.text, annotations, ...extras };
}

/** An annotation for a citation, which needs an address when it comes from another format; `end`: where it ends when it does not say so. */
export function writeCitation(citation: Citation, end: number): JsonObject | undefined {
  if (citation.format === 'responses') return citation.raw;
  const chat = citation.raw['url_citation'];
  if (citation.format === 'chat' && isObject(chat)) return { type: 'url_citation', ...chat };
  if (citation.url === undefined) return undefined;
  return {
    type: 'url_citation',
    url: citation.url,
    title: citation.title ?? '',
    start_index: citation.start ?? 0,
    end_index: citation.end ?? end,
  };
}
