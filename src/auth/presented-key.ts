import type { IncomingHttpHeaders } from 'node:http';

/** Finds the key that a request carries. */
export interface KeyReader {
  /** The key; the query (without `?`) counts only where one is given. Empty values count as absent. */
  read(headers: IncomingHttpHeaders, query: string | undefined): string | undefined;
  /** The header that `read` takes the key from, lower case; it must not be passed on to anyone. */
  headerOf(headers: IncomingHttpHeaders): string | undefined;
}

type HeaderForm = (value: string) => string | undefined;

/**
 * Looks for the key in this order: `x-litellm-api-key`, the configured header, `Authorization: Bearer`, `x-api-key` (Anthropic),
 * `api-key` (Azure), `x-goog-api-key` (Gemini), `?key=`. The first that is not empty counts, right or wrong.
 */
export function createKeyReader(headerName: string | undefined): KeyReader {
  const sources: readonly (readonly [name: string, form: HeaderForm])[] = [
    ['x-litellm-api-key', keyOrBearer],
    ...(headerName === undefined ? [] : ([[headerName.toLowerCase(), keyOrBearer]] as const)),
    ['authorization', bearer],
    ['x-api-key', keyOrBearer],
    ['api-key', keyOrBearer],
    ['x-goog-api-key', keyOrBearer],
  ];
  return {
    read: (headers, query) => {
      for (const [name, form] of sources) {
        const value = headers[name];
        const key = typeof value === 'string' ? form(value) : undefined;
        if (key !== undefined) return key;
      }
      return query === undefined
        ? undefined
        : (new URLSearchParams(query).get('key') ?? '').trim() || undefined;
    },
    headerOf: (headers) =>
      sources.find(([name, form]) => {
        const value = headers[name];
        return typeof value === 'string' && form(value) !== undefined;
      })?.[0],
  };
}

/** The token of the Bearer scheme (RFC 6750 section 2.1; schemes are case-insensitive, RFC 9110 section 11.1). */
function bearer(value: string): string | undefined {
  if (value.length < 8 || value.slice(0, 6).toLowerCase() !== 'bearer') return undefined;
  if (value[6] !== ' ' && value[6] !== '\t') return undefined;
  const key = value.slice(7).trim();
  return key === '' ? undefined : key;
}

/** A header that holds a key, with or without the word Bearer before it. */
function keyOrBearer(value: string): string | undefined {
  const text = value.trim();
  if (text === '' || /^bearer$/i.test(text)) return undefined;
  return bearer(text) ?? text;
}
