import type { Dropped } from '../../conversation/dropped.ts';
import { isObject, numberOf, textOf } from '../../conversation/json.ts';
import type { Citation, Json, JsonObject } from '../../conversation/parts.ts';
import { packJson, unpackJson } from '../../conversation/seal-code.ts';

/** One citation of a text block. Another format's comes back as it was, from where `writeCitation` put it. */
export function readCitation(raw: JsonObject): Citation {
  const token = textOf(raw['encrypted_index']);
  const packed = token === undefined ? undefined : unpackJson(token);
  if (isObject(packed) && isObject(packed['citation'])) return packed['citation'] as unknown as Citation;
  return {
    format: 'messages',
    url: textOf(raw['url']) ?? textOf(raw['source']),
    title: textOf(raw['title']) ?? textOf(raw['document_title']),
    quote: textOf(raw['cited_text']),
    // The character positions of `char_location` are those of the document, not of the text that cites it.
    raw,
  };
}

export function readCitations(value: Json | undefined): readonly Citation[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return (value as readonly Json[]).filter(isObject).map(readCitation);
}

/** For a client; `undefined` when the format has no way to say it. */
export function writeCitation(citation: Citation, dropped: Dropped): JsonObject | undefined {
  if (citation.format === 'messages') return citation.raw;
  if (citation.url === undefined) {
    dropped.add('citations');
    return undefined;
  }
  return {
    type: 'web_search_result_location',
    url: citation.url,
    title: citation.title ?? null,
    cited_text: citation.quote ?? '',
    encrypted_index: packJson({ citation: plain(citation) }),
  };
}

/** For the provider, who takes only what it said itself. */
export function writeOwnCitations(
  citations: readonly Citation[] | undefined,
  dropped: Dropped,
): readonly JsonObject[] | undefined {
  if (citations === undefined) return undefined;
  const own = citations.filter((citation) => citation.format === 'messages');
  if (own.length < citations.length) dropped.add('messages.content.citations');
  return own.length === 0 ? undefined : own.map((citation) => citation.raw);
}

function plain(citation: Citation): JsonObject {
  return {
    format: citation.format,
    url: citation.url,
    title: citation.title,
    quote: citation.quote,
    start: numberOf(citation.start),
    end: numberOf(citation.end),
    raw: citation.raw,
  };
}
