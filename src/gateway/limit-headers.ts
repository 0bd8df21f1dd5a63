import type { Remaining, Standing } from '../limits/limits-ports.ts';

/**
 * What is left of the tightest limits per minute, for the headers of an answer: with OpenAI's names ("Rate limits in headers"), and on Anthropic's routes with
 * Anthropic's too ("Rate limits", "Response headers").
 */
export function limitHeaders(
  standing: Standing | undefined,
  isAnthropic: boolean,
  now: number,
): Readonly<Record<string, string>> | undefined {
  if (standing === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (const kind of ['requests', 'tokens'] as const) {
    const left = standing[kind];
    if (left === undefined) continue;
    addOpenai(headers, kind, left);
    if (isAnthropic) addAnthropic(headers, kind, left, now);
  }
  return headers;
}

function addOpenai(headers: Record<string, string>, kind: string, left: Remaining): void {
  headers[`x-ratelimit-limit-${kind}`] = String(left.limit);
  headers[`x-ratelimit-remaining-${kind}`] = String(left.remaining);
  headers[`x-ratelimit-reset-${kind}`] = durationText(left.resetMs);
}

function addAnthropic(headers: Record<string, string>, kind: string, left: Remaining, now: number): void {
  headers[`anthropic-ratelimit-${kind}-limit`] = String(left.limit);
  headers[`anthropic-ratelimit-${kind}-remaining`] = String(left.remaining);
  headers[`anthropic-ratelimit-${kind}-reset`] = new Date(now + left.resetMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
}

/** As OpenAI writes it: `350ms`, `6s`, `1m0s`. */
function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
