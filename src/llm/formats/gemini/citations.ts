import { isList, isObject, numberOf, textOf } from '../../conversation/json.ts';
import type { Citation, Json, JsonObject } from '../../conversation/parts.ts';

/** What the answer rests on, as `groundingMetadata` and `citationMetadata` of a candidate say it; `text` is what they count in, in bytes. */
export function readCitations(candidate: JsonObject, text: string): readonly Citation[] {
  return [
    ...readGrounding(candidate['groundingMetadata'], text),
    ...readSources(candidate['citationMetadata'], text),
  ];
}

function readGrounding(metadata: Json | undefined, text: string): readonly Citation[] {
  if (!isObject(metadata)) return [];
  const chunks = listOf(metadata['groundingChunks']);
  const supports = listOf(metadata['groundingSupports']);
  if (supports.length === 0) return chunks.map((chunk) => citation(chunk, undefined, text));
  return supports.flatMap((support) => {
    const indices = isList(support['groundingChunkIndices']) ? support['groundingChunkIndices'] : [];
    return indices.flatMap((index) => {
      const chunk = typeof index === 'number' ? chunks[index] : undefined;
      return chunk === undefined ? [] : [citation(chunk, support, text)];
    });
  });
}

function citation(chunk: JsonObject, support: JsonObject | undefined, text: string): Citation {
  // `web`, `retrievedContext`, `maps` or `image`: what it is, is the name of its only member.
  const source = Object.values(chunk).find(isObject) ?? {};
  const segment = isObject(support?.['segment']) ? support['segment'] : undefined;
  return {
    format: 'gemini',
    url: textOf(source['uri']),
    title: textOf(source['title']),
    quote: textOf(segment?.['text']),
    ...(segment === undefined ? {} : span(segment, text)),
    raw:
      support === undefined
        ? { groundingChunk: chunk }
        : { groundingChunk: chunk, groundingSupport: support },
  };
}

function readSources(metadata: Json | undefined, text: string): readonly Citation[] {
  if (!isObject(metadata)) return [];
  return listOf(metadata['citations'] ?? metadata['citationSources']).map((raw) => ({
    format: 'gemini',
    url: textOf(raw['uri']),
    title: textOf(raw['title']),
    ...span(raw, text),
    raw: { citation: raw },
  }));
}

/** Characters for the bytes that the API counts. */
function span(segment: JsonObject, text: string): { readonly start?: number; readonly end?: number } {
  const end = numberOf(segment['endIndex']);
  if (end === undefined) return {};
  const bytes = Buffer.from(text);
  const chars = (offset: number): number => bytes.subarray(0, offset).toString('utf8').length;
  return { start: chars(numberOf(segment['startIndex']) ?? 0), end: chars(end) };
}

interface Cited {
  readonly citation: Citation;
  /** The text that it belongs to. */
  readonly text: string;
  readonly partIndex: number;
}

/** Citations of any format as `groundingMetadata`; `undefined` when none has an address. */
export function writeGrounding(cited: readonly Cited[]): JsonObject | undefined {
  const chunks: JsonObject[] = [];
  const places = new Map<string, number>();
  const supports: JsonObject[] = [];
  for (const { citation: one, text, partIndex } of cited) {
    if (one.url === undefined) continue;
    let place = places.get(one.url);
    if (place === undefined) {
      place = chunks.length;
      places.set(one.url, place);
      chunks.push({ web: { uri: one.url, ...(one.title === undefined ? {} : { title: one.title }) } });
    }
    const { start = 0, end = text.length } = one;
    supports.push({
      segment: {
        ...(partIndex === 0 ? {} : { partIndex }),
        startIndex: Buffer.byteLength(text.slice(0, start)),
        endIndex: Buffer.byteLength(text.slice(0, end)),
        text: text.slice(start, end),
      },
      groundingChunkIndices: [place],
    });
  }
  return chunks.length === 0 ? undefined : { groundingChunks: chunks, groundingSupports: supports };
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return isList(value) ? value.filter(isObject) : [];
}
