import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { LlmConfig } from '../llm-config.ts';

const BACKOFF_MS = 500;
const BACKOFF_MS_MAX = 8_000;
/** A provider that wants a longer pause is not waited for. */
const RETRY_AFTER_MS_MAX = 60_000;

/** Whether the same request may succeed elsewhere, or later. */
export function isWorthRetrying({ kind }: LlmFailure): boolean {
  switch (kind) {
    case 'rate-limit':
    case 'quota':
    case 'overloaded':
    case 'timeout':
    case 'cut':
    case 'unreachable':
    case 'upstream':
      return true;
    case 'invalid':
    case 'auth':
    case 'forbidden':
    case 'not-found':
    case 'too-large':
    case 'context-length':
    case 'content-policy':
    case 'internal':
      return false;
  }
}

/** How long to wait before the same deployment is tried again; `undefined`: it is not worth it. */
export function waitMs(retry: number, { retryAfterMs }: LlmFailure, random: number): number | undefined {
  if (retryAfterMs !== undefined) return retryAfterMs > RETRY_AFTER_MS_MAX ? undefined : retryAfterMs;
  return Math.min(BACKOFF_MS * 2 ** retry, BACKOFF_MS_MAX) * (0.75 + random * 0.5);
}

/** The models that stand in for one that failed in this way, in order. */
export function standInsFor(model: string, { kind }: LlmFailure, config: LlmConfig): readonly string[] {
  const { router } = config;
  switch (kind) {
    case 'invalid':
    case 'too-large':
      return [];
    case 'context-length':
      return router.contextWindowFallbacks[model] ?? [];
    case 'content-policy':
      return router.contentPolicyFallbacks[model] ?? [];
    default:
      return [...(router.fallbacks[model] ?? router.fallbacks['*'] ?? []), ...router.defaultFallbacks];
  }
}
