import { invalid } from '../../conversation/llm-failure.ts';
import type { Citation, Json, JsonObject, Part, Source } from '../../conversation/parts.ts';
import { extrasOf, isObject, listOf, type Members, membersOf, numberOf, textOf } from './json-members.ts';

const DATA_URL = /^data:([^,]*?)(;base64)?,/;

/** The parts of a message's or tool output's `content`: a string, or a list of content parts. `path` is the member's own. */
export function readContent(content: Json | undefined, path: string): readonly Part[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) throw invalid(`${path} must be a string or a list of content parts`, path);
  return (content as readonly Json[]).map((part, at) => {
    if (typeof part === 'string') return { kind: 'text', text: part };
    if (!isObject(part)) throw invalid(`${path}[${at}] must be an object`, `${path}[${at}]`);
    return readPart(membersOf(part, `${path}[${at}]`));
  });
}

function readPart(part: Members): Part {
  const type = part.needText('type');
  switch (type) {
    case 'input_text':
    case 'output_text':
    case 'text':
    case 'summary_text':
      return readText(part);
    case 'reasoning_text':
      return { kind: 'thinking', text: part.needText('text') };
    case 'refusal':
      return { kind: 'refusal', text: part.needText('refusal'), extras: rest(part, ['refusal']) };
    case 'input_image':
      return readImage(part);
    case 'input_file':
      return readFile(part);
    case 'input_audio':
      return readAudio(part);
    default:
      throw invalid(
        `${part.at('type')} is "${type}"; it must be input_text, input_image, input_file, input_audio, output_text or refusal`,
        part.at('type'),
      );
  }
}

function rest(part: Members, known: readonly string[]): ReturnType<typeof extrasOf> {
  return extrasOf(part.rest(['type', ...known]));
}

function readText(part: Members): Part {
  const citations = listOf(part.value['annotations']).filter(isObject).map(readCitation);
  const other = part.rest(['type', 'text', 'annotations']);
  // An empty list of probabilities says nothing.
  if (Array.isArray(other['logprobs']) && other['logprobs'].length === 0) delete other['logprobs'];
  return {
    kind: 'text',
    text: part.needText('text'),
    citations: citations.length === 0 ? undefined : citations,
    extras: extrasOf(other),
  };
}

/** An annotation of a text. */
export function readCitation(raw: JsonObject): Citation {
  return {
    format: 'responses',
    url: textOf(raw['url']),
    title: textOf(raw['title']) ?? textOf(raw['filename']),
    start: numberOf(raw['start_index']),
    end: numberOf(raw['end_index']),
    raw,
  };
}

function readImage(part: Members): Part {
  const url = part.text('image_url');
  const fileId = part.text('file_id');
  if (url === undefined && fileId === undefined)
    throw invalid(`${part.path} needs image_url or file_id`, part.at('image_url'));
  return {
    kind: 'image',
    source: url === undefined ? { kind: 'file', id: fileId!, format: 'responses' } : urlSource(url),
    detail: part.text('detail'),
    extras: rest(part, ['image_url', 'file_id', 'detail']),
  };
}

function readFile(part: Members): Part {
  const data = part.text('file_data');
  const url = part.text('file_url');
  const fileId = part.text('file_id');
  const name = part.text('filename');
  if (data === undefined && url === undefined && fileId === undefined)
    throw invalid(`${part.path} needs file_data, file_url or file_id`, part.at('file_data'));
  const source: Source =
    data !== undefined
      ? dataSource(data, name)
      : url !== undefined
        ? { kind: 'url', url }
        : { kind: 'file', id: fileId!, format: 'responses' };
  return {
    kind: 'document',
    source,
    name,
    extras: rest(part, ['file_data', 'file_url', 'file_id', 'filename']),
  };
}

function readAudio(part: Members): Part {
  const audio = part.object('input_audio');
  if (audio === undefined) throw invalid(`${part.path} needs input_audio`, part.at('input_audio'));
  const members = membersOf(audio, part.at('input_audio'));
  const format = members.needText('format');
  return {
    kind: 'audio',
    source: {
      kind: 'base64',
      mediaType: format === 'mp3' ? 'audio/mpeg' : `audio/${format}`,
      data: members.needText('data'),
    },
    extras: rest(part, ['input_audio']),
  };
}

/** An address that may hold the bytes itself. */
function urlSource(url: string): Source {
  // Only the head is looked at: the data may have megabytes.
  const head = DATA_URL.exec(url.slice(0, 256));
  if (head === null) return { kind: 'url', url };
  const mediaType = head[1] === '' || head[1] === undefined ? 'application/octet-stream' : head[1];
  const data = url.slice(head[0].length);
  if (head[2] !== undefined) return { kind: 'base64', mediaType, data };
  return { kind: 'base64', mediaType, data: Buffer.from(percentDecoded(data)).toString('base64') };
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  xml: 'application/xml',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
};

/** `file_data` is a data URL by the documentation; some clients send the base64 alone. */
function dataSource(data: string, name: string | undefined): Source {
  if (data.startsWith('data:')) return urlSource(data);
  const ending = name?.slice(name.lastIndexOf('.') + 1).toLowerCase() ?? 'pdf';
  return { kind: 'base64', mediaType: MEDIA_TYPES[ending] ?? 'application/octet-stream', data };
}
