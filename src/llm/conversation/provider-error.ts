import type { FailureKind } from './llm-failure.ts';
import type { Json } from './parts.ts';

const BY_STATUS: Readonly<Record<number, FailureKind>> = {
  400: 'invalid',
  401: 'auth',
  402: 'quota',
  403: 'forbidden',
  404: 'not-found',
  408: 'timeout',
  413: 'too-large',
  422: 'invalid',
  429: 'rate-limit',
  503: 'overloaded',
  504: 'timeout',
  529: 'overloaded',
};

/** What a status says when the body says nothing. */
export function kindOfStatus(status: number): FailureKind {
  const kind = BY_STATUS[status];
  if (kind !== undefined) return kind;
  return status >= 400 && status < 500 ? 'invalid' : 'upstream';
}

/** `undefined`: no JSON. */
export function parseErrorBody(body: Buffer): Json | undefined {
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}

const TEXT_CHARS_MAX = 300;

/** Words for an answer that is not the format's own: a page of HTML, plain text, nothing. */
export function shortText(body: Buffer, status: number): string {
  const text = body.subarray(0, 8192).toString('utf8').trim();
  if (text === '') return `The provider answered with status ${status} and an empty body.`;
  const isPage = /^<(?:!doctype|html)/i.test(text);
  const plain = isPage ? (/<title>([^<]*)<\/title>/i.exec(text)?.[1] ?? 'a page of HTML') : text;
  return `The provider answered with status ${status}: ${plain.replaceAll(/\s+/g, ' ').trim().slice(0, TEXT_CHARS_MAX)}`;
}

/** How long to wait, as headers or the message say it; `undefined` when neither does. */
export function retryAfterOf(
  headers: Readonly<Record<string, string | undefined>>,
  message: string,
): number | undefined {
  const ms = Number(headers['retry-after-ms']);
  if (headers['retry-after-ms'] !== undefined && Number.isFinite(ms)) return Math.max(0, ms);
  const header = headers['retry-after'];
  if (header !== undefined) {
    const seconds = Number(header);
    if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
    const at = Date.parse(header);
    if (Number.isFinite(at)) return Math.max(0, at - Date.now());
  }
  const said = /(?:try again|retry) (?:in|after) (\d+(?:\.\d+)?) ?(ms|s|m)?\b/i.exec(message);
  if (said === null) return undefined;
  const unit = said[2] === 'ms' ? 1 : said[2] === 'm' ? 60_000 : 1000;
  return Math.round(Number(said[1]) * unit);
}
