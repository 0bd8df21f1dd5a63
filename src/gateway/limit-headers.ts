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
    addOpenai(headers, OPENAI[kind], left);
    if (isAnthropic) addAnthropic(headers, ANTHROPIC[kind], left, now);
  }
  return headers;
}

interface Names {
  readonly limit: string;
  readonly remaining: string;
  readonly reset: string;
}

/** Written out, because a name that is put together for each answer is looked up among all names that there are. */
const OPENAI: Readonly<Record<'requests' | 'tokens', Names>> = {
  requests: {
    limit: 'x-ratelimit-limit-requests',
    remaining: 'x-ratelimit-remaining-requests',
    reset: 'x-ratelimit-reset-requests',
  },
  tokens: {
    limit: 'x-ratelimit-limit-tokens',
    remaining: 'x-ratelimit-remaining-tokens',
    reset: 'x-ratelimit-reset-tokens',
  },
};
const ANTHROPIC: typeof OPENAI = {
  requests: {
    limit: 'anthropic-ratelimit-requests-limit',
    remaining: 'anthropic-ratelimit-requests-remaining',
    reset: 'anthropic-ratelimit-requests-reset',
  },
  tokens: {
    limit: 'anthropic-ratelimit-tokens-limit',
    remaining: 'anthropic-ratelimit-tokens-remaining',
    reset: 'anthropic-ratelimit-tokens-reset',
  },
};

function addOpenai(headers: Record<string, string>, names: Names, left: Remaining): void {
  headers[names.limit] = String(left.limit);
  headers[names.remaining] = String(left.remaining);
  headers[names.reset] = durationText(left.resetMs);
}

function addAnthropic(headers: Record<string, string>, names: Names, left: Remaining, now: number): void {
  headers[names.limit] = String(left.limit);
  headers[names.remaining] = String(left.remaining);
  headers[names.reset] = new Date(now + left.resetMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** As OpenAI writes it: `350ms`, `6s`, `1m0s`. */
function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
