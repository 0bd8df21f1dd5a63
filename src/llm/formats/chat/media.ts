import type { Source } from '../../conversation/parts.ts';

const DATA_URL = /^data:([^,]*?)(;base64)?,/;
/** Only the head of a data URL is looked at: its data may have megabytes. */
const HEAD_CHARS = 256;

const BY_ENDING: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  xml: 'application/xml',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
};

const AUDIO: Readonly<Record<string, string>> = {
  mp3: 'audio/mpeg',
  pcm16: 'audio/pcm',
  g711_ulaw: 'audio/basic',
};

/** An address that may hold the bytes itself. */
export function urlSource(url: string, mediaType?: string): Source {
  const head = DATA_URL.exec(url.slice(0, HEAD_CHARS));
  if (head === null) return { kind: 'url', url, ...(mediaType === undefined ? {} : { mediaType }) };
  const said = head[1] === undefined || head[1] === '' ? undefined : head[1];
  const data = url.slice(head[0].length);
  return {
    kind: 'base64',
    mediaType: said ?? mediaType ?? 'application/octet-stream',
    data: head[2] === undefined ? Buffer.from(percentDecoded(data)).toString('base64') : data,
  };
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `file_data` is a data URL; some send an address, or the base64 alone. */
export function fileSource(data: string, name: string | undefined): Source {
  if (/^(?:data:|https?:\/\/)/.test(data)) return urlSource(data);
  return { kind: 'base64', mediaType: mediaTypeOf(name), data };
}

function mediaTypeOf(name: string | undefined): string {
  if (name === undefined) return 'application/pdf';
  return BY_ENDING[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream';
}

/** The ending that goes with a media type, for files that must have a name. */
export function endingOf(mediaType: string): string {
  return Object.keys(BY_ENDING).find((ending) => BY_ENDING[ending] === mediaType) ?? 'bin';
}

export function audioMediaType(format: string): string {
  return AUDIO[format] ?? `audio/${format}`;
}

/** The word for a kind of audio: `audio/mpeg` is `mp3`, `audio/x-wav` is `wav`. */
export function audioFormat(mediaType: string): string {
  const plain = mediaType.replace(/;.*$/, '').toLowerCase();
  const known = Object.keys(AUDIO).find((format) => AUDIO[format] === plain);
  return known ?? plain.replace(/^audio\/(?:x-)?/, '').replace(/^(?:wave|vnd\.wave)$/, 'wav');
}
