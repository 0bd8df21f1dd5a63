import { extrasOf, isList, isObject, numberOf, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Citation, Extras, Json, JsonObject, Part } from '../../conversation/parts.ts';
import { readCache } from './cache-mark.ts';
import { audioMediaType, fileSource, urlSource } from './media.ts';
import { Members } from './members.ts';

const TYPES = 'text, image_url, input_audio, file, video_url or refusal';

/** The parts of a message's `content`: a string, or a list of content parts. */
export function readContent(content: Json | undefined, path: string): readonly Part[] {
  if (content === undefined || content === null || content === '') return [];
  if (typeof content === 'string') return [{ kind: 'text', text: content }];
  if (!isList(content)) throw invalid(`${path} must be a string or a list of content parts`, path);
  return content.map((part, index) => {
    if (typeof part === 'string') return { kind: 'text', text: part };
    const at = `${path}[${index}]`;
    if (!isObject(part)) throw invalid(`${at} must be an object`, at);
    return readPart(new Members(part, at));
  });
}

function readPart(part: Members): Part {
  const type = part.needText('type');
  switch (type) {
    case 'text':
      return { kind: 'text', text: part.needText('text'), ...common(part, ['text']) };
    case 'refusal':
      return { kind: 'refusal', text: part.needText('refusal'), ...common(part, ['refusal']) };
    case 'thinking':
      return { kind: 'thinking', text: thoughtText(part.get('thinking')), ...common(part, ['thinking']) };
    case 'image_url':
      return readImage(part);
    case 'video_url':
      return {
        kind: 'video',
        source: urlSource(addressOf(part, 'video_url').url),
        ...common(part, ['video_url']),
      };
    case 'input_audio':
      return readAudio(part);
    case 'file':
      return readFile(part);
    default:
      throw invalid(`${part.at('type')} is "${type}"; it must be ${TYPES}`, part.at('type'));
  }
}

/** Mistral's thoughts among the content: a string, or a list of texts. */
export function thoughtText(value: Json | undefined): string {
  if (!isList(value)) return textOf(value) ?? '';
  return value.map((one) => (isObject(one) ? (textOf(one['text']) ?? '') : '')).join('');
}

/** `{"url": …}`; some send the address alone. */
function addressOf(part: Members, name: string): { url: string; rest: JsonObject } {
  const value = part.get(name);
  if (typeof value === 'string') return { url: value, rest: {} };
  const address = part.needObject(name);
  const { url: _url, ...rest } = address.value;
  return { url: address.needText('url'), rest };
}

function readImage(part: Members): Part {
  const { url, rest } = addressOf(part, 'image_url');
  const { detail, format, ...others } = rest;
  return {
    kind: 'image',
    source: urlSource(url, textOf(format)),
    ...(typeof detail === 'string' ? { detail } : {}),
    ...common(part, ['image_url'], others),
  };
}

function readAudio(part: Members): Part {
  const audio = part.needObject('input_audio');
  return {
    kind: 'audio',
    source: {
      kind: 'base64',
      mediaType: audioMediaType(audio.needText('format')),
      data: audio.needText('data'),
    },
    ...common(part, ['input_audio']),
  };
}

function readFile(part: Members): Part {
  const file = part.needObject('file');
  const name = file.text('filename');
  const data = file.text('file_data');
  const id = file.text('file_id');
  if (data === undefined && id === undefined)
    throw invalid(`${file.path} needs file_data or file_id`, file.at('file_data'));
  const mediaType = file.text('format');
  return {
    kind: 'document',
    source:
      data !== undefined
        ? fileSource(data, name)
        : {
            kind: 'file',
            id: id!,
            format: 'chat',
            ...(mediaType === undefined ? {} : { mediaType }),
          },
    ...(name === undefined ? {} : { name }),
    ...common(part, ['file']),
  };
}

/** The cache mark of a part, and the members that are not known. */
function common(part: Members, known: readonly string[], inner: JsonObject = {}): PartCommon {
  const cache = readCache(part.get('cache_control'));
  const extras = extrasOf('chat', { ...part.value, ...inner }, new Set(['type', 'cache_control', ...known]));
  return { ...(cache === undefined ? {} : { cache }), ...(extras === undefined ? {} : { extras }) };
}

interface PartCommon {
  readonly cache?: { readonly ttl: '5m' | '1h' };
  readonly extras?: Extras;
}

/** An annotation of a message; offsets are those of its whole text. */
export function readCitation(annotation: JsonObject): Citation {
  const about = isObject(annotation['url_citation']) ? annotation['url_citation'] : annotation;
  return {
    format: 'chat',
    url: textOf(about['url']),
    title: textOf(about['title']),
    quote: textOf(about['content']),
    start: numberOf(about['start_index']),
    end: numberOf(about['end_index']),
    raw: annotation,
  };
}
